"""Latent graph learning in generative models of neural signals.

Files whose names begin alike, such as ``glm`` and ``glm_solvers``, are parts of one noun. A noun
imports only from the floors below its own, which the page "The library" of the book lists.
"""

import sys

# First of all: it has to see the other files before they are loaded.
from lgl_core.disk import _cache_sources  # noqa: F401

__version__ = "0.1.0"

if sys.argv[:1] == ["-m"]:  # this is `python -m lgl_core...`, whose slow imports come now
    from lgl_core import command

    command.listen()
