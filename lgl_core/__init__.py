"""Latent graph learning in generative models of neural signals.

Files whose names begin alike, such as ``glm`` and ``glm_solvers``, are parts of one noun. A noun
imports only from the floors below its own, which the page "The library" of the book lists.
"""

__version__ = "0.1.0"
