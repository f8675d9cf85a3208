"""How many time steps a simulation takes."""

from __future__ import annotations

import numpy as np

# A millionth of a step forgives that 0.3 / 0.1 is not quite 3.
_HAIR = 1e-6


def count_steps(duration: float, dt: float) -> int:
    """Count the time steps that cover a simulation.

    Parameters
    ----------
    duration, dt : float
        In s.

    Returns
    -------
    int
        The last step ends at ``duration``, or is the first to end after it.

    Raises
    ------
    ValueError
        If ``duration`` is shorter than a step or not finite.
    """
    if not dt * (1 - _HAIR) <= duration < np.inf:
        raise ValueError(f"duration must be at least one dt = {dt} s, got {duration}")
    return int(np.ceil(duration / dt - _HAIR))
