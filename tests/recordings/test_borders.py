"""Borders in graphs: found where they are, not where there is only distance."""

import numpy as np
import pytest

from lgl_core.recordings.borders import score_borders, within_wins

PLACES = np.array([(column, row) for column in range(1, 9) for row in range(1, 9)])
LEFT = PLACES[:, 0] <= 4
APART = np.linalg.norm(PLACES[:, None] - PLACES[None], axis=-1)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def bordered(rng, strength):
    """Entries that fall with distance, and are larger within a half."""
    same = LEFT[:, None] == LEFT[None]
    return np.exp(-APART / 2) + strength * same + 0.3 * rng.normal(size=APART.shape)


def test_by_hand():
    line = np.array([[0], [1], [2], [4]])
    graph = np.zeros((4, 4))
    graph[0, 1], graph[1, 0] = 5, 1  # within, at distance 1
    graph[1, 2], graph[2, 1] = 3, 0  # between, at distance 1
    graph[2, 3], graph[3, 2] = 2, 2  # within, at distance 2
    graph[0, 2], graph[2, 0] = 1, 2  # between, at distance 2
    # At 1: 5 beats both, 1 beats one of them. At 2: both beat 1 and tie with 2. At 3 and 4 there
    # are no pairs within, so that nothing is compared.
    assert within_wins(graph, line, [0, 0, 1, 1]) == pytest.approx((3 / 4 + 3 / 4) / 2)


def test_distance_alone_makes_no_border(rng):
    assert within_wins(bordered(rng, 0), PLACES, LEFT) == pytest.approx(0.5, abs=0.03)
    assert within_wins(bordered(rng, 0.5), PLACES, LEFT) > 0.8
    assert within_wins(bordered(rng, -0.5), PLACES, LEFT) < 0.2


def test_the_border_is_found_where_it_is(rng):
    table = score_borders({"plain": bordered(rng, 0.0), "halves": bordered(rng, 0.3)}, PLACES, n=10)
    halves = table[table["name"] == "halves"]
    best = halves.loc[halves["value"].idxmax()]
    assert (best["axis"], best["position"]) == ("columns", 4)
    assert best["value"] > best["null_mean"] + 5 * best["null_sd"]
    plain = table[table["name"] == "plain"]
    assert (plain["value"] - plain["null_mean"]).abs().max() < 5 * plain["null_sd"].max()
    assert (table["null_mean"] - 0.5).abs().max() < 0.03


def test_borders_with_enough_units_on_either_side(rng):
    table = score_borders({"graph": bordered(rng, 0.1)}, PLACES, fewest=24, n=2)
    assert sorted(table["position"][table["axis"] == "rows"]) == [3, 4, 5]
    again = score_borders({"graph": bordered(np.random.default_rng(0), 0.1)}, PLACES, 24, 2)
    assert table.equals(again)


def test_wrong_input_is_named(rng):
    graph = bordered(rng, 0)
    for wrong, message in (
        ((graph, PLACES[1:], LEFT), "places must have an entry for each of 64, got 63"),
        ((graph, PLACES, LEFT[1:]), "groups must have an entry for each of 64, got 63"),
        ((graph, PLACES, np.ones(64)), "groups must have pairs both within and between"),
    ):
        with pytest.raises(ValueError, match=message):
            within_wins(*wrong)
    with pytest.raises(ValueError, match="fewest must leave a border to score, got 60"):
        score_borders({"graph": graph}, PLACES, fewest=60)
    with pytest.raises(ValueError, match="n must be at least 2, got 1"):
        score_borders({"graph": graph}, PLACES, n=1)
