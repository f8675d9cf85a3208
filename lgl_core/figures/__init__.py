"""Figures of networks, spikes, graphs and scores."""
