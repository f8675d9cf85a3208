"""The graph of a list of connections."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import FancyArrowPatch

from lgl_core.figures.connections import connection_graph, connection_table

LIST = pd.DataFrame(
    {
        "pre": ["hub", "hub", "hub", "quiet"],
        "post": ["a", "b", "quiet", "a"],
        "sign": [1, 1, 1, -1],
        "q": [1e-9, 1e-6, 0.01, 0.04],
    }
)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_every_connection_has_an_arrow_and_every_neuron_its_name():
    (panel,) = connection_graph(LIST).axes
    arrows = [patch for patch in panel.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == len(LIST)
    assert [text.get_text() for text in panel.texts] == ["hub", "quiet", "a", "b"]
    alphas = [arrow.get_alpha() for arrow in arrows]
    assert alphas == sorted(alphas, reverse=True), "the surest is the darkest"
    signs = [arrow.get_edgecolor()[:3] for arrow in arrows]
    assert signs[0] == signs[1] == signs[2] != signs[3]
    place = panel.texts[0].get_position()
    np.testing.assert_allclose(place, (0, 1.08), atol=1e-9)  # who sends most is at the top


def test_names_that_would_not_fit_are_left_out():
    many = pd.DataFrame({"pre": range(70), "post": [(n + 1) % 70 for n in range(70)]})
    (panel,) = connection_graph(many.assign(sign=1, q=0.01)).axes
    assert not panel.texts


def test_an_empty_list_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        connection_graph(LIST.iloc[:0])


class TestTable:
    WHOLE = LIST.assign(strength=0.12345, latency=[1e-3, 2e-3, 3e-3, np.nan], p=1e-12)

    def test_holds_every_connection_with_three_digits_and_latencies_in_ms(self):
        html = connection_table(self.WHOLE)
        names = re.findall("<th>(.*?)</th>", html)
        cells = np.reshape(re.findall("<td>(.*?)</td>", html), (len(LIST), len(names)))
        found = pd.DataFrame(cells, columns=names)
        assert found["pre"].tolist() == LIST["pre"].tolist()
        assert set(found["strength"]) == {"0.123"}
        assert found["latency (ms)"].tolist() == ["1", "2", "3", "NaN"]
        np.testing.assert_allclose(found["q"].astype(float), LIST["q"])

    def test_labels_are_text_and_nothing_else(self):
        html = connection_table(self.WHOLE.assign(pre="<b>bold</b>"))
        assert "&lt;b&gt;bold" in html and "<b>bold" not in html

    def test_missing_columns_are_named(self):
        with pytest.raises(ValueError, match="strength"):
            connection_table(LIST)
