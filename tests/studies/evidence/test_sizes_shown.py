"""What is shown of data and model size: saturation, ends of lines, and the published size."""

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from lgl_core.metrics.scores import paper_table_1
from studies import results
from studies.evidence.rules import BY_CORRELOGRAM, picks
from studies.evidence.sizes_shown import (
    LARGE,
    along_size,
    by_model_size,
    ends_along,
    layers_taken,
    n_weights,
    of_published_size,
    published_beside_laptop,
    saturation,
)
from studies.plans import DEFAULT_SIZES, SIZES
from studies.results import load
from studies.rows import with_names

MODELS = by_model_size(load("model_size"))


def line(name, **scores):
    """Make up a line: a score for each size."""
    rows = [(name, "true", float(size[1:]), value) for size, value in scores.items()]
    return pd.DataFrame(rows, columns=["name", "view", "size", "value"])


@pytest.mark.parametrize(
    ("values", "enough"),
    [
        ([0.1, 0.5, 0.51], "2"),
        ([0.5, 0.51, 0.515], "1"),
        ([0.6, 0.5, 0.51], "1"),  # what falls has nothing to gain
        ([0.1, 0.2, 0.3], "not seen"),
        ([0.1, 0.2, np.nan], "too few sizes"),
    ],
)
def test_a_line_saturates_where_no_larger_size_has_more(values, enough):
    made = line("GLM", **{f"s{size}": value for size, value in zip((1, 2, 4), values, strict=True)})
    found = saturation(made.iloc[::-1], "size").loc["true", "GLM"]
    assert found["enough from"] == enough
    np.testing.assert_array_equal(found[[1.0, 2.0]].astype(float), values[:2])


def test_ends_are_of_the_sizes_that_were_measured_and_means_of_their_rows():
    rows = pd.concat([line("GLM", s4=0.5, s1=0.25, s8=np.nan), line("GLM", s1=0.75)])
    assert ends_along(rows, "size").loc["true", "GLM"].tolist() == [0.5, 0.5]


def test_along_a_size_nothing_else_varies():
    assert set(MODELS["name"]) == {
        name + reading for name in ("interval", "rotary") for reading in ("", ", excess attention")
    }
    for x, values in SIZES.items():
        rows = along_size(MODELS, x, ["true", "co_input"])
        assert set(rows[x]) == {*values, DEFAULT_SIZES[x]}
        for other in set(SIZES) - {x}:
            assert set(rows[other]) == {DEFAULT_SIZES[other]}
        assert len(rows) == 2 * 4 * (len(values) + 1), "two views, four names"


def test_the_layer_taken_stands_beside_the_loss_of_its_model():
    found = layers_taken(MODELS)
    models = with_names(MODELS)
    assert set(found.index) == set(models["name"][models["reading"] == ""])
    wide = MODELS[(MODELS["model"] == "interval") & (MODELS["changes"] == "width 192")]
    loss = wide[(wide["score"] == "held-out neuron") & (wide["layer"] == "all")]
    (taken,) = picks(wide)[lambda rows: rows["rule"] == BY_CORRELOGRAM].itertuples()
    row = found.loc["interval, width 192"].tolist()
    assert row == [loss["value"].item(), taken.layer, taken.value]


def test_weights_are_as_many_as_those_of_the_model_that_is_shipped():
    shipped = load_file(results.RESULTS / "models" / "interval.safetensors")
    assert n_weights("laptop") == sum(matrix.size for matrix in shipped.values())
    assert n_weights("paper") > 4 * n_weights("laptop")


def test_the_published_size_stands_above_the_paper():
    published = load("paper_size")
    both = of_published_size(load("model_size"), published)
    found = published_beside_laptop(both)
    assert found.index[-1] == ("Table 1 of the paper", "")
    paper = paper_table_1().set_index(["method", "view", "score"])["value"]
    assert found["co_input", "spearman"].iloc[-1] == paper["attention", "co_input", "spearman"]
    (row,) = published[
        (published[list(LARGE)] == pd.Series(LARGE)).all(axis=1) & (published["model_seed"] == 1)
        & (published["layer"] == "all") & (published["head"] == "all")
        & (published["rows"] == "predicted") & (published["view"] == "true")
        & (published["score"] == "pearson")
    ].to_dict("records")  # fmt: skip
    assert found.loc[("interval, paper", 1), ("true", "pearson")].item() == row["value"]
