"""Figures that are drawn beforehand: they show the scores of results/, and say which."""

import json

import numpy as np
import pytest
from PIL import Image

from studies import still_figures
from studies.evidence.original import SHORT
from studies.evidence.report import chosen
from studies.evidence.verdicts import ATTENTION, GLM
from studies.palette import few_colours
from studies.results import load
from studies.still_figures import (
    CARD_FIGURE,
    FRONT_FIGURE,
    SHOWN,
    card_differences,
    front_scores,
)


def shown_in(path):
    with Image.open(path) as image:
        return json.loads(image.text["Description"])


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


def test_differences_are_those_of_the_report_card():
    rows = card_differences().set_index(["name", "source"])
    row = rows.loc[("attention ahead of the GLM on co-input", "our network")]
    table = chosen(load("seeds"), view="co_input", score="spearman")
    own = chosen(table, **ATTENTION).groupby("network_seed")["value"].mean()
    expected = (own - chosen(table, **GLM).set_index("network_seed")["value"]).mean()
    assert row["mean"] == pytest.approx(expected) and row["low"] < row["mean"] < row["high"]
    assert row["published"] == pytest.approx(0.03, abs=0.01)
    assert rows.groupby("source").size().to_list() == [8, 8]


def test_main_writes_both_figures_with_what_they_show(tmp_path, monkeypatch):
    names = ("truth", *SHOWN)
    graphs = {name: np.random.default_rng(i).random((5, 5)) for i, name in enumerate(names)}
    monkeypatch.setattr(still_figures, "_front_graphs", lambda: {"our network": graphs})
    for name in ("FRONT_FIGURE", "CARD_FIGURE"):
        monkeypatch.setattr(still_figures, name, tmp_path / f"{name}.png")
    monkeypatch.setattr("sys.argv", ["still_figures"])
    still_figures.main()
    for name, committed in (("FRONT_FIGURE", FRONT_FIGURE), ("CARD_FIGURE", CARD_FIGURE)):
        assert shown_in(tmp_path / f"{name}.png") == shown_in(committed), (
            "run: python -m studies.still_figures"
        )


def test_few_colours_keep_a_small_mark_and_what_is_plain():
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    pixels[:100], pixels[150:153, 150:153] = 255, (255, 0, 0)
    few = few_colours(Image.fromarray(pixels))
    assert len(few.getcolors()) <= 128
    back = np.asarray(few.convert("RGB")).astype(int)
    assert np.abs(back[:100] - 255).max() < 8
    assert np.abs(back[151, 151] - (255, 0, 0)).max() < 40
