"""Rules for choosing a layer: followed as written, and worth what the truth says."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.evidence.rules import OBSERVABLES, ORACLE, gain, layer_table, picks, rules
from studies.rows import labels_of

PLACES = {"first layer", "last layer", "mean of all layers", "a layer at random", ORACLE}
LOOKS = {
    "most attention at synaptic lags": "synaptic_lag",
    "most like the cross-correlogram": "agrees_with_reference",
    "costliest to lose": "ablation_cost",
    "lowest entropy": "entropy",
}
CCG = labels_of("ccg", reading="1 to 4 ms")


def row(**labels):
    blank = labels_of("attention", model="interval")
    blank |= {"network": "hub_network",
             "network_seed": 0, "model_seed": 0, "layer": "all", "head": "all", "rows": "predicted",
             "view": "co_input", "score": "spearman", "value": 0.0}  # fmt: skip
    return blank | labels


def model_rows(scores, seen, **labels):
    """Rows of one model: a score per layer, then of their mean, and what is visible of each."""
    layers = [str(k + 1) for k in range(len(scores) - 1)]
    rows = [row(layer=k, value=v, **labels) for k, v in zip([*layers, "all"], scores, strict=True)]
    for observable, values in seen.items():
        rows += [
            row(layer=k, value=v, view="visible", score=observable, **(labels | {"rows": ""}))
            for k, v in zip(layers, values, strict=True)
        ]
    return rows


def study(seed=0, n_layers=3, trainings=(2, 1, 3)):
    """Make up a study: so many trainings on each network, and a graph of another method."""
    rng = np.random.default_rng(seed)
    rows = []
    for network_seed, n_models in enumerate(trainings):
        rows.append(row(**CCG, network_seed=network_seed, layer="", head="", rows="",
                        value=rng.normal()))  # fmt: skip
        for model_seed in range(n_models):
            seen = {observable: rng.normal(size=n_layers) for observable in OBSERVABLES}
            labels = {"network_seed": network_seed, "model_seed": model_seed}
            rows += model_rows(rng.normal(size=n_layers + 1), seen, **labels)
    return pd.DataFrame(rows)


def value(table, network_seed, model_seed, layer, view="co_input", score="spearman"):
    """Look a number up, slowly."""
    (found,) = [
        entry.value
        for entry in table.itertuples()
        if entry.method == "attention"
        and (entry.network_seed, entry.model_seed, entry.layer) == (network_seed, model_seed, layer)
        and (entry.view, entry.score) == (view, score)
    ]
    return found


def slow_rule(table, rule, trainings, n_layers):
    """Follow one rule by hand: the layer's score, its regret, whether it is best, per network."""
    layers = [str(k + 1) for k in range(n_layers)]
    means = []
    for network_seed, n_models in enumerate(trainings):
        found = []
        for model_seed in range(n_models):
            true = {k: value(table, network_seed, model_seed, k) for k in [*layers, "all"]}
            best = max(true[k] for k in layers)
            if rule == "a layer at random":
                mean = sum(true[k] for k in layers) / n_layers
                found.append((mean, best - mean, 1 / n_layers))
                continue
            if rule == ORACLE:
                seen = {k: true[k] for k in layers}
                taken = max(layers, key=seen.get)
            elif rule in LOOKS:
                seen = {
                    k: value(table, network_seed, model_seed, k, "visible", LOOKS[rule])
                    for k in layers
                }
                taken = (min if rule == "lowest entropy" else max)(layers, key=seen.get)
            else:
                taken = {"first layer": layers[0], "last layer": layers[-1]}.get(rule, "all")
            is_best = np.nan if taken == "all" else float(true[taken] == best)
            found.append((true[taken], best - true[taken], is_best))
        means.append(np.mean(found, axis=0))
    return np.mean(means, axis=0)


@pytest.mark.slow
@pytest.mark.parametrize("n_layers", [1, 3, 11])
def test_rules_do_what_a_reader_would_do_by_hand(n_layers):
    trainings = (2, 1, 3)
    table = study(n_layers=n_layers, trainings=trainings)
    found = rules(table.sample(frac=1, random_state=0)).set_index("rule")
    assert set(found.index) == PLACES | set(LOOKS)
    assert (found["n_models"] == sum(trainings)).all()
    for rule in found.index:
        expected = slow_rule(table, rule, trainings, n_layers)
        measured = found.loc[rule, ["reached", "regret", "picks_best"]].to_numpy(dtype=float)
        np.testing.assert_allclose(measured, expected, atol=1e-12, err_msg=rule)
    assert (found["low"] <= found["reached"]).all()
    assert (found["reached"] <= found["high"]).all()


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_nothing_but_the_mean_of_all_layers_beats_the_best_one(seed, n_layers):
    found = picks(study(seed, n_layers))
    best = found["value"] + found["regret"]
    assert np.allclose(
        best, best.groupby([found["network_seed"], found["model_seed"]]).transform("max")
    )
    of_layers = found[found["rule"] != "mean of all layers"]
    assert (of_layers["regret"] >= -1e-12).all()
    sure = of_layers[of_layers["picks_best"] == 1]
    assert np.allclose(sure["regret"], 0)
    assert found.loc[found["rule"] == "mean of all layers", "picks_best"].isna().all()


