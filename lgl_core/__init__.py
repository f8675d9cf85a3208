"""Latent graph learning in generative models of neural signals.

``import lgl_core as lgl`` is all that most need: the names below, each loaded when it is first
used. What stands behind them is in the folders. A folder holds one noun, and imports only from
folders below it, which the page "The library" of the book lists from the ground up.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

# First of all: it has to see the other files before they are loaded.
from lgl_core.disk import _cache_sources  # noqa: F401

if TYPE_CHECKING:
    from lgl_core.baselines.pairwise import correlogram_z
    from lgl_core.experiment import attention, fit_glm, simulate, train
    from lgl_core.figures.data import raster
    from lgl_core.figures.graphs import connectivity_matrices
    from lgl_core.glm.config import GLMConfig
    from lgl_core.metrics.compare import compare
    from lgl_core.metrics.scores import co_input
    from lgl_core.networks.assemblies import hub_assemblies
    from lgl_core.networks.network import Network, hub_network
    from lgl_core.networks.topologies import c_elegans, erdos_renyi, scale_free, spatial
    from lgl_core.recordings.session import read
    from lgl_core.simulation.lif import LIFParams
    from lgl_core.spikes import SpikeTrains, training_part
    from lgl_core.transformer.training import TrainConfig
    from lgl_core.wiring import connections

__version__ = "0.1.0"
__all__ = [
    "GLMConfig",
    "LIFParams",
    "Network",
    "SpikeTrains",
    "TrainConfig",
    "attention",
    "c_elegans",
    "co_input",
    "compare",
    "connections",
    "connectivity_matrices",
    "correlogram_z",
    "erdos_renyi",
    "fit_glm",
    "hub_assemblies",
    "hub_network",
    "raster",
    "read",
    "scale_free",
    "simulate",
    "spatial",
    "train",
    "training_part",
]

_PLACES = {
    "attention": "experiment",
    "c_elegans": "networks.topologies",
    "co_input": "metrics.scores",
    "compare": "metrics.compare",
    "connections": "wiring",
    "connectivity_matrices": "figures.graphs",
    "correlogram_z": "baselines.pairwise",
    "erdos_renyi": "networks.topologies",
    "fit_glm": "experiment",
    "GLMConfig": "glm.config",
    "hub_assemblies": "networks.assemblies",
    "hub_network": "networks.network",
    "LIFParams": "simulation.lif",
    "Network": "networks.network",
    "raster": "figures.data",
    "read": "recordings.session",
    "scale_free": "networks.topologies",
    "simulate": "experiment",
    "spatial": "networks.topologies",
    "SpikeTrains": "spikes",
    "train": "experiment",
    "TrainConfig": "transformer.training",
    "training_part": "spikes",
}


def __getattr__(name: str) -> Any:
    """Load a name when it is first used: PyTorch and Matplotlib take seconds."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# This is the command, or `python -m lgl_core`, whose slow imports come now. A process that it
# starts has the same `argv` and another command line; it says nothing of Ctrl-C.
if sys.argv[0] == "-m" or (
    sys.argv[0].endswith(("/lgl", "\\lgl.exe")) and sys.argv[0] in sys.orig_argv
):
    from lgl_core import command

    command.listen()
