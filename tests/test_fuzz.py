"""Random configurations, spikes, tokens and graphs: a right result, or a sentence."""

from __future__ import annotations

import dataclasses
import importlib
import pickle
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lgl_core.extraction import readings
from lgl_core.metrics import card, detection
from lgl_core.metrics import scores as table_1
from lgl_core.spikes import SpikeTrains
from lgl_core.sweep.parameters import declared_types
from lgl_core.transformer.tokens import IntervalVocabulary, Windows, detokenize, tokenize
from tests.fuzzing import assert_a_sentence, attempt, examples, odd_numbers, odd_values
from tests.gapped import random_gapped_trains
from tests.house import PUBLIC

pytestmark = pytest.mark.slow

# --- configurations ----------------------------------------------------------------------------


NEEDED = {"TransformerConfig": {"n_neurons": 5, "n_classes": 7}}


def configurations() -> dict[str, type]:
    """Every public frozen dataclass of numbers and words, all of which have a default."""
    found = {}
    for module in map(importlib.import_module, PUBLIC):
        for name in getattr(module, "__all__", ()):
            kind = getattr(module, name)
            if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
                continue
            needed = {field.name for field in fields(kind) if is_needed(field)}
            if needed == NEEDED.get(name, {}).keys() and "__post_init__" in vars(kind):
                found[name] = kind
    return found


def is_needed(field: dataclasses.Field) -> bool:
    return {field.default, field.default_factory} == {dataclasses.MISSING}


CONFIGURATIONS = configurations()


def fits(value: object, annotation: str) -> bool:
    """Whether a value is of its declared type: a bool is no number, and NaN and inf are none."""
    allowed = declared_types(annotation)
    if not allowed or (value is None and "None" in allowed):
        return True
    if isinstance(value, bool | np.bool_):
        return "bool" in allowed
    if isinstance(value, int | np.integer):
        return bool({"int", "float"} & {*allowed})
    if isinstance(value, float | np.floating):
        return "float" in allowed and bool(np.isfinite(value))
    return isinstance(value, str) and "str" in allowed


def test_the_configurations_of_the_library_are_found():
    assert {"GLMConfig", "LIFParams", "TrainConfig", "TransformerConfig"} <= set(CONFIGURATIONS)
    assert len(CONFIGURATIONS) >= 8


@pytest.mark.parametrize("name", CONFIGURATIONS)
@examples(120)
@given(data=st.data())
def test_a_configuration_is_of_the_types_that_it_declares_or_is_refused(name, data):
    kind = CONFIGURATIONS[name]
    names = [field.name for field in fields(kind)]
    changed = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    changes = {field: data.draw(odd_values, label=field) for field in changed}
    made = attempt(kind, **NEEDED.get(name, {}) | changes)
    if made is None:
        return
    for field in fields(kind):
        value = getattr(made, field.name)
        assert fits(value, str(field.type)), f"{field.name} is {value!r}, declared {field.type}"
    assert replace(made) == made == pickle.loads(pickle.dumps(made))


# --- spikes ------------------------------------------------------------------------------------

some_times = st.lists(st.one_of(st.floats(0, 2), st.floats(), odd_numbers), max_size=6)
some_spans = st.lists(st.lists(st.floats(0, 2) | odd_numbers, min_size=1, max_size=3), max_size=3)


@examples(250)
@given(
    times=some_times | some_times.map(sorted) | odd_numbers,
    neurons=st.lists(st.integers(-1, 3), max_size=6) | st.lists(odd_numbers, max_size=3),
    n_neurons=st.integers(1, 4) | odd_values,
    duration=st.floats(0.1, 3) | odd_values,
    epochs=st.none() | some_spans,
    resolution=st.none() | st.floats(0, 1e-3) | odd_numbers,
)
def test_any_spikes_are_in_order_in_their_epochs_and_of_known_neurons_or_refused(**arguments):
    made = attempt(SpikeTrains, **arguments)
    if made is not None:
        assert_proper(made)
        assert made.times.tolist() == pytest.approx(
            np.asarray(arguments["times"], float).tolist(), abs=made.resolution
        )


def assert_proper(spikes: SpikeTrains) -> None:
    times, neurons, epochs = spikes.times, spikes.neurons, spikes.epochs
    assert times.shape == neurons.shape and (np.diff(times) >= 0).all()
    assert all(any(a <= time < b for a, b in epochs) for time in times)
    assert 0 <= epochs[0, 0] and epochs[-1, 1] <= spikes.duration < np.inf
    assert all(0 <= neuron < spikes.n_neurons for neuron in neurons)
    assert isinstance(spikes.n_neurons, int | np.integer)
    assert not isinstance(spikes.n_neurons, bool)
    for array in (times, neurons, epochs):
        assert not array.flags.writeable


