"""The first page: scores of results/, and a figure of small graphs."""

import numpy as np
import pytest

from studies import front_page
from studies.evidence.original import SHORT
from studies.evidence.report import chosen
from studies.front_page import SHOWN, front_scores
from studies.results import load


def test_scores_are_means_over_the_networks_of_the_studies():
    scores = front_scores()
    rows = chosen(load("seeds"), method="glm", reading="peak", view="true", score="spearman")
    assert scores["our network"]["GLM"] == pytest.approx(rows["value"].mean())
    rows = chosen(
        load("original_network"), **SHORT, method="correlation", reading="10 ms",
        view="true", score="spearman",
    )  # fmt: skip
    of_each = rows.groupby("network_seed")["value"].first()
    assert scores["the paper's network"]["plain correlation"] == pytest.approx(of_each.mean())
    assert all(list(of_one) == list(SHOWN) for of_one in scores.values())


def test_what_the_first_page_says_is_so():
    ours, theirs = front_scores().values()
    for of_one in (ours, theirs):
        assert of_one["attention"] <= of_one["plain correlation"] < of_one["GLM"]
    assert ours["GLM"] > 2 * theirs["GLM"]


def test_the_figure_has_a_row_per_network_and_the_score_of_each_method(tmp_path, monkeypatch):
    graphs = {
        name: np.random.default_rng(i).random((5, 5)) for i, name in enumerate(["truth", *SHOWN])
    }
    monkeypatch.setattr(front_page, "front_graphs", lambda: {"one": graphs, "other": graphs})
    monkeypatch.setattr(
        front_page,
        "front_scores",
        lambda: dict.fromkeys(("one", "other"), dict.fromkeys(SHOWN, 0.25)),
    )
    monkeypatch.setattr(front_page, "FIGURE", tmp_path / "front.png")
    front_page.main()
    assert (tmp_path / "front.png").stat().st_size > 1000
