"""Latent graph learning in generative models of neural signals.

A folder holds one noun, and imports only from folders below it, which the page "The library" of the
book lists from the ground up.
"""

import sys

# First of all: it has to see the other files before they are loaded.
from lgl_core.disk import _cache_sources  # noqa: F401

__version__ = "0.1.0"

# This is the command, or `python -m lgl_core`, whose slow imports come now.
if sys.argv[0] == "-m" or sys.argv[0].endswith(("/lgl", "\\lgl.exe")):
    from lgl_core import command

    command.listen()
