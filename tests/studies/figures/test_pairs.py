"""Figures of kinds of pairs: every marker at its place, every kind named."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from lgl_core.metrics.pairs import KINDS
from lgl_core.networks.network import Network
from studies.figures.pairs import confusions, hubs_first
from studies.names import KIND_NAMES
from tests.figure_checks import (
    drawn_without_warning,
    is_large_enough,
    names_its_axes,
    nothing_is_clipped,
)

TABLE = pd.DataFrame(
    [
        (network, kind, name, 0.1 * number + 0.05 * place)
        for network, kinds in (("motifs", KINDS[1:]), ("drivers", KINDS[2:4]))
        for place, kind in enumerate(kinds)
        for number, name in enumerate(("GLM", "cross-correlogram", "attention"))
        for _ in range(2)
    ],
    columns=["network", "kind", "name", "value"],
)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_every_kind_has_a_name():
    assert list(KIND_NAMES) == list(KINDS)


def test_it_can_be_read():
    figure = drawn_without_warning(lambda: confusions(TABLE, "ranked above (share)"))
    names_its_axes(figure, ["ranked above (share)"])
    nothing_is_clipped(figure)
    is_large_enough(figure)


def test_every_method_stands_above_its_kind():
    figure = confusions(TABLE)
    for axes, (network, mine) in zip(
        figure.axes, TABLE.groupby("network", sort=False), strict=True
    ):
        assert axes.get_title() == network
        kinds = [kind for kind in KINDS if kind in set(mine["kind"])]
        names = [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()]
        assert names == [KIND_NAMES[kind] for kind in kinds]
        lines = {line.get_label(): line for line in axes.lines}
        for name, rows in mine.groupby("name"):
            x, y = lines[name].get_data()
            np.testing.assert_allclose(y, rows["value"])
            assert np.round(x).astype(int).tolist() == [kinds.index(k) for k in rows["kind"]]


def test_an_unknown_kind_is_said():
    with pytest.raises(ValueError, match="kind in table must be one of .* got {'friend'}"):
        confusions(TABLE.assign(kind="friend"))


def test_neurons_are_ordered_by_what_they_are_then_by_id():
    network = Network(weights=np.zeros((6, 6)), hubs=[4, 2], inhibitory=[5, 0])
    assert hubs_first(network).tolist() == [2, 4, 0, 5, 1, 3]
