"""Losses of a batch and their gradient, a few sequences at a time and on several threads.

What a few sequences leave behind for the gradient fits into a core's cache; a whole batch does
not. Each thread takes the next few, and the sums are formed in the order of the batch: the result
has the same bits for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lgl_core.transformer._devices import add_up, n_processes, share
from lgl_core.transformer.kernels import evaluating, undivided_operations
from lgl_core.transformer.model import AnyModel, GraphModel, Seed, TransformerConfig
from lgl_core.transformer.tokens import Tokens, Windows

__all__ = [
    "OrderedMap",
    "Precision",
    "baselines",
    "check_vocabularies",
    "evaluate",
    "gradient_step",
    "losses",
    "mean_losses",
    "start_from_frequencies",
    "threads",
]

Batch = tuple[Tensor, ...]
OrderedMap = Callable[..., Iterator[Any]]
Precision = Literal["float32", "bfloat16"]

# Tokens that one thread works on at a time: enough for fast matrix products, few enough for the
# cache.
_TOKENS_AT_ONCE = 1024


@contextmanager
def threads(n: int) -> Iterator[OrderedMap]:
    """Give a ``map`` that computes on ``n`` threads and keeps the order of its results.

    PyTorch computes alone on each of them, and has its own threads back afterwards.
    """
    with undivided_operations():
        if n == 1:
            yield map
        else:
            with ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                yield pool.map


def losses(model: AnyModel, batch: Batch, seed: Seed | None = None) -> tuple[Tensor, Tensor]:
    """Mean cross-entropies of the next neuron and of the next interval's class, in nats.

    Parameters
    ----------
    model : Neuroformer or GraphModel
    batch : tuple of Tensor, each of shape (B, T + 1)
        Neurons, intervals, times and classes, of one token more than the model reads.
    seed : tuple of int, optional
        Seed of dropout.

    Returns
    -------
    neuron, interval : Tensor, shape ()
    """
    device = next(model.parameters()).device
    neurons, intervals, times, classes = (column.to(device) for column in batch)
    logits = model(neurons[:, :-1], intervals[:, :-1], times[:, :-1], seed, times[:, 1:])
    targets = neurons[:, 1:], classes[:, 1:]
    neuron, interval = (
        F.cross_entropy(of_head.flatten(0, 1), target.flatten())
        for of_head, target in zip(logits, targets, strict=True)
    )
    return neuron, interval


def gradient_step(
    model: AnyModel,
    batch: Batch,
    seed: Seed,
    ordered_map: OrderedMap = map,
    precision: Precision = "float32",
) -> NDArray[np.float64]:
    """Set every parameter's ``grad`` to that of the training loss of a batch.

    Parameters
    ----------
    model : Neuroformer or GraphModel
    batch : tuple of Tensor, each of shape (B, T + 1)
        As for :func:`losses`.
    seed : tuple of int
        Seed of dropout.
    ordered_map : callable
        From :func:`threads`.
    precision : {"float32", "bfloat16"}
        Of the products of matrices outside attention; everything else is in single precision.

    Returns
    -------
    ndarray, shape (2,)
        Mean losses of the next neuron and of the next interval's class.
    """
    parameters = list(model.parameters())
    n_sequences = len(batch[0])
    device, mixed = parameters[0].device.type, precision == "bfloat16"

    def part(number: int, few: Batch) -> tuple[NDArray[np.float64], tuple[Tensor, ...]]:
        with torch.autocast(device, torch.bfloat16, enabled=mixed):  # a thread does not inherit it
            neuron, interval = losses(model, few, (*seed, number))
        share = len(few[0]) / n_sequences
        total = share * (neuron + model.config.interval_weight * interval)
        values = share * np.array([neuron.item(), interval.item()])
        return values, torch.autograd.grad(total, parameters)

    sums = torch.zeros(2, dtype=torch.float64)
    for parameter in parameters:
        parameter.grad = None
    numbers, parts = share(_few_at_a_time(model, batch))
    for values, gradients in ordered_map(part, numbers, parts):
        sums += torch.from_numpy(values)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
    add_up([sums])
    if n_processes() > 1:
        add_up([_gradient(parameter) for parameter in parameters])
    return sums.numpy()


def evaluate(
    model: AnyModel, tokens: Tokens, batch_size: int = 64, ordered_map: OrderedMap = map
) -> tuple[float, float]:
    """Mean cross-entropies of a model on tokens, in nats per spike.

    Parameters
    ----------
    model : Neuroformer or GraphModel
    tokens : Tokens
    batch_size : int
        Sequences at once.
    ordered_map : callable
        From :func:`lgl_core.transformer.step.threads`, to use several.

    Returns
    -------
    neuron, interval : float
        Losses of the next neuron and of the next interval's class.
    """
    data = Windows(tokens, model.config.context + 1)
    total, count = np.zeros(2), 0
    with evaluating(model):
        for starts in data.in_order(batch_size, stride=model.config.context):
            total += len(starts) * mean_losses(model, data[starts], ordered_map)
            count += len(starts)
    neuron, interval = total / count
    return float(neuron), float(interval)


def mean_losses(
    model: AnyModel, batch: Batch, ordered_map: OrderedMap = map
) -> NDArray[np.float64]:
    """Both losses of a batch, without gradient, shape (2,)."""

    def part(few: Batch) -> NDArray[np.float64]:
        with torch.no_grad():  # a thread does not inherit it
            return len(few[0]) * np.array([loss.item() for loss in losses(model, few)])

    _, parts = share(_few_at_a_time(model, batch))
    sums = torch.from_numpy(sum(ordered_map(part, parts), np.zeros(2)))
    add_up([sums])
    return sums.numpy() / len(batch[0])


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:  # there were fewer parts than processes
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


def _few_at_a_time(model: AnyModel, batch: Batch) -> list[Batch]:
    on_processor = next(model.parameters()).device.type == "cpu"
    n_tokens = _TOKENS_AT_ONCE if on_processor else 2**16
    n = max(n_tokens // (batch[0].shape[1] - 1), 1)
    return list(zip(*(column.split(n) for column in batch), strict=True))


def baselines(train_tokens: Tokens, valid_tokens: Tokens) -> dict[str, float]:
    """Held-out losses of the two models that know no history, in nats per spike.

    Parameters
    ----------
    train_tokens, valid_tokens : Tokens
        Frequencies come from the first, with one count added to each; losses from the second.

    Returns
    -------
    dict
        ``neuron``: every neuron with its firing rate (unigram); ``interval``: every class of
        intervals with its frequency (histogram).
    """
    n_neurons, n_classes = train_tokens.n_neurons, train_tokens.vocabulary.n_classes
    return {
        "neuron": _frequency_loss(train_tokens.neurons, valid_tokens.neurons, n_neurons),
        "interval": _frequency_loss(train_tokens.classes, valid_tokens.classes, n_classes),
    }


def check_vocabularies(tokens: Tokens, config: TransformerConfig) -> None:
    """Raise ``ValueError`` if a model cannot read these tokens."""
    sizes = {"n_neurons": tokens.n_neurons, "n_classes": tokens.vocabulary.n_classes}
    for name, given in sizes.items():
        if getattr(config, name) != given:
            raise ValueError(
                f"{name} of the model must be that of the tokens, {given}, "
                f"got {getattr(config, name)}"
            )


@torch.no_grad()
def start_from_frequencies(model: GraphModel, tokens: Tokens) -> None:
    """Heads that know no past can start where they would end without the coupling."""
    for head, ids in ((model.neuron_head, tokens.neurons), (model.interval_head, tokens.classes)):
        head["bias"].copy_(torch.from_numpy(_log_frequencies(ids, len(head["bias"]))))


def _log_frequencies(ids: NDArray, n: int) -> NDArray[np.float64]:
    """Logarithm of how often each of ``n`` ids is among these, with one count added to each."""
    counts = np.bincount(ids, minlength=n) + 1
    frequencies: NDArray[np.float64] = np.log(counts / counts.sum())
    return frequencies


def _frequency_loss(seen: NDArray, held_out: NDArray, n: int) -> float:
    return float(-_log_frequencies(seen, n)[held_out].mean())
