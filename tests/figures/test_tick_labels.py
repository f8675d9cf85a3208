"""Which tick labels overlap, once a figure is drawn."""

import matplotlib.pyplot as plt
import pytest
from tick_labels import overlapping


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn(names, columns=1, **options):
    figure, grid = plt.subplots(1, columns, figsize=(4, 2), squeeze=False)
    for axes in grid.flat:
        axes.set_xticks(range(len(names)), names)
        axes.set(**{"xlim": (-0.5, len(names) - 0.5)} | options)
    figure.draw_without_rendering()
    return figure


def test_names_that_have_room_do_not_overlap():
    assert overlapping(drawn(["a", "b", "c"])) == []


def test_long_names_overlap_with_their_neighbours():
    long = ["one of rather long names", "another of long names"]
    assert overlapping(drawn(long)) == [tuple(long)]


def test_labels_of_two_panels_overlap_too():
    names = ["of twenty letters", ""]
    assert overlapping(drawn(["", names[0]], columns=2)) == []
    assert overlapping(drawn([names[0] * 3, ""], columns=2)) == [(names[0] * 3,) * 2]


def test_what_is_beyond_the_ends_of_an_axis_is_not_drawn():
    assert overlapping(drawn(["of twenty letters"] * 8, xlim=(2.9, 3.1))) == []


def test_labels_that_are_switched_off_do_not_overlap():
    figure = drawn(["of twenty letters"] * 8)
    assert overlapping(figure)
    figure.axes[0].tick_params(labelbottom=False)
    figure.draw_without_rendering()
    assert overlapping(figure) == []
