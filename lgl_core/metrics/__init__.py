"""How near an estimated graph comes to the true one, and what chance alone would give."""
