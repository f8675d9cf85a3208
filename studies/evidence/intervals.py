"""A mean over networks and how far it can be trusted: Student's intervals, differences, texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

__all__ = [
    "Difference",
    "Mean",
    "interval",
    "mean_interval",
    "means_by",
    "with_interval",
    "with_spread",
]


def interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Give the interval of Student's t for a mean.

    Parameters
    ----------
    values : array_like, shape (n,)
        Independent measurements: one per network, not one per training.
    level : float
        How often such an interval holds the mean of all networks.

    Returns
    -------
    low, high : float
        NaN if there are fewer than two values.

    Notes
    -----
    A percentile bootstrap of a handful of values is too narrow: at a nominal 95 % it covers 83 % of
    the time with five of them, 75 % with three and half of the time with two.
    """
    measured = np.asarray(values, dtype=float)
    if len(measured) < 2:
        return float("nan"), float("nan")
    reach = stats.t.ppf(0.5 + level / 2, len(measured) - 1) * stats.sem(measured)
    return float(measured.mean() - reach), float(measured.mean() + reach)


class Mean(NamedTuple):
    """A mean over networks.

    Parameters
    ----------
    mean : float
    low, high : float
        Its :func:`interval`.
    n : int
        Networks.
    """

    mean: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return with_interval(*self)


def mean_interval(values: ArrayLike) -> Mean:
    """Give the mean of values, one of each network, and its :func:`interval`."""
    measured = np.asarray(values, dtype=float)
    return Mean(float(measured.mean()), *interval(measured), len(measured))


def means_by(
    table: pd.DataFrame, by: Sequence[str], value: str = "value", one: Sequence[str] = ()
) -> pd.DataFrame:
    """Average a column group by group, with the :func:`interval` of each mean.

    Parameters
    ----------
    table : DataFrame
        A row per network, or several.
    by : sequence of str
        Columns that tell one group from another.
    value : str
        The column.
    one : sequence of str
        Columns that tell networks apart, if several rows are of one: these are averaged first.

    Returns
    -------
    DataFrame
        ``by``, ``mean``, ``low``, ``high`` and ``n``, in the order in which groups come up.
    """
    if one:
        table = table.groupby([*dict.fromkeys([*by, *one])], sort=False)[value].mean().reset_index()
    groups = table.groupby([*by], sort=False)[value]
    keys = pd.DataFrame([key for key, _ in groups], columns=[*by])
    means = [mean_interval(values) for _, values in groups]
    return keys.join(pd.DataFrame(means, columns=Mean._fields))


def with_interval(
    mean: float, low: float, high: float, n: int | None = None, digits: int = 2
) -> str:
    """Write ``0.81 [0.79, 0.83] (n = 5)``.

    There are no brackets if there is no interval (``low`` is NaN), and no parentheses without
    ``n``, where the networks are counted elsewhere. Each number has so many ``digits`` after the
    point. In a narrow column of a table the line breaks before the interval and not within it.
    """
    text = f"{mean:.{digits}f}"
    if not np.isnan(low):
        text += f" [{low:.{digits}f},\N{NO-BREAK SPACE}{high:.{digits}f}]"
    return text if n is None else f"{text} (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{n})"


class Difference(Mean):
    """How far one measurement lies above another: the mean over networks that have both."""

    __slots__ = ()

    @property
    def verdict(self) -> str:
        """Say ``"ahead"``, ``"behind"``, or ``"undecided"`` if the interval holds zero."""
        if self.low > 0:
            return "ahead"
        return "behind" if self.high < 0 else "undecided"

    @property
    def p(self) -> float:
        """The p-value of no difference, two-sided, as the interval has it; NaN for one network."""
        if self.n < 2:
            return float("nan")
        unit = (self.high - self.mean) / stats.t.ppf(0.975, self.n - 1)
        return float(2 * stats.t.sf(abs(self.mean) / unit, self.n - 1)) if unit else 0.0


def with_spread(mean: float, sd: float) -> str:
    """Write the mean of a null and two of its standard deviations, as in ``0.00 ± 0.04``."""
    # Adding zero makes -0.00 zero.
    return f"{round(mean, 2) + 0.0:.2f} ± {2 * sd:.2f}"
