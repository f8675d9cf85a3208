"""From spikes to a list of connections: from, to, sign, strength, latency, and how sure.

Every pair of neurons is tested, and so many are called connected that a chosen share of those that
are called is expected to be false (the false discovery rate of Benjamini and Hochberg).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control, norm, poisson
from scipy.stats import t as student
from tqdm import tqdm

from lgl_core.baselines.pairwise import lag_counts
from lgl_core.disk.atomic import replacing
from lgl_core.experiment import fit_glm
from lgl_core.glm.config import GLMConfig
from lgl_core.glm.covariates import slow_baseline
from lgl_core.glm.inference import coupling_test
from lgl_core.glm.penalty import choose_l2
from lgl_core.graphs import checked_graph
from lgl_core.recordings.chance import jittered
from lgl_core.recordings.commands import add_options, said_as_typed, with_counts
from lgl_core.recordings.session import Session, read
from lgl_core.spikes import SpikeTrains

__all__ = ["COLUMNS", "Method", "connections", "main", "write_connections"]

Method = Literal["glm", "ccg"]
Floats = NDArray[np.float64]

COLUMNS = ["pre", "post", "sign", "strength", "se", "latency", "p", "q", "method"]

# Of the correlogram: lags in s at which a synapse acts, and the width of its bins there.
_FIRST, _LAST, _BIN = 1e-3, 4e-3, 5e-4
# Windows in s within which spikes are moved to see what chance does.
_JITTER = 10e-3


def connections(
    spikes: SpikeTrains | Session,
    *,
    fdr: float = 0.05,
    method: Method | Callable[[SpikeTrains], ArrayLike] = "glm",
    config: GLMConfig | None = None,
    allowed: ArrayLike | None = None,
    covariates: Any = None,
    every_pair: bool = False,
    n_jittered: int = 50,
    seed: int = 0,
    cache: bool = True,
    progress: bool = True,
) -> pd.DataFrame:
    """List the pairs of neurons that are connected, as far as their spikes tell.

    Parameters
    ----------
    spikes : SpikeTrains or Session
        Of a session, neurons are called by the labels of its units.
    fdr : float
        Share of the listed connections that may be false, on average.
    method : {"glm", "ccg"}
        By what: the couplings of a GLM, which takes account of what all recorded neurons do
        (:func:`lgl_core.glm.inference.coupling_test`); or the cross-correlogram of each pair, held
        against spikes that are jittered, which takes account of what is slow. Or any function from
        spikes to a graph, ``[post, pre]``, held against the same function of jittered spikes.
    config : GLMConfig, optional
        Of the GLM; :func:`lgl_core.glm.penalty.choose_l2` finds one for the recording.
    allowed : array_like of bool, shape (n_neurons, n_neurons), optional
        ``[post, pre]``: which pairs may be connected. The others are neither fitted nor tested, and
        the fewer are asked, the more of them can be told. Default: all.
    covariates : array_like, shape (n_steps, n_features), or pynapple.TsdFrame, optional
        What else drives the neurons, for the GLM, as for :func:`lgl_core.glm.fit.fit_glm`.
    every_pair : bool
        Whether pairs that are not called connected are listed, too.
    n_jittered : int
        How often spikes are jittered.
    seed : int
        Of the jittered spikes.
    cache : bool
        Whether to look for an earlier fit of the GLM, and to keep this one.
    progress : bool
        Whether to show a progress bar of the jittered spikes.

    Returns
    -------
    DataFrame
        A row per connection, the surest first: ``pre`` and ``post`` (ids or labels); ``sign``, 1 or
        -1; ``strength`` and its standard error ``se``; ``latency`` in s; ``p`` of no connection;
        ``q``, the smallest rate at which the pair would be listed; and ``method``. The strength of
        a GLM is the area of the filter over its first 8 ms, in log-odds times s; that of a
        correlogram is how many spikes more (or fewer) follow within 1 to 4 ms, per presynaptic
        spike; that of another function is what it gives beyond the mean of its jittered graphs,
        whose scatter is the standard error, and its latency is not known. ``attrs`` holds ``fdr``,
        ``n_pairs`` that were tested, ``n_neurons`` and ``duration``.

    Raises
    ------
    ValueError
        If ``fdr`` is not strictly between 0 and 1, ``method`` is unknown or gives no finite graph,
        spikes are jittered fewer than ten times, ``config`` has a group lasso, there are fewer than
        two neurons, none fires, or ``allowed`` has another shape or no pair in it.

    Notes
    -----
    A pair that is driven by a third neuron which was not recorded, or by a stimulus as fast as a
    synapse, is listed as any other: the rate is that of false alarms by chance.

    The rate is kept in patterns of activity that last, as strong recurrence makes them (see the
    page "Correlation without connection"). Where a recording is so long that a GLM is sure of what
    it gets a little wrong, a few more are false than were asked for (see "What to use, and how long
    to record").

    Examples
    --------
    >>> import lgl_core as lgl
    >>> network = lgl.hub_network(n_neurons=20, seed=0)
    >>> spikes = lgl.simulate(network, duration=60, cache=False)
    >>> found = lgl.connections(spikes, fdr=0.05, cache=False)
    >>> bool(set(found["pre"]) >= set(network.hubs))
    True
    """
    _check_rate(fdr)
    if not callable(method) and method not in get_args(Method):
        raise ValueError(
            f"method must be one of {', '.join(get_args(Method))}, or a function of spikes, "
            f"got {method!r}"
        )
    if covariates is not None and method != "glm":
        raise ValueError(f'covariates must be None but with method="glm", got method={method!r}')
    if method == "glm" and config is not None and config.group_lasso:
        raise ValueError(
            f"group_lasso must be 0 for a list, got {config.group_lasso}: pairs that it sets to "
            "zero have no standard error, and the test decides which pairs are connected"
        )
    if n_jittered < 10:
        raise ValueError(f"n_jittered must be at least 10, got {n_jittered}")
    units: Any = np.arange(spikes.n_neurons) if isinstance(spikes, SpikeTrains) else spikes.units
    spikes = spikes if isinstance(spikes, SpikeTrains) else spikes.spikes
    if spikes.n_neurons < 2:
        raise ValueError(f"spikes must be of at least two neurons, got {spikes.n_neurons}")
    asked = ~np.eye(spikes.n_neurons, dtype=bool)
    if allowed is not None:
        if np.shape(allowed) != asked.shape:
            raise ValueError(
                f"allowed must have the shape {asked.shape}, [post, pre], got {np.shape(allowed)}"
            )
        asked &= np.asarray(allowed, dtype=bool)
    if not asked.any():
        raise ValueError("allowed must hold at least one pair of two neurons, got none")
    moved = _jittered(spikes, n_jittered, seed, progress)
    if callable(method):
        graphs = _by_function(spikes, method, moved)
    elif method == "glm":
        pairs = None if allowed is None else asked
        graphs = _by_glm(spikes, config, pairs, covariates, cache)
    else:
        graphs = _by_correlogram(spikes, moved, n_jittered)
    post, pre = np.nonzero(asked)
    table = pd.DataFrame({name: graph[post, pre] for name, graph in graphs.items()})
    labels = pd.Series(units)
    table["pre"], table["post"] = labels.iloc[pre].to_numpy(), labels.iloc[post].to_numpy()
    table["q"] = false_discovery_control(table["p"])
    table["sign"] = np.sign(table["strength"]).astype(int)
    name = getattr(method, "__name__", "function") if callable(method) else method
    table = table.assign(method=name).sort_values(["p", "pre", "post"], kind="stable")
    n_pairs = len(table)
    if not every_pair:
        table = table[table["q"] <= fdr]
    table = table[COLUMNS].reset_index(drop=True)
    table.attrs |= {
        "fdr": fdr,
        "n_pairs": n_pairs,
        "n_neurons": spikes.n_neurons,
        "duration": spikes.recorded,
    }
    return table


def _by_glm(
    spikes: SpikeTrains,
    config: GLMConfig | None,
    allowed: NDArray[np.bool_] | None,
    covariates: Any,
    cache: bool,
) -> dict[str, Floats]:
    tested = coupling_test(
        fit_glm(spikes, config, allowed=allowed, covariates=covariates, cache=cache), spikes
    )
    area, se = tested.area(min(8e-3, tested.fit.config.window))
    return {"strength": area, "se": se, "latency": tested.latency(), "p": tested.p_values()}


def _jittered(
    spikes: SpikeTrains, n_jittered: int, seed: int, progress: bool
) -> Iterator[SpikeTrains]:
    drawn = np.random.SeedSequence(seed).generate_state(n_jittered)
    for one in tqdm(drawn, desc="jittered", unit="draw", disable=not progress):
        yield jittered(spikes, _JITTER, int(one))


def _by_function(
    spikes: SpikeTrains, method: Callable[[SpikeTrains], ArrayLike], moved: Iterator[SpikeTrains]
) -> dict[str, Floats]:
    """Hold each entry of a graph against the same entry of graphs of jittered spikes."""
    name = f"method {getattr(method, '__name__', '')}".strip()
    graph = checked_graph(name, method(spikes))
    nulls = np.stack([checked_graph(name, method(one)) for one in moved])
    mean, sd = nulls.mean(axis=0), nulls.std(axis=0, ddof=1)
    # Mean and scatter are of so many draws: Student's distribution knows.
    beyond = np.divide(graph - mean, sd, out=np.zeros_like(graph), where=sd > 0)
    p = 2 * student.sf(np.abs(beyond) / np.sqrt(1 + 1 / len(nulls)), len(nulls) - 1)
    return {"strength": graph - mean, "se": sd, "latency": np.full(graph.shape, np.nan), "p": p}


def _by_correlogram(
    spikes: SpikeTrains, moved: Iterator[SpikeTrains], n_jittered: int
) -> dict[str, Floats]:
    """Count the spikes at the lags of a synapse, and what chance makes of them.

    Counts of jittered spikes are sums of many rare events: those of a pair have the Poisson
    distribution with their mean, at the widest.
    """
    starts = _FIRST + _BIN * np.arange(round((_LAST - _FIRST) / _BIN))
    counts = np.stack([lag_counts(spikes, start, start + _BIN) for start in starts])
    expected = np.zeros(counts.shape)
    for one in moved:
        expected += [lag_counts(one, start, start + _BIN) for start in starts]
    expected /= n_jittered
    count, chance = counts.sum(axis=0), np.maximum(expected.sum(axis=0), 1 / n_jittered)
    tails = np.stack([poisson.sf(count - 1, chance), poisson.cdf(count, chance)])
    p = np.minimum(2 * tails.min(axis=0), 1.0)
    sign = np.where(tails[0] <= tails[1], 1.0, -1.0)
    n_pre = np.maximum(spikes.rates * spikes.recorded, 1)
    furthest = (sign * (counts - expected)).argmax(axis=0)
    # The jittered mean is itself a mean of so many draws.
    se = np.sqrt(np.maximum(count, 1) + chance / n_jittered) / n_pre
    return {
        "strength": (count - chance) / n_pre,
        "se": se,
        "latency": starts[furthest] + _BIN / 2,
        "p": p,
    }


def write_connections(table: pd.DataFrame, path: str | Path) -> None:
    """Save a list of connections.

    Parameters
    ----------
    table : DataFrame
        As from :func:`connections`.
    path : str or Path
        Ends in ``.csv``, ``.parquet``, ``.graphml`` (a directed graph with the other columns at its
        edges, for networkx, Gephi or Cytoscape) or ``.nwb``: an NWB file that is there, which gets
        the table as scratch data called ``connections``.

    Raises
    ------
    ValueError
        If the path ends in something else, or the NWB file has such scratch data already.
    FileNotFoundError
        If there is no such NWB file.
    """
    path = _checked_target(path)
    if path.suffix == ".nwb":
        _into_nwb(table, path)
    else:
        with replacing(path) as partial:
            _WRITERS[path.suffix](table, partial)


def _checked_target(path: str | Path) -> Path:
    path = Path(path)
    ends = [*_WRITERS, ".nwb"]
    if path.suffix not in ends:
        raise ValueError(f"path must end in one of {', '.join(ends)}, got {path.name!r}")
    if path.suffix == ".nwb" and not path.exists():
        raise FileNotFoundError(
            f"{path} is not there: the list is added to the NWB file of the recording; "
            "write a .csv, .parquet or .graphml for a file of its own"
        )
    return path


def _to_graphml(table: pd.DataFrame, path: Path) -> None:
    import networkx

    graph = networkx.from_pandas_edgelist(
        table, "pre", "post", edge_attr=COLUMNS[2:], create_using=networkx.DiGraph
    )
    networkx.write_graphml(graph, path)


_WRITERS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    ".csv": lambda table, path: table.to_csv(path, index=False),
    ".parquet": lambda table, path: table.to_parquet(path, index=False),
    ".graphml": _to_graphml,
}


def _into_nwb(table: pd.DataFrame, path: Path) -> None:
    import pynwb

    with pynwb.NWBHDF5IO(path, "a") as file:
        recording = file.read()
        if "connections" in (recording.scratch or {}):
            raise ValueError(f"{path} has scratch data called connections already")
        recording.add_scratch(
            table,
            name="connections",
            description=f"pairs called connected at a false discovery rate of {table.attrs['fdr']}",
        )
        file.write(recording)


def main() -> None:
    """List the connections in a recording, and save them if asked to."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    add_options(parser)
    parser.add_argument("--fdr", type=float, default=0.05, help="share that may be false")
    parser.add_argument("--method", choices=get_args(Method), default="glm")
    penalty = "penalty of the GLM; cv: the one of six that predicts held-out spikes best"
    parser.add_argument("--l2", default=GLMConfig.l2, help=penalty)
    drifts = "let the rate of each neuron drift over so many s (GLM)"
    parser.add_argument("--baseline", type=float, metavar="SECONDS", help=drifts)
    saved = "where to save the list: .csv, .parquet, .graphml or .nwb; may be given again"
    parser.add_argument("--to", action="append", default=[], metavar="FILE", help=saved)
    options = vars(parser.parse_args())
    source, fdr, method, l2, baseline, targets = (
        options.pop(name) for name in ("source", "fdr", "method", "l2", "baseline", "to")
    )
    with said_as_typed(parser):
        _check_rate(fdr)
        for target in targets:
            _checked_target(target)
        session = read(source, **options)
        drift = None if baseline is None else slow_baseline(session.spikes, baseline)
        config = _with_penalty(session.spikes, l2)
        asked: Any = {"fdr": fdr, "method": method, "config": config, "covariates": drift}
        tested = connections(session, **asked, every_pair=True)
        found = tested[tested["q"] <= fdr]
        print(
            f"{len(found):,} of {found.attrs['n_pairs']:,} pairs are called connected, "
            f"of which at most {fdr:.0%} are expected to be false"
        )
        if found.empty:
            print("That is no sign that there are none: a short recording shows strong ones only.")
        else:
            with pd.option_context("display.width", 120):
                print(found.head(20).to_string(float_format=lambda number: f"{number:.3g}"))
        if untold := ", ".join(_untold(tested, found, session)):
            print(f"too few spikes to tell a connection as strong as the middle one: {untold}")
        for target in targets:
            write_connections(found, target)
            print(f"written to {target}")


def _check_rate(fdr: float) -> None:
    if not 0 < fdr < 1:
        percent = f": write {fdr / 100:g} for {fdr:g} %" if 1 <= fdr < 100 else ""
        raise ValueError(f"fdr must lie strictly between 0 and 1, got {fdr}{percent}")


def _untold(tested: pd.DataFrame, found: pd.DataFrame, session: Session) -> list[str]:
    """Name units no pair of which would be listed with the strength of the middle one that is.

    That of a correlogram depends on the rate of the postsynaptic unit: no measure for others.
    """
    if found.empty or found["method"].iloc[0] != "glm":
        return []
    p = 2 * norm.sf(found["strength"].abs().median() / tested["se"])
    # One pair more would be listed with this p, by the rule of Benjamini and Hochberg.
    told = tested[p <= found.attrs["fdr"] * (len(found) + 1) / len(tested)]
    heard = {*told["pre"], *told["post"]}
    return with_counts(session, lambda unit, n: unit not in heard)


def _with_penalty(spikes: SpikeTrains, l2: str | float) -> GLMConfig:
    """Take a penalty as given, or choose it and show why."""
    if l2 != "cv":
        try:
            return GLMConfig(l2=float(l2))
        except ValueError:
            raise ValueError(f"l2 must be a number >= 0, or cv, got {l2!r}") from None
    chosen = choose_l2(spikes)
    print("gain of held-out spikes over constant rates (nats per spike), by penalty:")
    print(chosen.table.round(4).to_string(index=False))
    return chosen.config
