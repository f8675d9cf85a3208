"""Trainings beside each other, on made-up tables."""

import numpy as np
import pandas as pd
import pytest

from studies.evidence.trainings import (
    averages_beside_members,
    best_layers,
    losses_and_scores,
    told_by_loss,
    training_spread,
)
from studies.rows import labels_of


def trainings(*rows, **labels):
    """Build a table of (network, training, value) of one model."""
    table = pd.DataFrame(rows, columns=["network_seed", "model_seed", "value"])
    return table.assign(**labels_of("attention", model="interval") | {"name": "interval"} | labels)


class TestTrainingSpread:
    TWO_NETWORKS = trainings((0, 0, 0.0), (0, 1, 0.2), (1, 0, 0.6), (1, 1, 0.8))

    def test_networks_and_trainings_are_told_apart(self):
        (row,) = training_spread(self.TWO_NETWORKS).to_dict("records")
        assert (row["count"], row["min"], row["max"]) == (4, 0.0, 0.8)
        assert row["sd between networks"] == pytest.approx(np.std([0.1, 0.7], ddof=1))
        assert row["sd between trainings"] == pytest.approx(np.std([0.0, 0.2], ddof=1))

    def test_of_one_training_per_network_nothing_is_known_between_trainings(self):
        found = training_spread(self.TWO_NETWORKS[::2])
        assert found["sd between trainings"].isna().all()


def test_the_best_layer_is_counted_in_each_training():
    first = trainings((0, 0, 0.1), (0, 1, 0.5), (1, 0, -0.1), layer="1")
    second = trainings((0, 0, 0.4), (0, 1, 0.2), (1, 0, 0.3), layer="2")
    mean = trainings((0, 0, 0.9), (0, 1, 0.9), (1, 0, 0.9), layer="all")
    (row,) = best_layers(pd.concat([first, second, mean])).to_dict("records")
    assert row == {
        "best: layer 1": 1,
        "best: layer 2": 2,
        "some layer below zero": 1,
        "lowest best": 0.3,
    }


WHOLE = {"method": "attention", "layer": "all", "head": "all"}
SCORE = WHOLE | {"view": "co_input", "score": "spearman"}


def with_losses(losses, scores):
    """Build a table of trainings (network, training), each with a loss and a score."""
    rows = [
        trainings(*((*training, values[training]) for training in values), **labels)
        for values, labels in (
            (losses, WHOLE | {"view": "visible", "score": "held-out neuron"}),
            (scores, SCORE),
        )
    ]
    return pd.concat(rows, ignore_index=True)


class TestLosses:
    LOSSES = {(0, 0): 1.0, (0, 1): 1.1, (1, 0): 2.0, (1, 1): 2.1, (2, 0): 1.5}
    SCORES = {(0, 0): 0.2, (0, 1): 0.1, (1, 0): 0.8, (1, 1): 0.9, (2, 0): 0.5}

    def test_each_training_has_its_loss_beside_its_score(self):
        shuffled = dict(reversed(self.SCORES.items()))
        found = losses_and_scores(with_losses(self.LOSSES, shuffled))
        keys = found[["network_seed", "model_seed"]].itertuples(index=False, name=None)
        rows = zip(keys, found["loss"], found["co_input"], strict=True)
        assert {key: (loss, score) for key, loss, score in rows} == {
            key: (self.LOSSES[key], self.SCORES[key]) for key in self.LOSSES
        }

    def test_an_ensemble_has_no_loss_and_is_left_out(self):
        table = with_losses(self.LOSSES, self.SCORES)
        ensemble = trainings((0, 0, 0.3), **SCORE).assign(n_models=3)
        found = losses_and_scores(pd.concat([table, ensemble]))
        assert set(found["name"]) == {"interval"}

    def test_networks_that_differ_are_no_sign_of_what_a_loss_tells(self):
        """One of two networks is told right, though over all of them a higher loss scores more."""
        found = told_by_loss(losses_and_scores(with_losses(self.LOSSES, self.SCORES)))
        (row,) = found.to_dict("records")
        assert (row["trainings"], row["losses from"], row["to"]) == (5, 1.0, 2.1)
        assert row["rank correlation"] == pytest.approx(0.9)
        assert row["within networks"] == pytest.approx(0, abs=0.1)
        assert (row["networks"], row["told right"], row["guessed right"]) == (2, 1, 1.0)

    def test_one_training_of_each_network_tells_nothing_within(self):
        losses, scores = ({(seed, 0): values[seed, 0] for seed in range(3)}
                          for values in (self.LOSSES, self.SCORES))  # fmt: skip
        (row,) = told_by_loss(losses_and_scores(with_losses(losses, scores))).to_dict("records")
        assert np.isnan(row["within networks"])
        assert (row["networks"], row["told right"], row["guessed right"]) == (0, 0, 0)


def test_an_average_stands_beside_its_members_where_there_are_both():
    members = trainings((0, 0, 0.1), (0, 1, 0.2), (0, 2, 0.6), (1, 0, 0.5), **SCORE)
    average = trainings((0, 0, 0.7), **SCORE).assign(n_models=3)
    found = averages_beside_members(pd.concat([members, average]), ["interval"])
    assert found.index.tolist() == [("interval", 0)]
    (row,) = found.to_dict("records")
    assert row == pytest.approx(
        {"average of 3": 0.7, "mean of members": 0.3, "lowest": 0.1, "highest": 0.6}
    )
