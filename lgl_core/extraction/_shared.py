"""What all readings of attention do alike: look at their models, and add windows up on threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lgl_core.transformer.kernels import check_finite, evaluating, undivided_operations
from lgl_core.transformer.model import Neuroformer, TransformerConfig
from lgl_core.transformer.tokens import Tokens, Windows

__all__: list[str] = []

# Batches that one thread adds up by itself before its sums join the total in double precision. The
# cut does not depend on the number of threads, hence neither do the sums.
_BATCHES_PER_TASK = 8

AddUp = Callable[[NDArray[np.int64]], tuple[NDArray, NDArray]]


def _shared_config(models: Sequence[Neuroformer], tokens: Tokens, rows: str) -> TransformerConfig:
    if rows not in ("query", "predicted"):
        raise ValueError(f'rows must be "query" or "predicted", got {rows!r}')
    if not models:
        raise ValueError("models must hold at least one Neuroformer, got none")
    config = models[0].config
    if any(model.config != config for model in models):
        raise ValueError("models must share one configuration; extract them one by one")
    for model in models:
        check_finite(model)
    # The kernels add up by neuron and do not look whether there is room for it.
    if tokens.n_neurons > config.n_neurons:
        raise ValueError(
            f"tokens must be of at most the model's {config.n_neurons} neurons, "
            f"got {tokens.n_neurons}"
        )
    return config


def _drawn_starts(
    windows: Windows, stride: int, n: int | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw first tokens of windows at random, in the order of time: ``n`` of them, or all."""
    starts = np.concatenate(list(windows.in_order(1024, stride)))
    return np.sort(rng.permutation(starts)[:n])


def _sum_up(
    add_up: AddUp,
    tasks: Sequence[NDArray[np.int64]],
    models: Sequence[Neuroformer],
    unit: str,
    progress: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Add up flow, averaged over models, and pairs of all tasks: first tokens of windows each."""
    config = models[0].config
    pairs = np.zeros((config.n_neurons, config.n_neurons))
    flow = np.zeros((config.n_layers, config.n_heads, *pairs.shape))
    n_windows = sum(len(starts) for starts in tasks)
    bar = tqdm(total=n_windows, desc="attention", unit=unit, disable=not progress)
    with bar, evaluating(*models), undivided_operations() as n_threads:
        for starts, (part, part_pairs) in zip(
            tasks, _in_order(add_up, tasks, n_threads), strict=True
        ):
            flow += part
            pairs += part_pairs
            bar.update(len(starts))
    return flow / len(models), pairs


def _in_order(function: Callable, tasks: Iterable, n_threads: int) -> Iterator[Any]:
    """Results of the tasks in their order; never more than one finished per thread waits."""
    with ThreadPoolExecutor(n_threads) as pool:
        under_way: deque[Future] = deque()
        for task in tasks:
            under_way.append(pool.submit(function, task))
            if len(under_way) > n_threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
