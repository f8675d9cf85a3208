"""The claims of the paper, asked of its own network.

Each is asked in all settings of neurons that have the activity of the published figure. Attention
is that of the original model, read as its code does; of co-input, with the mean taken off the graph
first, without which it is mostly the product of row sums.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from lgl_core.metrics.scores import paper_table_1
from studies.evidence.claims_table_1 import MODEST
from studies.evidence.intervals import Difference
from studies.evidence.original import ORIGINAL_GLM, once
from studies.evidence.report import (
    NotMeasured,
    both,
    chosen,
    difference,
    mean_over_networks,
    shown,
)
from studies.evidence.verdicts import Finding, Tables, means_of, verdict_of
from studies.original import FITTED, MANY, SETTINGS, PaperRecording
from studies.original_models import OF_THE_BOOK, attention_of
from studies.original_scores import IN_THIRDS
from studies.rows import labels_of

__all__ = ["CLAIMS_THERE", "STUDY", "ClaimThere", "FindingThere", "findings_there"]

STUDY = "original_network"

Labels = Mapping[str, Any]
_GLM: Labels = ORIGINAL_GLM
_ATTENTION: Labels = attention_of()
_CENTRED: Labels = attention_of(centred=True)
# The model of this book that has spike times, read as in this book.
_TIMED: Labels = attention_of("rotary", OF_THE_BOOK)
_TIMED_CENTRED: Labels = attention_of("rotary", OF_THE_BOOK, centred=True)
_COUNTS: Labels = labels_of("correlation", reading="100 ms")


class ClaimThere(NamedTuple):
    """A claim of the paper on its own network.

    Parameters
    ----------
    text : str
        That of the claim on our network, in ``CLAIMS`` of :mod:`studies.evidence.claims_paper`.
    test : callable
        From the tables of the studies to a :class:`studies.evidence.verdicts.Finding`.
    why : str
        Why the verdict there may be another than here.
    """

    text: str
    test: Callable[[Tables], Finding]
    why: str


def _settings(tables: Tables) -> list[tuple[str, pd.DataFrame]]:
    """Give the short recordings of each setting; all of them are asked, or none."""
    table = once(tables(STUDY))
    return [(name, chosen(table, network=PaperRecording(setting=name).label)) for name in SETTINGS]


Pairs = Mapping[str, tuple[Labels, Labels]]


def _compared(tables: Tables, pairs_of: Callable[[Labels, Labels], Pairs], ahead: bool) -> Finding:
    """Ask of each pair of labels whether the first is ahead of the second (or behind).

    The pairs are made of the labels of an attention, raw and centred. It is asked of the original
    model in each setting and with a million spikes, and with these of the model that has spike
    times, too.
    """
    wanted = "ahead" if ahead else "behind"

    def asked(
        table: pd.DataFrame, attention: Labels = _ATTENTION, centred: Labels = _CENTRED
    ) -> tuple[bool, list[Difference], str]:
        pairs = pairs_of(attention, centred)
        found = {what: difference(table, *pair) for what, pair in pairs.items()}
        apart = [one for pair in found.values() for one in pair.values()]
        text = "; ".join(f"{what} {both(pair)}" for what, pair in found.items())
        return all(one.verdict == wanted for one in apart), apart, text

    of_settings = {name: asked(table) for name, table in _settings(tables)}
    checks, apart = (
        [found for found, _, _ in of_settings.values()],
        [one for _, of_one, _ in of_settings.values() for one in of_one],
    )
    text = f"{of_settings[FITTED][2]}; so in {sum(checks)} of {len(checks)} settings"
    table = once(tables(STUDY))
    long = table[table["network"] == PaperRecording(n_spikes=MANY).label]
    models = {
        "with a million spikes": (_ATTENTION, _CENTRED),
        "with a million spikes and their times in the model": (_TIMED, _TIMED_CENTRED),
    }
    for name, labels in models.items():
        if (long["model"] == labels[0]["model"]).any():
            check, of_long, of_many = asked(long, *labels)
            checks, apart = [*checks, check], [*apart, *of_long]
            text += f"; {name} {of_many}"
    return Finding(text, "0", verdict_of(checks), tuple(apart))


def _of(labels: Labels, view: str) -> Labels:
    return {**labels, "view": view}


def _modest_edges(tables: Tables) -> Finding:
    checks, text = [], ""
    for name, table in _settings(tables):
        means = [means_of(table, view="true", **labels) for labels in (_GLM, _ATTENTION)]
        checks += [bool(((m > 0) & (m < MODEST)).all()) for m in means]
        if name == FITTED:
            glm, attention = (shown(table, view="true", **x) for x in (_GLM, _ATTENTION))
            text = f"GLM {glm}; attention {attention}"
    return Finding(text, "", verdict_of(checks, f"correlations between 0 and {MODEST}"))


def _glm_ahead_on_edges(tables: Tables) -> Finding:
    def pairs(attention: Labels, _: Labels) -> Pairs:
        return {"GLM minus attention": (_of(_GLM, "true"), _of(attention, "true"))}

    return _compared(tables, pairs, ahead=True)


def _co_input_above_edges(tables: Tables) -> Finding:
    def pairs(attention: Labels, centred: Labels) -> Pairs:
        return {
            "GLM": (_of(_GLM, "co_input"), _of(_GLM, "true")),
            "attention, centred": (_of(centred, "co_input"), _of(attention, "true")),
        }

    found = _compared(tables, pairs, ahead=True)
    return found._replace(measured="co-input minus edges: " + found.measured)


def _attention_ahead_on_co_input(tables: Tables) -> Finding:
    def pairs(_: Labels, centred: Labels) -> Pairs:
        return {"centred attention minus GLM": (_of(centred, "co_input"), _of(_GLM, "co_input"))}

    return _compared(tables, pairs, ahead=True)


def _magnitudes_poor(tables: Tables) -> Finding:
    def pairs(attention: Labels, _: Labels) -> Pairs:
        both_models = {"GLM": _GLM, "attention": attention}
        return {
            name: (_of(labels, "abs"), _of(labels, "true")) for name, labels in both_models.items()
        }

    found = _compared(tables, pairs, ahead=False)
    return found._replace(measured="magnitudes minus signed edges: " + found.measured)


def _consistent(tables: Tables) -> Finding:
    paper = chosen(paper_table_1(), method="attention", view="co_input", score="spearman")
    (published,) = paper["value"]
    values = [
        value
        for _, table in _settings(tables)
        for value in chosen(table, score="spearman", **_of(_CENTRED, "co_input"))["value"]
    ]
    reach = [value >= published for value in values]
    text = (
        f"Spearman of {len(values)} trainings, centred: {min(values):.2f} to {max(values):.2f}; "
        f"{sum(reach)} reach {published:.2f}"
    )
    return Finding(text, "", verdict_of([all(reach), min(values) > 0]))


def _beyond_thirds(tables: Tables) -> Finding:
    """Whether co-input knows more than which neurons are in the same third."""
    table, checks, text = tables(STUDY), [], ""
    for name in SETTINGS:
        rows = table[table["network"] == PaperRecording(setting=name).label]
        rows = chosen(rows, null=IN_THIRDS, score="spearman", **_of(_CENTRED, "co_input"))
        gain = rows.assign(value=rows["value"] - rows["null_mean"])
        mean = mean_over_networks(gain)
        checks.append(mean.low > 2 * float(rows["null_sd"].mean()))
        if name == FITTED:
            text = (
                f"co-input, centred {mean_over_networks(rows)}, neurons permuted within thirds "
                f"{rows['null_mean'].mean():.2f}; difference {mean}"
            )
    condition = "above neurons permuted within thirds by more than two of its spreads"
    return Finding(text, "", verdict_of(checks, condition))


def _hubs_found(tables: Tables) -> Finding:
    found = {}
    for name, labels in (("GLM", _GLM), ("attention", _ATTENTION)):
        rows = [
            chosen(table, view="hubs", score="groups found", **labels)
            for _, table in _settings(tables)
        ]
        found[name] = float(pd.concat(rows)["value"].mean())
    text = ", ".join(f"{name} {share:.0%}" for name, share in found.items())
    return Finding(
        f"hubs among the strongest, neighbours counted once: {text}", "",
        verdict_of(share == 1 for share in found.values()),
    )  # fmt: skip


def _simple_method(tables: Tables) -> Finding:
    def pairs(attention: Labels, centred: Labels) -> Pairs:
        return {
            "edges": (_of(attention, "true"), _of(_COUNTS, "true")),
            "co-input, centred": (_of(centred, "co_input"), _of(_COUNTS, "co_input")),
        }

    found = _compared(tables, pairs, ahead=True)
    text = "attention minus the correlation of spike counts: "
    return found._replace(measured=text + found.measured)


CLAIMS_THERE = [
    ClaimThere(
        "Both models recover edges modestly", _modest_edges,
        "a short recording keeps the GLM near the bound; with a million spikes it is far beyond, "
        "as it is here",
    ),
    ClaimThere(
        "The GLM is ahead on edges", _glm_ahead_on_edges,
        "with fast neurons and a short recording the two are close in rank",
    ),
    ClaimThere(
        "Both align better in co-input than in edges", _co_input_above_edges,
        "three assemblies share their input as a whole, which any trace of them shows; hubs with "
        "random targets leave no such blocks",
    ),
    ClaimThere(
        "Neuroformer is ahead of the GLM on co-input", _attention_ahead_on_co_input,
        "the paper's GLM was not fitted to its optimum, as far as its scores tell",
    ),
    ClaimThere(
        "Both do worse on magnitudes than on signed edges", _magnitudes_poor,
        "nine in ten weights there are weak and negative: their magnitudes say nothing of hubs",
    ),
    ClaimThere(
        "Attention aligns consistently, at a Spearman of 0.67", _consistent,
        "one epoch on a short recording finds the assemblies, more or less as neurons and draws "
        "have it",
    ),
    ClaimThere(
        "Attention holds higher-order structure of the network", _beyond_thirds,
        "there the question is what is known beyond the three assemblies, here beyond the hubs",
    ),
    ClaimThere(
        "The hubs are found", _hubs_found,
        "there a hub is a stripe of neighbours whose columns have both signs, and not all three of "
        "them stand out",
    ),
    ClaimThere(
        "A trained model is needed: attention beats a one-line method", _simple_method,
        "who fires together tells the assemblies, and the assemblies are most of what is scored",
    ),
]  # fmt: skip


class FindingThere(NamedTuple):
    """What is found on the paper's network, and why it may be something else than on ours."""

    finding: Finding
    why: str


def findings_there(tables: Tables) -> dict[str, FindingThere]:
    """Test the claims of the paper on its own network.

    Parameters
    ----------
    tables : callable
        From the name of a study to its scores.

    Returns
    -------
    dict
        By the text of the claim; empty if the study has not been run.
    """
    try:
        return {claim.text: FindingThere(claim.test(tables), claim.why) for claim in CLAIMS_THERE}
    except (FileNotFoundError, NotMeasured):
        return {}
