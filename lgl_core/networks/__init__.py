"""Networks with a known wiring: how they are drawn, and the one class that they all are."""
