"""Latent graph learning in generative models of neural signals.

One file per noun of the paper, each importing only from the floors below it: networks, spikes,
metrics, cache and transformer; then lif, tokens, glm and figures; then training and extraction;
then experiment, the only one that knows the whole path.
"""

__version__ = "0.1.0"
