"""What a worm's neurons do to each other, as measured, beside what anatomy says they could.

Matrices are ``[post, pre]``; neurons stand in the order of
:func:`lgl_core.networks.topologies.c_elegans_neurons`.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lgl_core.networks.topologies import C_ELEGANS, c_elegans_neurons

__all__ = [
    "FOLDER_VARIABLE",
    "SOURCE",
    "WormAtlas",
    "c_elegans_gap_junctions",
    "c_elegans_synapses",
    "worm_atlas",
    "worm_atlas_file",
]

# Where the file of the atlas is kept and looked for; without it that is the user's cache.
FOLDER_VARIABLE = "LGL_WORM_DATA"

# The published file, its licence, and what is taken from it: worm_atlas.md beside this one.
_FILE = "funatlas.h5"
_SHA256 = "53a99055667b853e1d3d6be573ec2613d38c9f6989f302ec38ecd38dd50c7975"
_URL = (
    "https://raw.githubusercontent.com/francescorandi/wormneuroatlas/"
    "827e26b31a2ad59ae115c57732471fe260ba7e52/wormneuroatlas/data/"
)
SOURCE = {"file": _FILE, "url": _URL + _FILE, "sha256": _SHA256}
_STRAIN = "wt"  # the file has mutants, too

# Source and licence of this table: c_elegans.md of lgl_core/networks/data.
_GAP_JUNCTIONS = Path(__file__).parent / "data" / "c_elegans_gap_junctions.csv"


@dataclass(frozen=True, eq=False, kw_only=True)
class WormAtlas:
    """Measured signal propagation between the neurons of *C. elegans*.

    Parameters
    ----------
    response : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: mean change of the fluorescence of ``post`` (dF/F) when ``pre`` was made
        active by light; NaN where it was not measured, and on the diagonal.
    q : ndarray, shape (n_neurons, n_neurons)
        ``[post, pre]``: false discovery rate of the response, near 0 where it is sure; NaN as in
        ``response``.
    trials : ndarray of int, shape (n_neurons, n_neurons)
        ``[post, pre]``: how often it was measured; 0 where never.
    """

    response: NDArray[np.float64]
    q: NDArray[np.float64]
    trials: NDArray[np.int64]

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Which pairs were measured, ``[post, pre]``."""
        return np.isfinite(self.q)

    def responds(self, below: float = 0.05) -> NDArray[np.bool_]:
        """Tell which pairs have a response.

        Parameters
        ----------
        below : float
            A pair responds if its ``q`` is below. The article asks for 0.05.

        Returns
        -------
        ndarray of bool, shape (n_neurons, n_neurons)
            ``[post, pre]``; False where nothing was measured.

        Raises
        ------
        ValueError
            If ``below`` is not strictly between 0 and 1.
        """
        if not 0 < below < 1:
            raise ValueError(f"below must lie strictly between 0 and 1, got {below}")
        return self.measured & (np.nan_to_num(self.q, nan=1.0) < below)


def worm_atlas(folder: str | Path | None = None) -> WormAtlas:
    """Read the signal propagation atlas of the wild type.

    Its file, ``funatlas.h5`` (18 MB), is fetched once, and compared with its checksum.

    Parameters
    ----------
    folder : str or Path, optional
        Where the file is, or goes to. Default: the folder that the environment variable
        ``LGL_WORM_DATA`` names, else the user's cache.

    Returns
    -------
    WormAtlas
        Of the 279 neurons of :func:`lgl_core.networks.topologies.c_elegans_neurons`, 186 of which
        were imaged and 153 of these stimulated, too.

    Raises
    ------
    ValueError
        If the file is not the one that was published.
    ImportError
        If h5py is not installed, or the file must be fetched and pooch is not.

    Notes
    -----
    Randi et al. (2023). A neuron was activated by light and the calcium of others imaged, at a few
    pictures per second: who came first among several responses cannot be told, and a response may
    have gone through neurons in between or without synapses, by what is released into the fluid.

    Neurons of the file that are not among the 279 are left out: those of the pharynx, VC6, and
    AWC, whose two sides are told apart by function there and by place here. No neuron onto itself.
    """
    path = worm_atlas_file(folder) or _fetched(folder)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != _SHA256:
        raise ValueError(
            f"{path} is not the file that was published: SHA-256 must be {_SHA256}, got {found}"
        )
    return _read(path)