@examples(60)
@given(random_gapped_trains(), st.randoms())
def test_other_ids_for_the_same_neurons_change_nothing_else(spikes, random):
    order = random.sample(range(spikes.n_neurons), spikes.n_neurons)
    other = spikes.select(neurons=order)
    np.testing.assert_array_equal(other.rates, spikes.rates[order])
    np.testing.assert_array_equal(other.binned(0.05), spikes.binned(0.05)[:, order])
    assert tokenize(other).classes.tolist() == tokenize(spikes).classes.tolist()
    back = other.select(neurons=np.argsort(order))
    assert back.neurons.tolist() == spikes.neurons.tolist()


@examples(120)
@given(random_gapped_trains(), st.data())
def test_any_cut_of_a_recording_holds_the_spikes_between_or_is_refused(spikes, data):
    near = st.sampled_from([*spikes.epochs.ravel().tolist(), *spikes.times[:5].tolist()])
    time = st.floats(-1, 8) | near | odd_numbers
    start, stop = data.draw(time), data.draw(time)
    part = attempt(spikes.select, start=start, stop=stop)
    if part is not None:
        assert_proper(part)
        sure = (spikes.times > start + 1e-9) & (spikes.times < stop - 1e-9)
        maybe = (spikes.times > start - 1e-9) & (spikes.times < stop + 1e-9)
        assert sure.sum() <= len(part) <= maybe.sum()


@examples(120)
@given(random_gapped_trains(), st.floats(1e-3, 3) | odd_numbers, st.floats(0, 1) | odd_numbers)
def test_any_bins_and_any_share_of_a_recording_fit_or_are_refused(spikes, width, fraction):
    counts = attempt(spikes.binned, width)
    if counts is not None:
        n_bins = sum(int((b - a) / width + 1e-6) for a, b in spikes.epochs)
        assert counts.shape == (n_bins, spikes.n_neurons)
        assert counts.sum() <= len(spikes)
    parts = attempt(spikes.split, fraction)
    if parts is not None:
        assert sum(map(len, parts)) == len(spikes)
        assert sum(part.recorded for part in parts) == pytest.approx(spikes.recorded)


# --- tokens ------------------------------------------------------------------------------------

vocabularies = st.fixed_dictionaries(
    {},
    optional={
        "fine_width": st.floats(1e-6, 0.1) | odd_numbers,
        "n_fine": st.integers(0, 60) | odd_numbers,
        "n_coarse": st.integers(0, 40) | odd_numbers,
        "longest": st.floats(1e-3, 100) | odd_numbers,
    },
)
intervals = arrays(float, st.integers(0, 8), elements=st.floats(0, 200) | odd_numbers.map(float))


@examples(250)
@given(vocabularies, intervals)
def test_an_interval_lies_in_its_class_or_is_refused(settings, values):
    assume(max(settings.get("n_fine", 1), settings.get("n_coarse", 1)) < 1e6)  # memory
    vocabulary = attempt(IntervalVocabulary, **settings)
    if vocabulary is None:
        return
    edges = [*vocabulary.edges.tolist(), np.inf]
    assert edges[0] == 0 and sorted(set(edges)) == edges
    assert len(edges) == vocabulary.n_classes + 1
    classes = attempt(vocabulary.encode, values)
    if classes is not None:
        for value, its_class in zip(values, classes, strict=True):
            assert edges[its_class] <= value < edges[its_class + 1] or value == np.inf
        decoded = vocabulary.decode(classes)
        assert vocabulary.encode(decoded).tolist() == classes.tolist()


@examples(60)
@given(random_gapped_trains(), st.sampled_from(["population", "neuron", "", None, 1]))
def test_tokens_are_the_spikes_again_or_are_refused(spikes, interval):
    tokens = attempt(tokenize, spikes, interval=interval)
    if tokens is not None:
        assert tokens.neurons.tolist() == spikes.neurons.tolist()
        again = detokenize(tokens, spikes.duration, interval, spikes.epochs)
        np.testing.assert_allclose(again.times, spikes.times, rtol=0, atol=1e-9)
        assert again.rates.tolist() == spikes.rates.tolist()


@examples(100)
@given(random_gapped_trains(), st.integers(-3, 40), st.integers(1, 9))
def test_windows_are_all_pieces_of_one_epoch_or_are_refused(spikes, length, stride):
    tokens = tokenize(spikes)
    windows = attempt(Windows, tokens, length)
    if windows is None:
        return
    starts = [int(start) for batch in windows.in_order(4, stride) for start in batch]
    expected = [
        start
        for first, last in zip(tokens.bounds, tokens.bounds[1:], strict=False)
        for start in range(first, last, stride)
        if start + length <= last
    ]
    assert starts == expected and len(expected) > 0
    neurons, _, elapsed, _ = windows[np.array(starts)]
    assert neurons.shape == (len(starts), length) and (elapsed >= 0).all()


# --- graphs ------------------------------------------------------------------------------------

