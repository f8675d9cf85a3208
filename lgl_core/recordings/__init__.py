"""Recordings of others: files, checks, chance, and what a model reads out of them."""
