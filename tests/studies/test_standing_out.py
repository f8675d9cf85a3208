"""What stands out of columns: which graphs are read so, and how they are labelled."""

import numpy as np
import pytest

from lgl_core.extraction.readings import standing_out
from lgl_core.metrics.card import pearson_of_hubs, score_card
from studies.evidence.report import chosen
from studies.names import CORRELATIONS
from studies.points import Recording, rows
from studies.readings import Constrained
from studies.rows import COLUMNS, with_names
from studies.standing_out import OF_HUBS, READ, TRIED, StandingOut, beyond
from tests.studies.test_results import MODEL, TINY

pytestmark = pytest.mark.usefixtures("cold_cache")

INSIDE = Constrained(
    recording=TINY, time_embedding="rotary", size="tiny",
    training={"epochs": 1, "batch_size": 8}, n_spikes=40,
)  # fmt: skip
OF = {
    "recording": (TINY, {"glm, area", "ccg, 1 to 4 ms", "partial covariance, 10 ms",
                         "firing rates, exponential", "event timing, from the clock"}),
    "model": (MODEL, {"attention, interval, tiny",
                      "influence, interval, tiny, removed, log rate"}),
    "graph inside": (INSIDE, {
        f"graph_constrained, with rotary, tiny, epochs 1, batch_size 8, {reading}"
        for reading in ("area", "influence, log rate")
    }),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("of", "names"), OF.values(), ids=OF)
def test_each_graph_is_scored_as_it_is_and_by_what_stands_out(of, names):
    point = StandingOut(of=of, n_sds=(1.0, 2.0), n_spikes=40)
    table = rows(point)
    assert point.is_ready and list(table.columns) == COLUMNS
    whole = with_names(table.assign(kept=""))
    assert set(whole["method"] + ", " + whole["name"]) == names
    assert set(table["kept"]) == {"", "beyond 1 sd", "beyond 2 sd"}
    truth = TINY.network()
    for labels, graph in point.estimates():
        for n_sd in (None, 1.0, 2.0):
            kept = graph if n_sd is None else standing_out(graph, n_sd)
            mine = chosen(table, **(labels | {"kept": beyond(n_sd)}))
            values = mine.set_index(["view", "score"])["value"]
            card = score_card(kept, truth.weights, truth.hubs, spectral=False)
            card = card.set_index(["view", "score"])["value"]
            if n_sd not in READ.values():
                card = card[[(view, score) for view in TRIED for score in CORRELATIONS]]
            assert set(values.index) == {*card.index, (OF_HUBS, "pearson")}
            np.testing.assert_allclose(values[card.index], card)
            of_hubs = pearson_of_hubs(kept, truth.weights, truth.hubs)
            np.testing.assert_allclose(values[OF_HUBS, "pearson"], of_hubs)
            edges = mine[(mine["view"] == "true") & (mine["score"] == "pearson")]
            assert edges["null_sd"].notna().all() == (n_sd in READ.values())


def test_networks_without_hubs_have_no_columns_of_hubs():
    recording = Recording(topology="erdos_renyi", duration=5.0, settings={"n_neurons": 12})
    table = rows(StandingOut(of=recording, n_sds=(2.0,)))
    assert OF_HUBS not in set(table["view"])
