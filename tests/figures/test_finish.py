"""What is done to a figure after it is drawn: units, scales, ticks, legends, size."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from lgl_core.figures.finish import in_units, narrow
from studies.figures.measured import methods_by_score


def drawn(n_sources=2):
    rows = [
        (what, name, source, mean, mean - 0.1, mean + 0.1)
        for what, mean in (("edges off hubs, Pearson", 0.2), ("a long name of a score", 5.0))
        for name in ("one", "other")
        for source in range(n_sources)
    ]
    columns = ["what", "name", "source", "mean", "low", "high"]
    return methods_by_score(pd.DataFrame(rows, columns=columns), {})


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_each_panel_has_its_unit_below_its_score():
    figure = drawn()
    scales = [panel.get_xlim() for panel in figure.axes]
    in_units(figure, ["no unit", "mV"])
    labels = [panel.get_xlabel() for panel in figure.axes]
    assert labels == ["edges off hubs, Pearson\n(no unit)", "a long name of a score\n(mV)"]
    assert [panel.get_xlim() for panel in figure.axes] == scales
    with pytest.raises(ValueError):
        in_units(figure, ["no unit"])


def test_panels_can_have_one_scale_that_holds_all():
    figure = drawn()
    in_units(figure, ["no unit"] * 2, alike=True)
    first, second = (panel.get_xlim() for panel in figure.axes)
    assert first == second and first[0] < 0.1 and first[1] > 5.1


def test_a_narrow_figure_breaks_its_labels_and_has_few_ticks():
    figure = drawn()
    narrow(figure, 5.0, 3.0, ticks=2)
    assert figure.axes[0].get_xlabel() == "edges\noff hubs,\nPearson"
    assert list(figure.get_size_inches()) == [5.0, 3.0]
    for panel in figure.axes:
        low, high = panel.get_xlim()
        assert sum(low <= tick <= high for tick in panel.get_xticks()) <= 3


@pytest.mark.parametrize(("n_sources", "kept"), [(1, False), (2, True), (3, False)])
def test_a_legend_stays_that_tells_two_apart(n_sources, kept):
    figure = drawn(n_sources)
    narrow(figure, 5.0, 3.0)
    assert figure.legends[0].get_visible() == kept
