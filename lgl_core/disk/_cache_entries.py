"""A stored result: one file of arrays, tables and JSON, which says of which call it is.

Reading it runs no code that the file could bring, and a file whose checksum or call is wrong is not
read at all. A pickle would do whatever its writer wants.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import uuid
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.disk.atomic import PARTIAL, remove_abandoned, replacing

__all__ = ["Entry", "tidy"]

_DAMAGED = ".damaged"
_KINDS: dict[str, Any] = {"list": list, "tuple": tuple, "dict": dict}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The place of a result on disk.

    Parameters
    ----------
    folder : Path
        Of the cache.
    call : str
        What the result is of: the file's path in the folder, without its ending.
    modules : collection of str
        Those that the function can reach. Only their dataclasses are stored and read.
    """

    folder: Path
    call: str
    modules: Collection[str]

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.folder / f"{self.call}.entry"

    def read(self) -> Any:
        """Read the result.

        Raises
        ------
        ValueError
            If the file is damaged, or of another call.
        OSError
            If it is not there or cannot be read.
        """
        digest, _, payload = self.path.read_bytes().partition(b"\n")
        if digest != hashlib.sha256(payload).hexdigest().encode():
            raise ValueError("its content does not match its checksum")
        try:
            return self._unpacked(payload)
        except MemoryError:
            raise
        except Exception as error:  # whatever a file that was made with intent may raise
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def write(self, result: Any) -> None:
        """Write the result, so that no other process ever sees half a file.

        Raises
        ------
        TypeError
            If it holds something that would not come back as it was.
        OSError
            If the disk is full, say.
        """
        parts: dict[str, NDArray] = {}
        about = {"call": self.call, "result": _packed(result, parts, self.modules)}
        parts["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        buffer = BytesIO()
        np.savez(buffer, allow_pickle=False, **parts)
        payload = buffer.getvalue()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as partial:
            partial.write_bytes(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)

    def set_aside(self) -> None:
        """Rename a damaged file, which is kept for a day."""
        aside = self.path.with_name(f"{self.path.name}.{uuid.uuid4().hex}{_DAMAGED}")
        with suppress(OSError):  # another process was faster
            os.utime(self.path)
            self.path.rename(aside)

    def _unpacked(self, payload: bytes) -> Any:
        with np.load(BytesIO(payload), allow_pickle=False) as parts:
            about = json.loads(parts["about"].tobytes())
            if about["call"] != self.call:
                raise ValueError(f"it is the result of another call, {about['call']}")
            return _unpacked(about["result"], parts, self.modules)


def tidy(folder: Path) -> None:
    """Remove what killed processes and damaged files have left in a cache, once it is a day old."""
    for ending in (PARTIAL, _DAMAGED):
        remove_abandoned(folder, f"results/*/*/*{ending}")


def _packed(value: Any, parts: dict[str, NDArray], modules: Collection[str]) -> Any:
    """Turn a value into JSON; its arrays and tables go to ``parts``."""
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind in (list, tuple):
        return {kind.__name__: [_packed(item, parts, modules) for item in value]}
    if kind is dict:
        items = [[key, inside] for key, inside in value.items()]
        return {"dict": _packed(items, parts, modules)["list"]}
    if kind is np.ndarray or isinstance(value, np.generic):
        return {"array" if kind is np.ndarray else "scalar": _added(np.asarray(value), parts)}
    if kind is pd.DataFrame:
        content = value.to_parquet()
        if not pd.read_parquet(BytesIO(content)).equals(value):
            raise TypeError("a table with such columns would not come back as it was")
        return {"table": _added(np.frombuffer(content, np.uint8), parts)}
    if is_dataclass(value):
        name = f"{kind.__module__}:{kind.__qualname__}"
        if _class_of(name, modules) is kind and all(field.init for field in fields(value)):
            inside = {field.name: getattr(value, field.name) for field in fields(value)}
            return {name: _packed(inside, parts, modules)}
    raise TypeError(
        f"{kind.__module__}.{kind.__qualname__} is none of what is stored: numbers, text, arrays, "
        "tables, lists, tuples, dicts, and dataclasses of modules that the function imports"
    )


def _added(array: NDArray, parts: dict[str, NDArray]) -> str:
    name = str(len(parts))
    parts[name] = array
    return name


def _unpacked(value: Any, parts: Any, modules: Collection[str]) -> Any:
    """Turn JSON into the value it was."""
    if not isinstance(value, dict):
        return value
    ((kind, inside),) = value.items()
    if kind == "array":
        return parts[inside]
    if kind == "scalar":
        return parts[inside][()]
    if kind == "table":
        return pd.read_parquet(BytesIO(parts[inside].tobytes()))
    if kind in _KINDS:
        return _KINDS[kind](_unpacked(item, parts, modules) for item in inside)
    return _class_of(kind, modules)(**_unpacked(inside, parts, modules))


def _class_of(name: str, modules: Collection[str]) -> type:
    """Find a dataclass; its name is in a file, and must not lead anywhere else."""
    module, _, inside = name.partition(":")
    found = vars(importlib.import_module(module)).get(inside) if module in modules else None
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ValueError(f"{name} is no dataclass of a module that the function imports")
    return found