@pytest.mark.parametrize("rule", LOOKS)
def test_a_rule_that_looks_at_the_truth_has_no_regret(rule):
    sign = -1 if rule == "lowest entropy" else 1
    scores = [0.3, -0.2, 0.5, 0.1]
    others = {observable: [2.0, 1.0, 0.0] for observable in OBSERVABLES}
    table = pd.DataFrame(
        model_rows(scores, others | {LOOKS[rule]: [sign * np.exp(s) for s in scores[:3]]})
    )
    (found,) = [entry for entry in picks(table).itertuples() if entry.rule == rule]
    assert (found.layer, found.value, found.regret, found.picks_best) == ("3", 0.5, 0, 1)


def test_layers_are_ordered_by_number():
    seen = {observable: np.zeros(12) for observable in OBSERVABLES}
    table = pd.DataFrame(model_rows(range(13), seen)).iloc[::-1]
    layer = picks(table).set_index("rule")["layer"]
    assert (layer["first layer"], layer["last layer"], layer["mean of all layers"]) == (
        "1", "12", "all",
    )  # fmt: skip
    assert (layer[list(LOOKS)] == "1").all(), "the first of equals"


def test_a_network_counts_once_however_many_models_it_has():
    once = study(trainings=(1, 1))
    again = [once]
    for model_seed in (1, 2):
        copy = once[(once["method"] == "attention") & (once["network_seed"] == 0)]
        again.append(copy.assign(model_seed=model_seed))
    thrice = pd.concat(again, ignore_index=True)
    expected = rules(once)
    pd.testing.assert_frame_equal(
        rules(thrice).drop(columns="n_models"), expected.drop(columns="n_models")
    )


def test_single_heads_the_other_reading_and_ensembles_stay_out():
    table = study()
    mine = table[table["method"] == "attention"]
    scored = mine[mine["view"] == "co_input"]
    extra = [
        mine.assign(head="1", value=9.0),
        scored.assign(rows="query", value=9.0),
        scored.assign(n_models=3, value=9.0),
    ]
    pd.testing.assert_frame_equal(picks(pd.concat([table, *extra])), picks(table))


def test_another_view_changes_the_score_and_not_the_choice():
    table = study()
    scored = table[(table["view"] == "co_input") & (table["method"] == "attention")]
    other = pd.concat([table, scored.assign(view="true", value=-scored["value"])])
    one, two = (
        followed[followed["rule"] != ORACLE] for followed in (picks(other), picks(other, "true"))
    )
    pd.testing.assert_series_equal(one["layer"], two["layer"])
    np.testing.assert_allclose(one["value"], -two["value"])


def test_the_layer_table_holds_what_was_measured():
    table = study()
    found = layer_table(table)
    assert len(found) == 6 * 4
    for entry in found.itertuples():
        key = entry.network_seed, entry.model_seed, entry.layer
        assert entry.value == value(table, *key)
        for observable in OBSERVABLES:
            seen = getattr(entry, observable)
            if entry.layer == "all":
                assert np.isnan(seen)
            else:
                assert seen == value(table, *key, "visible", observable)


def test_gain_is_the_mean_difference_over_networks():
    table = study()
    ccg = table[table["method"] == "ccg"].set_index("network_seed")["value"]
    followed, found = picks(table), gain(table, CCG).set_index("rule")
    for rule in found.index:
        mine = followed[followed["rule"] == rule].groupby("network_seed")["value"].mean()
        assert found.loc[rule, "mean"] == pytest.approx((mine - ccg).mean())
    assert (found["n_networks"] == 3).all()


@pytest.mark.parametrize(("level", "verdict"), [(-9, "ahead"), (9, "behind")])
def test_gain_is_told_in_a_word(level, verdict):
    table = study()
    table.loc[table["method"] == "ccg", "value"] = level
    assert set(gain(table, CCG)["verdict"]) == {verdict}
    alone = table[table["network_seed"] == 0]
    assert set(gain(alone, CCG)["verdict"]) == {"undecided"}, "one network decides nothing"


def test_gain_leaves_out_networks_without_the_other_method():
    table = study()
    known = table[(table["method"] != "ccg") | (table["network_seed"] < 2)]
    assert (gain(known, CCG)["n_networks"] == 2).all()
    elsewhere = known.assign(
        network=np.where(known["method"] == "ccg", "spatial", known["network"])
    )
    with pytest.raises(ValueError, match="no network with both"):
        gain(elsewhere, CCG)


@pytest.mark.parametrize("score", ["spectral", "rank"])
def test_a_score_of_which_less_is_better_is_refused(score):
    with pytest.raises(ValueError, match=f"more is better, got '{score}'"):
        rules(study(), score=score)


def test_a_layer_of_which_something_is_not_known_is_named():
    table = study()
    gone = (table["score"] == "entropy") & (table["layer"] == "2") & (table["model_seed"] == 2)
    with pytest.raises(ValueError, match=r"entropy must .* network_seed 2, model_seed 2, layer 2"):
        picks(table[~gone])


def test_two_studies_at_once_are_refused():
    with pytest.raises(ValueError, match="choose one study"):
        picks(pd.concat([study(), study()]))


def test_a_view_that_was_not_scored_is_refused():
    with pytest.raises(ValueError, match=r"view must be one of .*co_input.*, got 'true'"):
        rules(study(), view="true")
