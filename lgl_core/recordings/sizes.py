"""What was measured of recordings as large as one without truth, and of none that is not."""

from __future__ import annotations

import pandas as pd

__all__ = ["around", "told"]


def around(sizes: pd.DataFrame, n_units: int, spikes_per_unit: float) -> pd.DataFrame:
    """Keep the measured sizes on either side of a recording.

    Parameters
    ----------
    sizes : DataFrame
        One row per method and measured recording, with columns ``n_neurons`` and
        ``spikes_per_unit``, the same for all recordings of one size
        (:func:`studies.evidence.tables.recording_sizes`).
    n_units : int
        Of the recording.
    spikes_per_unit : float
        Mean over its units.

    Returns
    -------
    DataFrame
        The rows of the next smaller and the next larger number of neurons and, at each of them, of
        spikes; of one of them, if that is the recording's own. Empty if the recording is beyond
        what was measured on any side.
    """
    beside = _beside(sizes["n_neurons"], n_units)
    rows = [sizes[sizes["n_neurons"] == n_neurons] for n_neurons in beside]
    lengths = [_beside(of_one["spikes_per_unit"], spikes_per_unit) for of_one in rows]
    if not beside or not all(lengths):
        return sizes.iloc[:0]
    return pd.concat(
        [
            of_one[of_one["spikes_per_unit"].isin(length)]
            for of_one, length in zip(rows, lengths, strict=True)
        ]
    )


def _beside(measured: pd.Series, value: float) -> list[float]:
    """Give the next measured values below and above; none if there is none on one side."""
    low, high = measured[measured <= value].max(), measured[measured >= value].min()
    return [] if pd.isna(low) or pd.isna(high) else sorted({low, high})


def told(sizes: pd.DataFrame, n_units: int, spikes_per_unit: float) -> str:
    """Tell what methods know of the edges in recordings about as large as one.

    Parameters
    ----------
    sizes, n_units, spikes_per_unit
        As for :func:`around`, with the columns ``name`` of the method and ``value``.

    Returns
    -------
    str
        For each method the lowest and the highest correlation of a network, or that the recording
        is beyond what was measured.
    """
    here = f"{n_units} units with {spikes_per_unit:,.0f} spikes each"
    near = around(sizes, n_units, spikes_per_unit)
    if near.empty:
        per_size = sizes.groupby("n_neurons")["spikes_per_unit"].agg(["min", "max"])
        measured = "; ".join(f"{n}: {low:,.0f} to {high:,.0f}" for n, low, high in
                             per_size.itertuples())  # fmt: skip
        return f"{here} are beyond what was measured (neurons: spikes of each; {measured})"
    kinds = near.groupby(["n_neurons", "spikes_per_unit"]).size()
    networks = "; ".join(f"{n} neurons with {k:,.0f} spikes each" for n, k in kinds.index)
    ranges = near.groupby("name", sort=False)["value"].agg(["min", "max"])
    scores = "\n".join(f"  {name}: {low:.2f} to {high:.2f}" for name, low, high in
                       ranges.itertuples())  # fmt: skip
    return f"{here} lie between what was measured: {networks}\n{scores}"
