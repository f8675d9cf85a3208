"""Where a model is trained: on which device, and by how many processes together.

``torchrun`` starts several processes of one script; those that train one model share each batch
and add up their gradients.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = [
    "add_up",
    "device_named",
    "is_first",
    "join",
    "launched",
    "n_processes",
    "share",
    "wait",
]

T = TypeVar("T")


def device_named(name: str = "auto") -> torch.device:
    """Find a device.

    Parameters
    ----------
    name : str
        As PyTorch names it, or ``"auto"``: the accelerator if there is one, else the processor.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If PyTorch knows no such device, or has none here.
    """
    found = torch.accelerator.current_accelerator(check_available=True)
    if name == "auto":
        return found or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f'device must be "auto" or a name of PyTorch, got {name!r}') from error
    if device.type not in {"cpu", found.type if found else "cpu"}:
        raise ValueError(f'there is no device {name!r} here; "auto" takes what there is')
    return device


def launched() -> int:
    """Say how many processes ``torchrun`` has started; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if dist.is_torchelastic_launched() else 1


def n_processes() -> int:
    """Say how many processes train this model together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def join(device: torch.device) -> None:
    """Train together with the other processes that ``torchrun`` has started, if it has."""
    # Once for all models of this process: a group that was left is not found again.
    if launched() > 1 and not dist.is_initialized():
        dist.init_process_group("gloo" if device.type == "cpu" else None)
        atexit.register(dist.destroy_process_group)


def is_first() -> bool:
    """Say whether this process is the one that writes files."""
    return not dist.is_initialized() or dist.get_rank() == 0


def wait() -> None:
    """Wait until all processes are here."""
    if dist.is_initialized():
        dist.barrier()


def share(parts: Sequence[T]) -> tuple[Sequence[int], Sequence[T]]:
    """Take this process's share: the numbers of its parts among all of them, and the parts."""
    if not dist.is_initialized():
        return range(len(parts)), parts
    mine = slice(dist.get_rank(), None, dist.get_world_size())
    return range(len(parts))[mine], parts[mine]


def add_up(tensors: Sequence[Tensor]) -> None:
    """Add up tensors over all processes, in place."""
    if not dist.is_initialized():
        return
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    dist.all_reduce(flat)
    for tensor, total in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(total.view_as(tensor))