numbers = st.one_of(
    st.integers(-8, 8).map(float), st.floats(-1e3, 1e3), st.floats(), odd_numbers.map(float)
)
anything = st.one_of(
    arrays(float, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4), elements=numbers),
    numbers,
)
# Of eighths, whose sums and products have no rounding, in units from 1e-75 to 1e75.
eighths, units = st.integers(-32, 32).map(lambda n: n / 8), st.integers(-250, 250)
graphs = {
    n: st.builds(np.ldexp, arrays(float, (n, n), elements=eighths), units) for n in range(2, 7)
}
a_graph = st.integers(2, 6).flatmap(graphs.get)
two_graphs = st.integers(2, 6).flatmap(lambda n: st.tuples(graphs[n], graphs[n]))
OF_ONE = [
    *(table_1.co_input, table_1.off_diagonal, table_1.out_strengths),
    table_1.normalised_singular_values,
    *(readings.row_shares, readings.excess_shares, readings.without_column_median),
    *(readings.standing_out, readings.centred),
    detection.spearman_ceiling,
]
OF_TWO = [
    *(table_1.alignment, table_1.pearson, table_1.spearman, table_1.spectral_divergence),
    *(detection.auc, detection.average_precision),
    *(detection.sign_agreement, card.score_card),
]
by_name = {"ids": lambda function: function.__name__}


@pytest.mark.parametrize("function", OF_ONE, **by_name)
@examples(60)
@given(anything)
def test_what_is_no_graph_is_refused_and_no_graph_is_written_to(function, graph):
    before = pickle.dumps(graph)
    result = attempt(function, graph)
    if result is not None:
        array = np.asarray(graph, float)
        assert array.ndim == 2 and array.shape[0] == array.shape[1] and np.isfinite(array).all()
    assert pickle.dumps(graph) == before


@pytest.mark.parametrize("function", OF_TWO, **by_name)
@examples(40)
@given(anything, anything)
def test_what_are_no_two_graphs_is_refused(function, first, second):
    if attempt(function, first, second) is not None:
        assert np.shape(first) == np.shape(second)
        assert np.isfinite(np.asarray(first, float)).all()


@pytest.mark.parametrize("function", OF_ONE[4:9], **by_name)
@examples(60)
@given(a_graph, st.randoms())
def test_a_reading_does_not_depend_on_who_has_which_id(function, graph, random):
    order = random.sample(range(len(graph)), len(graph))
    read, other = attempt(function, graph), attempt(function, graph[np.ix_(order, order)])
    assert (read is None) == (other is None)
    if read is not None:
        scale = np.abs(graph).max() * 1e-9
        np.testing.assert_allclose(other, read[np.ix_(order, order)], rtol=1e-6, atol=scale)


@examples(80)
@given(a_graph)
def test_readings_are_what_they_are_called(graph):
    off, scale = ~np.eye(len(graph), dtype=bool), np.abs(graph).max() * 1e-9
    shares = readings.row_shares(np.abs(graph))
    sums = shares.sum(axis=1)
    assert all(np.isclose(sums, 1) | (sums == 0)) and not np.diagonal(shares).any()
    assert abs(readings.centred(graph)[off].mean()) <= scale
    without = readings.without_column_median(graph)
    for column in range(len(graph)):
        assert abs(np.median(without[off[:, column], column])) <= scale
    kept = readings.standing_out(graph)
    assert not ((kept > 0).any(axis=0) & (kept < 0).any(axis=0)).any()
    assert ((kept == 0) | (kept == without)).all()


@examples(80)
@given(two_graphs, st.randoms(), st.sampled_from([2.0**-40, 0.5, 2.0**30]))
def test_scores_are_the_same_the_other_way_round_for_other_ids_and_other_units(pair, random, unit):
    first, second = pair
    order = np.ix_(*[random.sample(range(len(first)), len(first))] * 2)
    scores = table_1.alignment(first, second)
    for other in (
        table_1.alignment(second, first),
        table_1.alignment(first[order], second[order]),
        table_1.alignment(first * unit, second),
    ):
        np.testing.assert_allclose(other, scores, rtol=1e-6, atol=1e-6)
    assert scores.loc[["pearson", "spearman"]].abs().max(axis=None) <= 1 or scores.isna().any(
        axis=None
    )


@examples(80)
@given(two_graphs)
def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order(pair):
    estimate, truth = pair
    off = ~np.eye(len(truth), dtype=bool)
    is_edge, size = truth[off] != 0, np.abs(estimate[off])
    value = attempt(detection.auc, estimate, truth)
    if value is None or is_edge.all() or not is_edge.any():
        assert value is None or np.isnan(value)
        return
    right = [(a > b) + 0.5 * (a == b) for a in size[is_edge] for b in size[~is_edge]]
    assert value == pytest.approx(np.mean(right))


@examples(100)
@given(a_graph, st.lists(st.integers(-1, 6), max_size=4) | odd_numbers)
def test_hubs_are_ranked_as_a_loop_ranks_them_or_are_refused(graph, hubs):
    ranks = attempt(table_1.hub_ranks, graph, hubs)
    if ranks is not None:
        sent = table_1.out_strengths(graph)
        assert ranks.tolist() == [int((sent >= sent[hub]).sum()) for hub in np.asarray(hubs)]


def test_a_sentence_of_numpy_is_none_of_ours():
    with pytest.raises(ValueError) as caught:
        np.zeros((2, 3)) @ np.zeros((2, 3))
    with pytest.raises(AssertionError):
        assert_a_sentence(caught.value)
