"""Files of results: what is read back is what was written, rounded as promised."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgl_core.studies import RESULTS
from lgl_core.studies_results import (
    read_graphs,
    read_table,
    rounded,
    write_graphs,
    write_table,
)

finite = st.floats(-1e300, 1e300)


@given(finite, st.integers(1, 10))
def test_a_rounded_number_is_the_one_that_is_written(value, digits):
    (number,) = rounded([value], digits)
    assert f"{number:.{digits}g}" == f"{value:.{digits}g}"
    assert rounded([number], digits)[0] == number


def test_a_table_comes_back_with_its_types_and_its_blanks(tmp_path):
    table = pd.DataFrame(
        {
            "method": ["glm", None, "ccg"],
            "layer": [np.nan, np.nan, np.nan],
            "n_spikes": [1, 20, 300],
            "value": [0.123456789, np.nan, -1e-9],
        }
    )
    write_table(table, tmp_path / "a.parquet", labels=["method", "layer"])
    found = read_table(tmp_path / "a.parquet")
    assert found["method"].tolist() == ["glm", "", "ccg"]
    assert found["layer"].tolist() == ["", "", ""]
    assert found["n_spikes"].tolist() == [1, 20, 300]
    np.testing.assert_array_equal(found["value"], [0.12346, np.nan, -1e-9])


def test_what_was_read_can_be_written_again_and_is_the_same(tmp_path):
    table = read_table(RESULTS / "small.parquet")
    write_table(table, tmp_path / "small.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "small.parquet"), table)


@pytest.mark.parametrize("scale", [1e-30, 1e-4, 1.0, 1e12])
def test_graphs_keep_four_digits_their_sign_and_their_zeros(tmp_path, scale):
    rng = np.random.default_rng(0)
    graph = scale * rng.normal(size=(20, 20)) * (rng.random((20, 20)) < 0.5)
    write_graphs({"glm, peak": graph, "its transpose": graph.T}, tmp_path / "a.parquet")
    found = read_graphs(tmp_path / "a.parquet")
    assert list(found) == ["glm, peak", "its transpose"]
    np.testing.assert_allclose(found["glm, peak"], graph, rtol=2**-15)
    np.testing.assert_array_equal(found["glm, peak"].T, found["its transpose"])
    assert (np.sign(found["glm, peak"]) == np.sign(graph)).all()


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_graphs({"a": np.ones((2, 2))}, tmp_path / "a.parquet")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError):
        write_graphs({"a": np.zeros((2, 2))}, tmp_path / "a.parquet")
    assert read_graphs(tmp_path / "a.parquet")["a"].all()
