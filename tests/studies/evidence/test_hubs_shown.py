"""The settings nearest to the paper, from the committed results, by another way."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.metrics.scores import paper_table_1
from studies.evidence.claims_settings import with_hubs
from studies.evidence.hubs_shown import nearest_to_paper, sizes_and_paper
from studies.evidence.report import distance_from_paper
from studies.plans import DEFAULT_HUBS
from studies.results import load


@pytest.fixture(scope="module")
def published():
    """Table 1 of the paper, a row per method."""
    return paper_table_1().pivot_table("value", "method", ["view", "score"])


def root_mean_square(apart):
    return np.sqrt((np.asarray(apart, dtype=float) ** 2).mean())


def test_the_nearest_settings_come_first_and_the_paper_last(published):
    table = with_hubs(load("hub_strength"))
    found = nearest_to_paper(table, n=3)
    assert found.shape == (8, 4)
    paper = published[list(found)].to_numpy()[::-1]  # the GLM first
    np.testing.assert_array_equal(found.loc["the paper"].loc[["GLM", "attention"]], paper)
    places = found.index.get_level_values(0).unique()[:3]
    distances = [root_mean_square(found.loc[place] - paper) for place in places]
    assert distances == sorted(distances)
    all_of_them = distance_from_paper(table, list(DEFAULT_HUBS))["both"]
    assert distances == pytest.approx(sorted(all_of_them.dropna())[:3])


def test_sizes_stand_by_networks_that_have_several(published):
    found = sizes_and_paper(pd.concat([load("model_size"), load("hub_strength")]))
    assert (found.groupby(level="hubs").size() > 1).all()
    assert ("7 mV, 40%", "as elsewhere") in found.index
    values = found.drop(columns="distance", level=0)
    paper = published.loc["attention", list(values)].to_numpy()
    for (_, row), distance in zip(values.iterrows(), found["distance", ""], strict=True):
        assert distance == pytest.approx(root_mean_square(row - paper), abs=0.02)