def worm_atlas_file(folder: str | Path | None = None) -> Path | None:
    """Look for the file of the atlas on this machine; nothing is fetched.

    Parameters
    ----------
    folder : str or Path, optional
        As for :func:`worm_atlas`.

    Returns
    -------
    Path or None
        None if it is not there.

    Raises
    ------
    ImportError
        If no folder is named and pooch, which knows the user's cache, is not installed.
    """
    path = _folder(folder) / _FILE
    return path if path.is_file() else None


def _folder(folder: str | Path | None) -> Path:
    return Path(folder or os.environ.get(FOLDER_VARIABLE) or _needed("pooch").os_cache("lgl_core"))


def _fetched(folder: str | Path | None) -> Path:
    registry = {_FILE: _SHA256}
    store = _needed("pooch").create(path=_folder(folder), base_url=_URL, registry=registry)
    return Path(store.fetch(_FILE))


def _read(path: Path) -> WormAtlas:
    """Take the pairs of our neurons that have a response and its rate, in our order."""
    with _needed("h5py").File(path, "r") as file:
        theirs = pd.Index([name.decode() for name in file["neuron_ids"]])
        # [post, pre] there, too.
        values = [file[_STRAIN][key][:] for key in ("dFF", "q", "occ1")]
    places = theirs.get_indexer(pd.Index(c_elegans_neurons()))
    both = np.ix_(places, places)  # -1 for a neuron that is not there: masked below
    response, q, trials = (matrix[both] for matrix in values)
    measured = np.isfinite(response) & np.isfinite(q)
    measured &= (places >= 0) & (places >= 0)[:, None] & ~np.eye(len(places), dtype=bool)
    return WormAtlas(
        response=np.where(measured, response, np.nan),
        q=np.where(measured, q, np.nan),
        trials=np.where(measured, trials, 0),
    )


def _needed(package: str) -> Any:
    """Import a package that the file needs, or say how to get it."""
    try:
        with warnings.catch_warnings():
            # The progress bars of pooch want widgets in a notebook; it has none to show there.
            warnings.filterwarnings("ignore", message="IProgress not found")
            return import_module(package)
    except ImportError as error:
        raise ImportError(
            f"the atlas needs {package}: pip install 'lgl_core[data]' brings it"
        ) from error


def c_elegans_synapses() -> NDArray[np.float64]:
    """Count the chemical synapses between the neurons of *C. elegans*.

    Returns
    -------
    ndarray, shape (279, 279)
        ``[post, pre]``, without signs; what :func:`lgl_core.networks.topologies.c_elegans` makes
        its weights of.
    """
    return _counts(C_ELEGANS, "post", "pre", "synapses")


def c_elegans_gap_junctions() -> NDArray[np.float64]:
    """Count the gap junctions between the neurons of *C. elegans*.

    Returns
    -------
    ndarray, shape (279, 279)
        ``[post, pre]``, symmetric, zero on the diagonal.

    Notes
    -----
    Varshney et al. (2011), from the same table as the synapses of
    :func:`lgl_core.networks.topologies.c_elegans`.
    """
    counts = _counts(_GAP_JUNCTIONS, "one", "other", "junctions")
    return counts + counts.T


def _counts(path: Path, row: str, column: str, value: str) -> NDArray[np.float64]:
    """Read a table of pairs into a matrix, zero where the table has no row."""
    table, names = pd.read_csv(path), pd.Index(c_elegans_neurons())
    places = tuple(names.get_indexer(pd.Index(table[side])) for side in (row, column))
    counts = np.zeros((len(names), len(names)))
    counts[places] = table[value]
    return counts
