"""Spans against the sets of whole seconds that they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgl_core.recordings._spans import best_company, common, joined, length, without

some = settings(max_examples=60)
pytestmark = pytest.mark.slow
pairs = st.tuples(st.integers(0, 20), st.integers(0, 6)).map(lambda p: (p[0], p[0] + p[1]))
spans = st.lists(pairs, max_size=5).map(lambda p: np.array(p, dtype=float).reshape(-1, 2))
in_order = spans.map(joined)


def seconds(found: np.ndarray) -> set[int]:
    return {second for start, stop in found for second in range(int(start), int(stop))}


@some
@given(spans)
def test_joined_spans_are_in_order_and_apart(found):
    whole = joined(found)
    assert seconds(whole) == seconds(found)
    assert (np.diff(whole.ravel()) > 0).all()
    assert length(whole) == len(seconds(found))


@some
@given(st.lists(spans, min_size=1, max_size=4))
def test_the_time_that_all_have_in_common(found):
    assert seconds(common(found)) == set.intersection(*map(seconds, found))
    assert (np.diff(common(found).ravel()) > 0).all()


@some
@given(in_order, spans)
def test_what_is_cut_out_is_gone(found, cut):
    assert seconds(without(found, cut)) == seconds(found) - seconds(cut)


@some
@given(st.lists(in_order, min_size=1, max_size=5))
def test_the_best_company_against_all_that_are_considered(observed):
    sets = [seconds(part) for part in observed]
    most = max(len(one) * sum(one <= other for other in sets) for one in sets)
    found = best_company(observed)
    kept = [part for part, is_kept in zip(sets, found.kept, strict=True) if is_kept]
    assert kept and found.seconds == len(set.intersection(*kept))
    assert len(kept) * found.seconds == most
