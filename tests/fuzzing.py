"""Random input: what is shared by the tests that try it.

Whatever goes in, either a right result comes out, or a ``ValueError`` with a sentence of the
library. `make test` tries the same examples each time; ``LGL_FUZZ=50`` tries fifty times as many,
other ones at each call.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from tests.house import MODULES

TIMES = int(os.environ.get("LGL_FUZZ", "1"))

# What no number in a configuration should be, beside what some of them may be.
odd_numbers = st.sampled_from(
    [
        *(0, -1, 1, 2, 3, 1.5, 0.5, -0.5, 1e-3, 1e300, -1e300, 5e-324, 2**70, -(2**70)),
        *(float("nan"), float("inf"), float("-inf"), np.float64(2.5), np.int64(7), True, False),
    ]
)
odd_values = st.one_of(
    odd_numbers,
    st.integers(),
    st.floats(),
    st.sampled_from([None, "", "1", "many", (), [1, 2], {}]),
)


def examples(n: int):
    """So many examples in `make test`."""
    return settings(max_examples=n * TIMES)


def attempt(make, *arguments, **named):
    """What comes out; None if it is refused as the library refuses: in its own words."""
    try:
        return make(*arguments, **named)
    except ValueError as error:
        assert_a_sentence(error)
        return None


def assert_a_sentence(error: ValueError) -> None:
    """A sentence of the library, not what NumPy says deep inside of it."""
    raised_in = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    assert raised_in in MODULES.values(), f"{raised_in.name} says: {error}"
    assert len(str(error).split()) >= 4, str(error)
