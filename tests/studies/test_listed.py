"""Points of the study on lists of connections."""

import numpy as np
import pytest

from lgl_core.metrics.decisions import decision_scores
from lgl_core.wiring import connections
from studies.evidence.report import chosen
from studies.listed import LENGTHS, RATES_ASKED, WIRINGS, Listed, at_rate, listed
from studies.points import Recording
from studies.rows import COLUMNS

TINY = Recording(duration=20.0, settings={"n_neurons": 20})

pytestmark = pytest.mark.usefixtures("cold_cache")


@pytest.mark.parametrize("method", ["glm", "ccg"])
def test_a_list_is_scored_at_each_rate(method):
    point = Listed(recording=TINY, method=method)
    table = point.rows()
    assert point.is_ready and list(table.columns) == COLUMNS
    assert set(table["kept"]) == {at_rate(fdr) for fdr in RATES_ASKED}
    truth = TINY.network().weights
    found = connections(TINY.spikes(), fdr=0.1, method=method, progress=False)
    called = np.zeros_like(truth)
    called[found["post"], found["pre"]] = found["sign"]
    mine = chosen(table, kept=at_rate(0.1)).set_index("score")["value"]
    np.testing.assert_allclose(mine, decision_scores(called, truth)[mine.index])
    late = chosen(table, score="latency error")["value"]
    assert len(late) == 1 and abs(late.item()) < 5e-3


def test_the_plan_has_each_network_and_length_by_both_methods():
    points = listed([3, 4])
    assert len(points) == 2 * 2 * len(WIRINGS) * len(LENGTHS) == len(set(map(str, points)))
