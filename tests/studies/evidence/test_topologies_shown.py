"""What is shown of other topologies: facts of networks, and between what scores lie."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from lgl_core.metrics.scores import co_input, off_diagonal
from studies.evidence.report import named
from studies.evidence.topologies_shown import network_facts, ranges_elsewhere, scores_and_z
from studies.evidence.verdicts import SERIES
from studies.points import Recording
from studies.results import load


@pytest.mark.slow
@pytest.mark.usefixtures("cold_cache")
def test_facts_of_a_network_are_those_of_its_weights_and_spikes():
    recordings = [
        Recording(topology=name, duration=2.0, settings={"n_neurons": 30})
        for name in ("hub_network", "erdos_renyi")
    ]
    facts = network_facts(recordings)
    assert list(facts.index) == ["hub network", "Erdős–Rényi"]
    for name, recording in zip(facts.index, recordings, strict=True):
        weights, spikes, found = recording.network().weights, recording.spikes(), facts.loc[name]
        linked = np.argwhere(weights != 0)
        assert (found["neurons"], found["spikes"]) == (30, len(spikes))
        assert found["synapses"] == len(linked)
        assert found["share of pairs"] == pytest.approx(len(linked) / (30 * 29))
        back = {(post, pre) for post, pre in linked} & {(pre, post) for post, pre in linked}
        assert found["both ways"] == pytest.approx(len(back) / len(linked))
        assert found["Hz"] == pytest.approx(len(spikes) / 30 / 2.0)
        sent = np.abs(weights).sum(axis=0)
        top = sorted(range(30), key=lambda pre: sent[pre])[-3:]
        assert found["top three, weight"] == pytest.approx(sent[top].sum() / sent.sum())
        kept = weights * np.isin(np.arange(30), top)
        entries = [off_diagonal(co_input(graph)) for graph in (kept, weights)]
        by_hand = scipy.stats.spearmanr(*entries).statistic
        assert found["top three, co-input"] == pytest.approx(by_hand)
    assert facts["synapses"].dtype == int and facts["Hz"].dtype == float
    hubs, none = facts["top three, co-input"]
    assert hubs > none


def test_ranges_are_over_the_networks_without_planted_hubs():
    rows = pd.DataFrame(
        [("hub_network", 0.9), ("spatial", 0.3), ("scale_free", -0.25), ("c_elegans", 0.1)],
        columns=["network", "value"],
    )
    rows = rows.assign(name="GLM, peak", view="true", null_sd=0.1)
    found = ranges_elsewhere(pd.concat([rows, rows.assign(name="other", null_sd=np.nan)]))
    assert list(found.index) == [("GLM, peak", "true"), ("other", "true")]
    assert found.loc["GLM, peak", "true"].to_dict() == {
        "hub": 0.9, "low": -0.25, "high": 0.3, "known": 1, "opposed": 1,
    }  # fmt: skip
    assert found.loc["other", "true"][["known", "opposed"]].tolist() == [0, 0], "without a null"


def test_z_stands_beside_both_correlations():
    scored = named(load("topologies"), SERIES, view=["true", "co_input"])
    shown = scores_and_z(scored)
    columns = ["true pearson", "true spearman", "co_input pearson", "co_input spearman"]
    assert set(shown) == {*columns, "z, true", "z, co_input"}
    assert len(shown) == 4 * len(SERIES)
    (row,) = scored[
        (scored["network"] == "spatial") & (scored["name"] == "GLM, peak")
        & (scored["view"] == "true") & (scored["score"] == "spearman")
    ].to_dict("records")  # fmt: skip
    found = shown.loc["spatial", "GLM, peak"]
    assert found["true spearman"] == row["value"]
    assert found["z, true"] == pytest.approx((row["value"] - row["null_mean"]) / row["null_sd"])
