"""What every figure of the book must be: drawn without a warning, legible, and whole."""

import warnings

import matplotlib.pyplot as plt
from tick_labels import overlapping


def drawn_without_warning(draw):
    """Make a figure and draw it outside of the style, as a notebook does; no warning may come."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw()
        figure.draw_without_rendering()
    return figure


def names_its_axes(figure, names):
    labels = {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel())}
    assert labels >= set(names)


def is_large_enough(figure):
    # A text column is about 7.5 inches wide: a wider figure shrinks to it.
    width = figure.get_size_inches()[0]
    texts = [text for text in figure.findobj(plt.Text) if text.get_text() and text.get_visible()]
    assert min(text.get_fontsize() for text in texts) * min(1, 7.5 / width) >= 10 - 1e-9


def nothing_is_clipped(figure):
    """Nor hidden: no tick label overlaps another."""
    assert overlapping(figure) == []
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()  # in inches, with the legend
    assert box.x0 > -0.05 and box.y0 > -0.05
    assert box.x1 < width + 0.05 and box.y1 < height + 0.05
