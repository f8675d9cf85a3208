"""Weights on disk with a checksum: what is read is what was written, or an error says otherwise.

The files are safetensors, which other programs read as well: the checksum stands in their metadata.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from lgl_core.disk.atomic import read_whole, replacing

__all__ = ["DamagedWeights", "read_tensors", "write_tensors"]

# One entry, since safetensors writes several in any order, and the same model has the same bytes.
_ENTRY = "sha256, about"
# All that the metadata of files without a checksum had.
_BEFORE = {"progress", "settings"}


class DamagedWeights(ValueError):
    """A file of weights that is no use to anyone, as opposed to one that cannot be read now."""


def write_tensors(tensors: Mapping[str, Tensor], about: str, path: Path) -> None:
    """Write tensors, and what is to be said about them, in one step.

    Raises
    ------
    OSError
        If it cannot be written. The file is then what it was before.
    """
    tensors = dict(tensors)
    content = save(tensors, {_ENTRY: f"{_checksum(tensors, about)} {about}"})
    with replacing(path) as partial:
        partial.write_bytes(content)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], str | None]:
    """Read what :func:`write_tensors` wrote.

    Returns
    -------
    tensors : dict of str to Tensor
    about : str or None
        None for a file from before there were checksums, of which nobody can say whether it is
        whole.

    Raises
    ------
    DamagedWeights
        If a single bit of the tensors, their names, or what is said about them is another one.
    OSError
        If the file cannot be read now.
    """
    content = read_whole(path)
    try:
        tensors = load(content)
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    except (SafetensorError, ValueError, KeyError) as error:
        raise DamagedWeights(f"{path} is damaged: {type(error).__name__} {error}") from error
    if _ENTRY not in metadata and set(metadata) <= _BEFORE:
        return tensors, None
    checksum, _, about = metadata.get(_ENTRY, "").partition(" ")
    if checksum != _checksum(tensors, about):
        raise DamagedWeights(f"{path} is damaged: it does not match its checksum")
    return tensors, about


def _checksum(tensors: Mapping[str, Tensor], about: str) -> str:
    digest = hashlib.sha256(about.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
