"""From a trained transformer to a graph."""
