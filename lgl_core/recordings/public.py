"""A recording that anyone can fetch, ready to read.

``lgl culture coculture.nwb`` writes it to a file.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pandas as pd

from lgl_core.recordings._raw import needed
from lgl_core.recordings._room import naming, opened_npz
from lgl_core.recordings.session import Session, read

__all__ = ["FOLDER_VARIABLE", "coculture", "main"]

# Where files are kept and looked for; without it they go to the user's cache.
FOLDER_VARIABLE = "LGL_DATA"

# Where these files come from, their licence, and what is known of them: coculture.md beside them.
_REGISTRY = Path(__file__).parent / "data" / "coculture.txt"
_URL = (
    "https://raw.githubusercontent.com/ScreenNeuroPharm/CxHp-2D/"
    "f7ec7a1645ab0e0f65a6f99b751977047a3d8034/Data/CxHp/DIV18/24544/"
    "22102019_PeakDetectionMAT_PLP2ms_RP1ms_Joint_TXT/ptrain/"
)
_MERGED = "coculture_div18.npz"
_SAMPLING_RATE = 10_000  # Hz


def coculture(min_rate: float = 0.1, folder: str | Path | None = None) -> Session:
    """Read a cortical-hippocampal co-culture on 120 electrodes, 18 days in vitro, 20 minutes.

    Its 120 files (44 MB) are fetched once, and compared with the checksums in ``coculture.txt``.

    Parameters
    ----------
    min_rate : float
        Leave out electrodes that fire less often than this, in Hz.
    folder : str or Path, optional
        Where the files are, or go to. Default: the folder that the environment variable
        ``LGL_DATA`` names, else the user's cache. One file of all electrodes,
        ``coculture_div18.npz``, is taken instead of the 120 where it is there.

    Returns
    -------
    Session
        Units are electrodes, named by column and row of the grid, such as ``"A04"``. Spikes of
        all cells that an electrode hears are one train, at a resolution of 0.1 ms.

    Raises
    ------
    ValueError
        If a file is not the one that was published, or no electrode fires often enough.
    ImportError
        If files must be fetched and pooch is not installed.

    References
    ----------
    Brofiga et al., Functional Inhibitory Connections Modulate the Electrophysiological Activity
    Patterns of Cortical-Hippocampal Ensembles; https://github.com/ScreenNeuroPharm/CxHp-2D, MIT
    licence. The files do not say which electrodes lie in which tissue.
    """
    given = folder or os.environ.get(FOLDER_VARIABLE)
    merged = Path(given, _MERGED) if given else None
    if merged and merged.exists():
        spikes, duration = _read_merged(merged)
    else:
        spikes, duration = _read_published(given)
    rates = spikes["unit"].value_counts() / duration
    active = rates.index[rates >= min_rate]
    if active.empty:
        raise ValueError(f"min_rate must be at most {rates.max():.1f} Hz, got {min_rate}")
    return read(spikes[spikes["unit"].isin(active)], epochs=[[0, duration]])


def _read_merged(path: Path) -> tuple[pd.DataFrame, float]:
    with naming(path, "the co-culture"), opened_npz(path) as file:
        times = file["sample"] / file["sampling_rate_hz"]
        return (
            pd.DataFrame({"time": times, "unit": file["labels"][file["electrode"]]}),
            float(file["duration_s"]),
        )


def _read_published(folder: str | Path | None) -> tuple[pd.DataFrame, float]:
    pooch = needed("pooch")
    store = pooch.create(path=folder or pooch.os_cache("lgl_core"), base_url=_URL)
    store.load_registry(_REGISTRY)
    trains = {}
    for name in store.registry_files:
        # A line is a sample and an amplitude; the first one holds the number of samples, and 0.
        samples = pd.read_csv(store.fetch(name), sep=r"\s+", header=None)[0].to_numpy()
        n_samples, trains[Path(name).stem.rpartition("_")[2]] = samples[0], samples[1:]
    spikes = pd.concat(
        [pd.DataFrame({"time": train, "unit": label}) for label, train in trains.items()]
    ).sort_values(["time", "unit"], ignore_index=True)
    spikes["time"] /= _SAMPLING_RATE
    return spikes, float(n_samples / _SAMPLING_RATE)


def main() -> None:
    """Write the co-culture to a file, in the format that its ending names."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("path", help="ends in .nwb, .csv, .parquet or .h5 (temporaldata)")
    path = parser.parse_args().path
    try:
        session = coculture()
        session.write(path)
    except (ValueError, OSError, ImportError) as error:
        parser.exit(1, f"{error}\n")
    print(f"{path}: {session}")
