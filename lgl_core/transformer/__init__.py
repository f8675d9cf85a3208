"""The generative model: tokens, the transformer, its training and what comes with the book."""
