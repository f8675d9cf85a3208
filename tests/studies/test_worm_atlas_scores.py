"""Scores over measured pairs: cases solvable by hand, a peer, and the nulls."""

import numpy as np
import pytest

from lgl_core.metrics.detection import auc
from studies.worm_atlas_scores import _degrees_kept, auc_where_measured, mutual_scores


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_by_hand():
    estimate = np.array([[9.0, 3.0, 1.0], [2.0, 9.0, 0.0], [np.nan, 0.5, 9.0]])
    targets = np.array([[0, 1, 0], [0, 0, 0], [1, 1, 0]], bool)
    measured = np.isfinite(estimate)
    # Among 3, 1, 2, 0 and 0.5 the targets are 3 and 0.5: they win 3 + 1 of 6 comparisons.
    assert auc_where_measured(estimate, targets, measured) == pytest.approx(4 / 6)


def test_with_all_pairs_it_is_the_usual_area(rng):
    truth, estimate = (rng.random((20, 20)) < 0.3), rng.random((20, 20))
    everywhere = np.ones((20, 20), bool)
    expected = auc(estimate, truth * (1 - np.eye(20)))
    assert auc_where_measured(estimate, truth, everywhere) == pytest.approx(expected)


def test_agrees_with_scikit_learn(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    estimate, targets = rng.integers(0, 5, (30, 30)), rng.random((30, 30)) < 0.2
    measured = rng.random((30, 30)) < 0.4
    where = measured & ~np.eye(30, dtype=bool)
    expected = metrics.roc_auc_score(targets[where], estimate[where])
    assert auc_where_measured(estimate, targets, measured) == pytest.approx(expected)


def test_nothing_to_find():
    everywhere = np.ones((4, 4), bool)
    assert np.isnan(auc_where_measured(np.ones((4, 4)), ~everywhere, everywhere))


def wired(rng, n=60):
    """Anatomy, and function that follows it, with half of the pairs measured."""
    anatomy = (rng.random((n, n)) < 0.1) * rng.integers(1, 9, (n, n)) * (1 - np.eye(n))
    function = anatomy + rng.normal(0, 2, (n, n))
    function[rng.random((n, n)) < 0.5] = np.nan
    return anatomy, function, np.nan_to_num(function) > 3


@pytest.mark.parametrize("null", ["permuted", "degrees"])
def test_function_that_follows_anatomy_is_told_from_its_nulls(rng, null):
    table = mutual_scores(*wired(rng), null=null, n=20).set_index("question")
    assert list(table.index) == ["anatomy finds function", "function finds anatomy"]
    z = (table["value"] - table["null_mean"]) / table["null_sd"]
    assert (z > 5).all()
    assert (table["null_mean"] - 0.5).abs().max() < 0.06
    assert np.isnan(table.loc["function finds anatomy", "strengths_only"])


def test_function_that_knows_nothing_is_at_its_null(rng):
    anatomy, function, _ = wired(rng)
    shuffled = np.where(np.isfinite(function), rng.normal(size=function.shape), np.nan)
    table = mutual_scores(anatomy, shuffled, shuffled > 1, n=50)
    z = (table["value"] - table["null_mean"]) / table["null_sd"]
    assert (z.abs() < 4).all()


def test_kept_strengths_explain_what_strengths_do(rng):
    # Some neurons send and answer much, pair by pair there is nothing: strengths explain it.
    sends, hears = rng.gamma(0.5, size=(2, 80))
    chance = np.minimum(np.outer(hears, sends) * 0.3, 1) * (1 - np.eye(80))
    anatomy = (rng.random((80, 80)) < chance) * 1.0
    function = np.outer(hears, sends) + rng.normal(0, 0.2, (80, 80))
    responds = rng.random((80, 80)) < chance
    tables = {
        null: mutual_scores(anatomy, function, responds, null=null, n=30).iloc[0]
        for null in ("permuted", "degrees")
    }
    assert tables["permuted"]["value"] > tables["permuted"]["null_mean"] + 0.1
    assert tables["degrees"]["null_mean"] == pytest.approx(tables["degrees"]["value"], abs=0.05)
    assert tables["permuted"]["strengths_only"] > 0.7


def test_drawn_anatomy_has_the_sizes_and_about_the_degrees(rng):
    anatomy = wired(rng)[0]
    drawn = [_degrees_kept(anatomy, rng) for _ in range(200)]
    for graph in drawn[:3]:
        np.testing.assert_array_equal(np.sort(graph, axis=None), np.sort(anatomy, axis=None))
        assert not np.diagonal(graph).any()
    for axis in (0, 1):
        mean = np.mean([np.count_nonzero(graph, axis=axis) for graph in drawn], axis=0)
        np.testing.assert_allclose(mean, np.count_nonzero(anatomy, axis=axis), atol=1.5)


def test_signs_of_the_anatomy_do_not_count_and_the_seed_decides(rng):
    anatomy, function, responds = wired(rng)
    signed = anatomy * rng.choice([-1, 1], len(anatomy))
    first = mutual_scores(anatomy, function, responds, n=5, seed=3)
    assert first.equals(mutual_scores(signed, function, responds, n=5, seed=3))
    assert not first.equals(mutual_scores(anatomy, function, responds, n=5, seed=4))


def test_wrong_input_is_named(rng):
    square, ones = np.ones((3, 3)), np.ones((3, 3), bool)
    for wrong, message in (
        ((np.ones((2, 3)), ones, ones), "estimate must be a square"),
        ((square, np.ones((2, 2), bool), ones), "targets must have the shape"),
        ((square, ones, np.ones(3, bool)), "measured must have the shape"),
        ((np.full((3, 3), np.nan), ones, ones), "estimate must be finite on measured pairs"),
    ):
        with pytest.raises(ValueError, match=message):
            auc_where_measured(*wrong)
    with pytest.raises(ValueError, match="null must be 'permuted' or 'degrees', got 'none'"):
        mutual_scores(square, square, ones, null="none")
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        mutual_scores(square, square, ones, n=1)
