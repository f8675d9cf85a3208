"""Points of the study on interventions: what happens when neurons fall silent or synapses are cut.

What happens is told by the simulator, which runs again with the same noise. What each method
foresees is told by what it has learned from the recording: a generative model goes on without the
neuron, and a graph says which neurons its column reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.baselines.pairwise import correlation, correlogram_z, covariance, rate_product
from lgl_core.disk.cache import cached
from lgl_core.experiment import attention_of, fit_glm, is_trained, train
from lgl_core.extraction.influence import influence
from lgl_core.extraction.readings import excess_shares
from lgl_core.glm.fit import GLMFit
from lgl_core.glm.generation import generate as generate_by_glm
from lgl_core.metrics.scores import off_diagonal
from lgl_core.networks.network import Network
from lgl_core.simulation import lif
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.generation import generate
from lgl_core.transformer.model import Neuroformer
from lgl_core.transformer.tokens import tokenize
from lgl_core.transformer.training import TrainConfig
from studies.fitted import WELL_FITTED, fitted_recording
from studies.original import MANY, PaperRecording
from studies.points import EXCESS_SHARES, Point, Recording
from studies.rows import labels_of, values_in_rows

__all__ = [
    "CHECKED",
    "CUT",
    "FORESEEN",
    "GOES_ON",
    "OF_WEIGHTS",
    "WHO",
    "Silenced",
    "SilencedInModel",
    "groups_of",
    "silenced",
    "true_rates",
    "without",
]

Graph = NDArray[np.float64]
Rates = NDArray[np.float64]
AnyRecording = Recording | PaperRecording

# Views of the rows: how well changes are foreseen, and weights of the same columns are known;
# whether a model that goes on is like the recording; and what cutting the found synapses does.
FORESEEN, OF_WEIGHTS, CHECKED, CUT = "change of rates", "weights", "going on", "cut"
# The reading of a generative model that makes spikes of its own.
GOES_ON = "going on without it"
# Who is silenced.
WHO = ("hubs", "ordinary neurons")
# Share of all pairs that count as found: twice as many as are cut.
_FOUND = 0.05
# Width in s of the bins whose counts are correlated where a model's spikes are checked.
_COUNT_BIN = 0.05
_SEEDS = (0, 1)  # of the two runs of which every change is the mean
# A transformer goes on from so many places at once, each time for a while that does not count (s).
_N_SEQUENCES, _BEFORE = 64, 0.15


def groups_of(recording: AnyRecording, n_ordinary: int) -> list[NDArray[np.int64]]:
    """Choose who is silenced: the neurons of each hub together, and ordinary neurons one by one.

    Parameters
    ----------
    recording : Recording or PaperRecording
    n_ordinary : int

    Returns
    -------
    list of ndarray of int
        First hubs, then the others.
    """
    network = recording.network()
    hubs = [network.hubs[network.group_of_hub == g] for g in range(network.n_hub_groups)]
    others = np.setdiff1d(np.arange(network.n_neurons), network.hubs)
    drawn = np.random.default_rng([recording.seed, 25]).permutation(others)[:n_ordinary]
    return [*hubs, *(np.array([neuron]) for neuron in drawn)]


def true_rates(network: Network, neurons: LIFParams, seconds: float) -> Rates:
    """Simulate a network twice, with the noise of two seeds, and count.

    Parameters
    ----------
    network : Network
    neurons : LIFParams
    seconds : float
        Of each run.

    Returns
    -------
    ndarray, shape (2, n_neurons)
        Rates in Hz. With the same noise, networks that differ by a synapse differ by what it does.
    """
    runs = [lif.simulate(network, neurons, duration=seconds, seed=100 + s) for s in _SEEDS]
    return np.stack([run.rates for run in runs])


def without(network: Network, silent: NDArray[np.int64]) -> Network:
    """Take away all synapses that some neurons make.

    Parameters
    ----------
    network : Network
    silent : ndarray of int

    Returns
    -------
    Network
    """
    weights = network.weights.copy()
    weights[:, silent] = 0
    return replace(network, weights=weights)


def _alike(x: Rates, y: Rates) -> float:
    return float(np.corrcoef(x, y)[0, 1])


def _strongest(graph: Graph, share: float) -> NDArray[np.int64]:
    """Find the pairs with the largest magnitudes, as flat indices, largest first."""
    size = np.abs(graph)
    np.fill_diagonal(size, -1)
    n = len(graph)
    return np.argsort(-size, axis=None, kind="stable")[: round(share * n * (n - 1))]


def _true_changes(recording: AnyRecording, n_ordinary: int, seconds: float) -> Rates:
    """Say by how much the rate of every neuron changes: (groups, 2, neurons), in Hz."""
    network, neurons = recording.network(), recording.neurons()
    before = cached(true_rates)(network, neurons, seconds)  # cut networks are held against it, too
    groups = groups_of(recording, n_ordinary)
    after = [true_rates(without(network, group), neurons, seconds) for group in groups]
    return np.stack(after) - before


@dataclass(frozen=True, kw_only=True)
class _Intervention:
    """Neurons of a recording that fall silent.

    Parameters
    ----------
    recording : Recording or PaperRecording
    n_ordinary : int
        Ordinary neurons that are silenced, beside all hubs.
    seconds : float
        How long each of two simulations lasts.
    """

    recording: AnyRecording
    n_ordinary: int = 20
    seconds: float = 150.0

    def _changes(self) -> Rates:
        also = [type(self.recording).__module__]
        return cached(_true_changes, also=also)(self.recording, self.n_ordinary, self.seconds)

    def _groups(self) -> list[NDArray[np.int64]]:
        return groups_of(self.recording, self.n_ordinary)

    def _foreseen(self, predicted: Rates) -> pd.DataFrame:
        """Hold predicted changes, shape (groups, neurons), against the true ones."""
        return self._compared(predicted, self._changes().mean(axis=1)).assign(view=FORESEEN)

    def _compared(self, predicted: Rates, true: Rates) -> pd.DataFrame:
        """Correlate changes over pairs of who is silenced and any other neuron."""
        pairs = zip(self._of_kinds(predicted), self._of_kinds(true), strict=True)
        return values_in_rows({who: _alike(*both) for who, both in zip(WHO, pairs, strict=True)})

    def _of_kinds(self, changes: Rates) -> list[Rates]:
        """Give the changes of all others, for hubs and for ordinary neurons."""
        groups, n_hubs = self._groups(), self.recording.network().n_hub_groups
        kinds = range(n_hubs), range(n_hubs, len(groups))
        return [np.concatenate([np.delete(changes[k], groups[k]) for k in one]) for one in kinds]

    def _by_graph(self, graph: Graph) -> Rates:
        """Take off what the columns of a graph add: changes, but for one factor."""
        sent = graph * self.recording.read().rates
        return np.stack([-sent[:, group].sum(axis=1) for group in self._groups()])

    def _of_graph(self, graph: Graph) -> pd.DataFrame:
        """Hold a graph against the true changes, and against the weights of the same columns."""
        predicted = self._by_graph(graph)
        weights = self._by_graph(self.recording.network().weights)
        of_weights = self._compared(predicted, weights).assign(view=OF_WEIGHTS)
        return pd.concat([self._foreseen(predicted), of_weights], ignore_index=True)

    def _cut(self, graph: Graph) -> pd.DataFrame:
        """Cut half of what a graph has found, in the simulator, and see how far rates move.

        In units of how far they move if as many of the strongest synapses are cut.
        """
        network = self.recording.network()
        found = _strongest(graph, _FOUND)
        half = len(found) // 2
        moved = {
            name: self._moved(cut)
            for name, cut in (
                ("best half", found[:half]),
                ("worst half", found[half:]),
                ("strongest synapses", _strongest(network.weights, _FOUND)[:half]),
            )
        }
        most = moved.pop("strongest synapses")
        return values_in_rows({name: value / most for name, value in moved.items()}).assign(
            view=CUT
        )

    def _moved(self, cut: NDArray[np.int64]) -> float:
        """Root mean square of the changes of rates in Hz when some pairs are cut."""
        network, neurons = self.recording.network(), self.recording.neurons()
        weights = network.weights.copy()
        weights.flat[cut] = 0
        after, before = (
            cached(true_rates)(each, neurons, self.seconds)
            for each in (replace(network, weights=weights), network)
        )
        apart = after - before
        return float(np.sqrt(np.mean(apart.mean(axis=0) ** 2)))

    def _of_going_on(self, rates: Callable[[Sequence[int], int], Rates]) -> pd.DataFrame:
        """Let a model go on with and without each group, twice, and hold its rates in Hz."""
        whole = np.mean([rates((), seed) for seed in _SEEDS], axis=0)
        predicted = np.stack(
            [
                np.mean([rates(group.tolist(), seed) for seed in _SEEDS], axis=0) - whole
                for group in self._groups()
            ]
        )
        true = self._changes().mean(axis=1)
        kinds = zip(WHO, self._of_kinds(predicted), self._of_kinds(true), strict=True)
        sizes = {f"slope, {who}": float(mine @ real / (real @ real)) for who, mine, real in kinds}
        slopes = values_in_rows(sizes).assign(view=FORESEEN)
        return pd.concat([self._foreseen(predicted), slopes], ignore_index=True)

    def _check(self, spikes: SpikeTrains) -> pd.DataFrame:
        """Hold spikes that a model made against those that it has learned from."""
        given = self.recording.read()
        pairs = [off_diagonal(correlation(each, _COUNT_BIN)) for each in (given, spikes)]
        values = {
            "rates": _alike(given.rates, spikes.rates),
            "ratio of mean rates": spikes.rates.mean() / given.rates.mean(),
            "correlations of counts": _alike(*pairs),
            "ratio of their spread": pairs[1].std() / pairs[0].std(),
        }
        return values_in_rows(values).assign(view=CHECKED)


@dataclass(frozen=True, kw_only=True)
class Silenced(_Intervention):
    """What happens in the simulator, and what is foreseen by the GLM and by graphs.

    Parameters
    ----------
    recording, n_ordinary, seconds
        As for all interventions.
    generated : float
        How long the GLM goes on, in s, each time.
    """

    generated: float = 100.0
    is_ready = True

    def rows(self) -> pd.DataFrame:
        """Give correlations of changes of rates, by method, and what a perfect one would get."""
        fit = fit_glm(self.recording.read())

        def going_on(silent: Sequence[int], seed: int) -> Rates:
            return _of_glm(fit, self.generated, silent, seed)[1]

        tables = [
            self._of_going_on(going_on).assign(**labels_of("glm", reading=GOES_ON)),
            self._check(_of_glm(fit, self.generated, (), 0)[0]).assign(
                **labels_of("glm", reading=GOES_ON)
            ),
            self._ceilings().assign(**labels_of("truth", reading="half of the runs")),
        ]
        for (method, reading), graph in self.graphs(fit).items():
            labels = labels_of(method, reading=reading)
            tables.append(self._of_graph(graph).assign(**labels))
            tables.append(self._cut(graph).assign(**labels))
        return self.recording.labelled(iter(tables))

    def graphs(self, fit: GLMFit) -> dict[tuple[str, str], Graph]:
        """Graphs, ``[post, pre]``, by method and reading."""
        spikes = self.recording.read()
        return {
            ("truth", "weights"): self.recording.network().weights,
            ("glm", "area"): fit.coupling("area"),
            ("ccg", "1 to 4 ms"): correlogram_z(spikes),
            ("covariance", "10 ms"): covariance(spikes),
            ("rates", "product"): rate_product(spikes),
        }

    def _ceilings(self) -> pd.DataFrame:
        """Correlation of both runs, from which follows the most that a prediction can get."""
        halves = self._changes()
        pairs = zip(*(self._of_kinds(halves[:, k]) for k in (0, 1)), strict=True)
        values = {who: _alike(*both) for who, both in zip(WHO, pairs, strict=True)}
        sizes = self._of_kinds(halves.mean(axis=1))
        values |= {
            f"size, {who}": np.sqrt(np.mean(size**2)) for who, size in zip(WHO, sizes, strict=True)
        }
        return values_in_rows(values).assign(view=FORESEEN)


def _of_glm(
    fit: GLMFit, seconds: float, silent: Sequence[int], seed: int
) -> tuple[SpikeTrains, Rates]:
    return generate_by_glm(fit, duration=seconds, silenced=silent, seed=seed, progress=False)


@dataclass(frozen=True, kw_only=True)
class SilencedInModel(_Intervention):
    """What a transformer foresees when it goes on, and by how it is read.

    Parameters
    ----------
    recording, n_ordinary, seconds
        As for all interventions.
    time_embedding : str
        As for :func:`lgl_core.experiment.train`.
    generated : float
        How long the model goes on, in s, each time.
    n_spikes : int
        Spikes to remove for its influence.
    training : mapping
        Fields of :class:`lgl_core.transformer.training.TrainConfig` that differ from their
        defaults.
    """

    time_embedding: str = "rotary"
    generated: float = 30.0
    n_spikes: int = 10_000
    training: Mapping[str, Any] = field(default_factory=dict)

    def _settings(self) -> dict[str, Any]:
        config = TrainConfig(**self.training)
        return {"config": config, "train_fraction": self.recording.train_fraction}

    @property
    def is_ready(self) -> bool:
        """Whether the model has been trained."""
        return is_trained(self.recording.spikes(), self.time_embedding, **self._settings())

    def rows(self) -> pd.DataFrame:
        """Give correlations of changes of rates, by reading."""
        member = train(self.recording.spikes(), self.time_embedding, n_jobs=1, **self._settings())
        model, tokens = member.model, tokenize(self.recording.read())
        assert isinstance(model, Neuroformer)

        def run(silent: Sequence[int], seed: int) -> tuple[SpikeTrains, Rates]:
            return generate(
                model, tokens, duration=self.generated, before=_BEFORE, silenced=silent,
                n_sequences=_N_SEQUENCES, seed=seed, progress=False,
            )  # fmt: skip

        def labels(reading: str) -> dict[str, Any]:
            return labels_of("attention", model=self.time_embedding, reading=reading)

        going_on = self._of_going_on(lambda silent, seed: run(silent, seed)[1])
        tables = [
            going_on.assign(**labels(GOES_ON)),
            self._check(run((), 0)[0]).assign(**labels(GOES_ON)),
        ]
        attention = attention_of([member], self.recording.read()).connectivity()
        found = influence(model, tokens, n_spikes=self.n_spikes, progress=False)
        graphs = {
            "": attention,
            EXCESS_SHARES: excess_shares(attention),
            "influence": found.connectivity("rate"),
        }
        for reading, graph in graphs.items():
            tables.append(self._of_graph(graph).assign(**labels(reading)))
            tables.append(self._cut(graph).assign(**labels(reading)))
        return self.recording.labelled(iter(tables), model_seed=TrainConfig().seed)


def silenced(seeds: Sequence[int]) -> list[Point]:
    """Name the points of the study: networks of the book, of the paper, and small ones.

    On the small ones transformers come near what can be known, and go on in a minute. Those of 300
    neurons would take an hour for a few points.
    """
    points: list[Point] = []
    for seed in seeds:
        small = fitted_recording(seed)
        recordings = Recording(seed=seed), PaperRecording(seed=seed, n_spikes=MANY), small
        points += [Silenced(recording=recording) for recording in recordings]
        points += [
            SilencedInModel(recording=small, time_embedding=name, training=WELL_FITTED)
            for name in ("interval", "rotary")
        ]
    return points
