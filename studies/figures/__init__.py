"""Figures of the results of studies."""
