"""Spikes of a network: integrate-and-fire neurons, and others."""
