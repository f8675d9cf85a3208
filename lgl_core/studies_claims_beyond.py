"""The questions that the paper leaves open, as claims."""

from __future__ import annotations

from lgl_core.studies_report import chosen, mean_shown
from lgl_core.studies_verdicts import (
    ATTENTION,
    ROTARY,
    Claim,
    Finding,
    Tables,
    null_of,
    verdict_of,
)

__all__ = ["CLAIMS_BEYOND", "INFLUENCE"]

# Of a spike that is removed on the rates that both heads predict together.
INFLUENCE = ", removed, log rate"
# A correlation with single synapses from which they could be read off.
READABLE = 0.5


def _edges_are_read(tables: Tables) -> Finding:
    """Open question 3: direct edges, off the columns of the hubs, which are easy."""
    table = chosen(tables("influence"), score="pearson", view="true_off_hubs")
    checks, measured = [], []
    for name, labels in (("interval", ATTENTION), ("rotary", ROTARY)):
        mine = chosen(table, method="influence", variant=labels["variant"] + INFLUENCE)
        plain = chosen(table, method="attention", variant=labels["variant"])
        checks += [
            bool(mine["value"].mean() > 2 * mine["null_sd"].mean()),
            bool(mine["value"].mean() >= READABLE),
        ]
        measured.append(f"{name}: {mean_shown(mine)}, its attention {mean_shown(plain)}")
    condition = f"edges off the hubs above the null, and at r = {READABLE} or more, in each model"
    return Finding(
        f"edges off the hubs, Pearson, by influence, {'; '.join(measured)}",
        null_of(table),
        verdict_of(checks, condition),
    )


CLAIMS_BEYOND = [
    Claim(
        "open question 3",
        "Direct edges can be read out of the trained model, with their signs",
        "influence-compare",
        _edges_are_read,
    ),
]
