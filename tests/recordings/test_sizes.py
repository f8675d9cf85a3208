"""What is told of a recording was measured of others as large, or nothing is."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.recordings.sizes import around, told

NEURONS, LENGTHS = (20, 50, 300), (30.0, 60.0, 600.0)
SIZES = pd.DataFrame(
    [
        (name, n, 5 * length + n / 10, seed, np.log(length) / 20 + seed / 100)
        for name in ("GLM", "ccg")
        for n in NEURONS
        for length in LENGTHS
        if (n, length) != (300, 600)
        for seed in range(3)
    ],
    columns=["name", "n_neurons", "spikes_per_unit", "network_seed", "value"],
)


@settings(max_examples=25)
@given(st.integers(2, 400), st.floats(50, 4000))
def test_what_is_kept_lies_on_either_side_or_nothing_does(n_units, spikes):
    near = around(SIZES, n_units, spikes)
    if near.empty:
        of_each = SIZES.groupby("n_neurons")["spikes_per_unit"].agg(["min", "max"])
        beside = [n for n in NEURONS if n <= n_units][-1:] + [n for n in NEURONS if n >= n_units][
            :1
        ]
        inside = [of_each["min"][n] <= spikes <= of_each["max"][n] for n in beside]
        assert len(beside) < 2 or not all(inside)
        return
    assert near["n_neurons"].min() <= n_units <= near["n_neurons"].max()
    for _, rows in near.groupby(["name", "n_neurons"]):
        assert rows["spikes_per_unit"].min() <= spikes <= rows["spikes_per_unit"].max()
        assert len(rows) in (3, 6), "all networks of one size or two"
        between = SIZES[SIZES["n_neurons"] == rows["n_neurons"].iloc[0]]["spikes_per_unit"]
        low, high = rows["spikes_per_unit"].min(), rows["spikes_per_unit"].max()
        assert not between.between(low, high, inclusive="neither").any()


def test_a_measured_size_is_its_own_neighbour():
    near = around(SIZES, 50, 305.0)
    assert len(near) == 2 * 3 and set(near["n_neurons"]) == {50}


@pytest.mark.parametrize(
    ("n_units", "spikes"), [(5, 600), (500, 200), (50, 100), (50, 4000), (100, 1000)]
)
def test_beyond_what_was_measured_there_is_no_number(n_units, spikes):
    said = told(SIZES, n_units, spikes)
    assert said.startswith(f"{n_units} units with {spikes:,} spikes each are beyond what was")
    assert "0." not in said and "GLM" not in said


def test_inside_there_is_the_range_over_networks_of_each_method():
    said = told(SIZES, 30, 200.0).splitlines()
    assert said[0] == (
        "30 units with 200 spikes each lie between what was measured: 20 neurons with 152 spikes "
        "each; 20 neurons with 302 spikes each; 50 neurons with 155 spikes each; 50 neurons with "
        "305 spikes each"
    )
    assert said[1:] == ["  GLM: 0.17 to 0.22", "  ccg: 0.17 to 0.22"]
