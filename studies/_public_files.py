"""Files of networks that others made: fetched by checksum, and read without trusting them."""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from codecs import encode
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["FOLDER_VARIABLE", "checker", "fetched", "unpickled"]

# Where files are kept and looked for, as owner/name/path; without it that is the user's cache.
FOLDER_VARIABLE = "LGL_PUBLIC_NETWORKS"

# Source and licence of each file: public_networks.md beside this list.
_REGISTRY = Path(__file__).parent / "data" / "public_networks.txt"
_COMMITS = {
    "christiando/spycon": "9720cfa0a71ffd70a07c71c4e0e77a02baeba550",
    "ziyulu-uw/causalformer": "e535d7879127102cdd056e36af36f7cbd1b720ff",
    "gaurav71531/spikeNetwork": "92ddfe1fa93d06c68cda54478f1b0dd9cb295c4c",
}
_HOST = "https://raw.githubusercontent.com"

# All that a pickle of numpy's arrays and plain values asks for.
_REMAKE: Any = np.empty(0).__reduce__()[0]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): encode,
    ("numpy.core.multiarray", "_reconstruct"): _REMAKE,
    ("numpy._core.multiarray", "_reconstruct"): _REMAKE,
}


def fetched(repository: str, path: str) -> Path:
    """Find a file on this machine, or fetch it; its content is what was published.

    Parameters
    ----------
    repository : str
        ``"owner/name"``.
    path : str
        Within the repository.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the file is not listed, or is not the one that was published.
    OSError
        If it is not there and cannot be fetched.
    ImportError
        If no folder is named, or the file must be fetched, and pooch is not installed.
    """
    name = f"{repository}/{path}"
    digest = dict(line.rsplit(" ", 1) for line in _REGISTRY.read_text().splitlines()).get(name)
    if digest is None:
        raise ValueError(f"{name} is not one of the files in {_REGISTRY.name}")
    given = os.environ.get(FOLDER_VARIABLE)
    folder = Path(given) if given else Path(_pooch().os_cache("lgl_core")) / "public_networks"
    if not (folder / name).is_file():
        _fetch(name, f"{_HOST}/{repository}/{_COMMITS[repository]}/{path}", digest, folder)
    found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    if found != digest:
        raise ValueError(
            f"{folder / name} is not the file that was published: SHA-256 must be {digest}, "
            f"got {found}"
        )
    return folder / name


def _fetch(name: str, url: str, digest: str, folder: Path) -> None:
    try:
        pooch = _pooch()
        pooch.create(path=folder, base_url="", registry={name: digest}, urls={name: url}).fetch(
            name
        )
    except OSError as error:  # as of requests, too
        raise OSError(
            f"{name} is not in {folder}, and {url} cannot be fetched ({type(error).__name__}): set "
            f"{FOLDER_VARIABLE} to a folder that holds it as owner/name/path"
        ) from error


def _pooch() -> Any:
    try:
        with warnings.catch_warnings():
            # Its progress bars want widgets in a notebook; it has none to show there.
            warnings.filterwarnings("ignore", message="IProgress not found")
            return import_module("pooch")
    except ImportError as error:
        raise ImportError(
            "networks of others are fetched by pooch: pip install 'lgl_core[data]' brings it"
        ) from error


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not data")
        return _ALLOWED[module, name]


def unpickled(path: Path) -> Any:
    """Read a pickle that may hold numpy's arrays and plain values, and nothing that is run.

    Raises
    ------
    ValueError
        If it holds anything else, or is no pickle.
    """
    try:
        with path.open("rb") as file:
            return _Unpickler(file).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError) as error:
        raise ValueError(f"{path} must be a pickle of arrays: {error}") from error


def checker(path: Path) -> Callable[[Any, str], None]:
    """Make a check whose error names the file: ``check(holds, "times must ascend")``."""

    def check(holds: Any, what: str) -> None:
        if not bool(holds):
            raise ValueError(f"{path}: {what}")

    return check
