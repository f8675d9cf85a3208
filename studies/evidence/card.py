"""The report card: every claim of the paper and of its summary, with a verdict.

``lgl card`` writes ``book/report_card.md`` from the files under results/.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import false_discovery_control

from lgl_core.metrics.scores import paper_table_1
from studies.evidence.claims_beyond import BY_WHAT_STANDS_OUT, OTHER_READINGS
from studies.evidence.claims_original import FindingThere, findings_there
from studies.evidence.claims_paper import CLAIMS, MODEST, OF_ATTENTION, WITHOUT_MODEL
from studies.evidence.intervals import with_interval
from studies.evidence.report import NotMeasured, chosen, mean_over_networks, per_network
from studies.evidence.tables import list_table
from studies.evidence.verdicts import (
    ATTENTION,
    CCG,
    CHANCE_BEYOND,
    EXCESS,
    GLM,
    ROTARY,
    ROTARY_EXCESS,
    Claim,
    Finding,
    Tables,
)
from studies.names import NETWORK_NAMES, READING_NAMES, networks_shown
from studies.plans import STUDIES, TOPOLOGIES
from studies.results import RESULTS, load, provenance

__all__ = ["PAGE", "main", "page"]

PAGE = Path(__file__).resolve().parents[2] / "book" / "report_card.md"

# Kinds of networks: the study that asked them, and what it calls them.
NETWORKS = {
    "hub network, default": ("seeds", "hub_network"),
    "its hubs of no weight": ("hub_strength", "hub_network, hub_weight 0"),
    "its hubs of twice the weight": ("hub_strength", "hub_network, hub_weight 14"),
    "its hubs reaching a tenth": ("hub_strength", "hub_network, hub_probability 0.1"),
    "its hubs reaching four fifths": ("hub_strength", "hub_network, hub_probability 0.8"),
} | {NETWORK_NAMES[kind]: ("topologies", kind) for kind in TOPOLOGIES}
FALSE_SHARE = 0.05  # of the differences that are called so, the share that may be false


def page(tables: Tables = load) -> str:
    """Write the report card as a page of the book.

    Parameters
    ----------
    tables : callable
        From the name of a study to its scores.

    Returns
    -------
    str
        MyST Markdown.
    """
    tables = cache(tables)  # dozens of figures come from each file
    findings = {claim: _finding(claim, tables) for claim in CLAIMS}
    there = findings_there(tables)
    parts = [_HEAD, _tally(findings), _PICTURE, _shortest(tables)]
    parts += [_CLAIMS_HEAD, _claims(findings, there), _FIGURES_HEAD]
    parts += [_who_knows_what(tables), _in_which_networks(tables)]
    parts += [_all_at_once(findings), _wording(), _sources()]
    return "\n".join(parts)


def _finding(claim: Claim, tables: Tables) -> Finding:
    try:
        return claim.test(tables)
    except (FileNotFoundError, NotMeasured):
        return Finding("not measured yet", "", "**open**")


_HEAD = """# Report card

*What you will see:* each claim of the paper and of its summary, and of what came after, with a
verdict; the figures are folded below each.
*Why:* to know how sure to be, without reading the rest.
"""

_PICTURE = """
```{figure} _static/report_card.png
:name: fig-card
:width: 100%
:alt: eight rows of differences with intervals, beside hollow marks of what is published

What the claims of Section 3.2 compare, and whether a model is needed: differences of rank
correlations with the truth, with intervals of 95 % over five networks of each kind. Right of the
dashed line the claim is borne out. Hollow: the paper's own Table 1.
```
"""

_CLAIMS_HEAD = """
## Claim by claim

*Holds* means that every part of a claim is borne out, *in part* that some are, *fails* that none
is. Links lead to the section that shows it.
"""

_FIGURES_HEAD = """
## How the figures are written

```{dropdown} Correlations, intervals, nulls
Correlations stand as Pearson / Spearman: the mean over networks, one network counting once however
many trainings it had, with Student's interval of 95 % over networks in brackets and their number
in parentheses. Without brackets there is one network, and nothing is known of others.
A *null* is what a graph scores that does not know who is connected: the mean of such graphs, and
two of their standard deviations; where a difference is tested, it is zero.

On the paper's network the same claims are asked of
{doc}`a network built like the paper's <../notebooks/20_papers_network>`, of the original model
and its read-out. There is not one such network, since the neurons' constants are not known: a
claim *holds* if it does in each of four settings, and with a million spikes where that is asked,
*in part* if in some. A million spikes are also read by a model of this book that has their times.
Attention there is that of single trainings, of which all settings have one; the mean of ten, which
that page shows as well, scores a little more.
```
"""

# Verdicts as coloured words, with a sign for those who see no colour.
_BADGES = {
    "holds": "{bdg-success}`✓ holds`",
    "holds in part": "{bdg-warning}`◐ in part`",
    "does not hold": "{bdg-danger}`✗ fails`",
    "open": "{bdg-secondary}`? open`",
}


def _word_of(finding: Finding) -> str:
    return finding.verdict.split("**")[1]


def _tally(findings: Mapping[Claim, Finding]) -> str:
    """Count the verdicts."""
    words = [_word_of(finding) for finding in findings.values()]
    counts = {word: words.count(word) for word in _BADGES}
    open_ones = f" {counts['open']} have not been measured yet." * (counts["open"] > 0)
    return (
        f"**Of {len(words)} claims, {counts['holds']} hold on our network, "
        f"{counts['holds in part']} hold in part and {counts['does not hold']} do not.**{open_ones}"
        "\n"
    )


def _claims(findings: Mapping[Claim, Finding], there: Mapping[str, FindingThere]) -> str:
    """Tabulate the verdicts on both networks, with the figures folded below each claim."""
    rows = [("claim", "our network", "the paper's")]
    for claim, found in findings.items():
        other = there.get(claim.text)
        figures = [f"**Measured.** {found.measured}", f"**Null.** {found.null}"]
        figures.append(f"**Verdict.** {found.verdict.replace('**', '')}.")
        if other is not None:
            figures += [
                f"**Measured on the paper's network.** {other.finding.measured}",
                f"**Verdict there.** {other.finding.verdict.replace('**', '')}.",
            ]
            differs = _word_of(found) != _word_of(other.finding)
            figures += [f"**Why they differ.** {other.why}."] * (differs and bool(other.why))
        text = f"{claim.text} ({{ref}}`{claim.source} <{claim.shown_in}>`)"
        folded = [":::{dropdown} Figures", *"\n\n".join(figures).split("\n"), ":::"]
        verdict = "" if other is None else _BADGES[_word_of(other.finding)]
        rows.append((_in_cell([text, "", *folded]), _BADGES[_word_of(found)], verdict))
    return list_table(rows, widths=(64, 18, 18))


def _in_cell(lines: Sequence[str]) -> str:
    """Indent what follows the first line, as a cell of a list has it."""
    return "\n".join([lines[0], *("    " + line if line else "" for line in lines[1:])])


def _shortest(tables: Tables) -> str:
    """Answer in three sentences, as far as it was measured."""
    try:
        table = chosen(tables("seeds"), score="spearman")
        edges, correlogram, glm = (
            f"{_mean(table, 'true', labels):.2f}" for labels in (ATTENTION, CCG, GLM)
        )
        whole, off = (
            f"{_mean(table, view, ATTENTION):.2f}" for view in ("co_input", "co_input_off_hubs")
        )
        glm_off = f"{_mean(table, 'co_input_off_hubs', GLM):.2f}"
    except (FileNotFoundError, NotMeasured):
        return "Not measured yet: run `make results`.\n"
    return f"""
On our network attention, read as in the paper, has a rank correlation of {edges} with the synapses.
The cross-correlogram, which needs no model, has {correlogram}, and a GLM has {glm}.

Of {{term}}`co-input`, attention knows {whole}. With the hubs left out it is at {off}, where the GLM
has {glm_off}.
"""


def _all_at_once(findings: Mapping[Claim, Finding]) -> str:
    """Say how many differences are tested at once, and which stand if that is allowed for."""
    tested = [
        (claim, difference)
        for claim, found in findings.items()
        for difference in found.differences
        if difference.n > 1
    ]
    if not tested:
        return ""
    # Benjamini and Hochberg: of all that are called so, at most 5 % are false.
    allowed_for = false_discovery_control([difference.p for _, difference in tested]) <= FALSE_SHARE
    called = [difference.verdict != "undecided" for _, difference in tested]
    lost = [
        f"{claim.text}: {difference}"
        for (claim, difference), one, stands in zip(tested, called, allowed_for, strict=True)
        if one and not stands
    ]
    stand = f"{sum(called) - len(lost)} of these stand" if lost else "All of these stand"
    fallen = "; these do not:\n" + "\n".join(f"- {text}" for text in lost) if lost else "."
    text = f"""
The verdicts above rest, among others, on {len(tested)} differences, each called *ahead* or *behind*
where its interval of 95 % leaves zero out. If there were no difference anywhere, one in twenty
would be called so; {sum(called)} are. {stand} when the share of false ones among all that are
called so is held at {100 * FALSE_SHARE:.0f} % (Benjamini and Hochberg){fallen}

Scores are held against their nulls at two standard deviations; of graphs that know nothing one in
{1 / CHANCE_BEYOND:.0f} lies above. A claim that asks for this of several scores asks it of each.
"""
    return _folded("Many claims at once", text)


def _wording() -> str:
    """List what the texts say in other words than they should."""
    paper = paper_table_1().set_index(["method", "view", "score"])["value"]
    r = paper["attention", "co_input", "spearman"]
    text = f"""
- The summary calls the correlations of Table 1 r². They are correlations: {r:.2f} as a rank
  correlation would be an r² of {r**2:.2f}.
- Appendix E speaks of sorted eigenvalues and of a spectral norm. What is computed is the Euclidean
  distance between singular values; a spectral norm is the largest singular value of one matrix.
- Section 2.2 gives positive co-input as a sign of shared excitation or of shared inhibition. Under
  Dale's principle every entry is positive or zero, as Appendix D says: the sign tells nothing.
- The paper's *modest* and *strong* have no bound. Here modest means below {MODEST}.
"""
    return _folded("Wording", text)


def _folded(title: str, text: str) -> str:
    """Fold what only some will read."""
    return f"\n:::::{{dropdown}} {title}\n{text.strip()}\n:::::\n"


def _mean(table: pd.DataFrame, view: str, labels: Mapping[str, Any]) -> float:
    return float(per_network(chosen(table, view=view, **labels), [])["value"].mean())


def _in_which_networks(tables: Tables) -> str:
    """Tabulate the same methods over kinds of networks."""
    excess = READING_NAMES[EXCESS["reading"]]
    methods = {"attention": ATTENTION, excess: EXCESS, "rotary": ROTARY}
    methods |= {f"{excess} of rotary": ROTARY_EXCESS, "GLM": GLM, "correlogram": CCG}
    rows = [("", *methods)]
    for name, (study, network) in NETWORKS.items():
        try:
            table = chosen(tables(study), network=network, score="spearman")
        except (FileNotFoundError, NotMeasured):
            continue
        pairs = [
            " / ".join(_known_or_dash(table, view, labels) for view in ("true", "co_input"))
            for labels in methods.values()
        ]
        rows.append((name, *pairs))
    if len(rows) == 1:
        return ""
    lead = """
The same correlation in networks of other kinds, one of each, for edges / co-input; of the default,
the mean over its draws. All have the same neurons and synapses of the same strength, hubs aside. A
dash: no model was trained there.
"""
    by_network = list_table(rows, widths=(22, *[13] * len(methods)))
    return _folded("In which networks", lead + "\n" + by_network)


def _known_or_dash(table: pd.DataFrame, view: str, labels: Mapping[str, str]) -> str:
    try:
        return f"{_mean(table, view, labels):.2f}"
    except NotMeasured:
        return "–"


def _who_knows_what(tables: Tables) -> str:
    """Tabulate every method by what it knows, off the hubs and on them."""
    try:
        table = chosen(tables("seeds"), score="spearman")
    except FileNotFoundError:
        return ""
    views = {
        "true": "edges",
        "co_input": "co-input",
        "true_off_hubs": "edges off the hubs",
        "co_input_off_hubs": "co-input off the hubs",
    }
    rows = [("", *views.values(), "networks")]
    methods: list[tuple[str, str, Mapping[str, Any]]] = [
        (name, "seeds", labels) for name, labels in OF_ATTENTION.items()
    ]
    methods += [(name, *where) for name, where in OTHER_READINGS.items()]
    methods += [(name, "seeds", labels) for name, labels in WITHOUT_MODEL.items()]
    methods += [
        (f"{name}, what stands out", "standing_out", labels)
        for name, labels in BY_WHAT_STANDS_OUT.items()
    ]
    for name, study, labels in methods:
        try:
            mine = chosen(tables(study), score="spearman", **labels)
            means = [mean_over_networks(chosen(mine, view=view)) for view in views]
        except (FileNotFoundError, NotMeasured):
            continue
        known = [with_interval(*mean[:3]) for mean in means]
        rows.append((name, *known, networks_shown(mean.n for mean in means)))
    paper = chosen(paper_table_1(), score="spearman").set_index(["method", "view"])["value"]
    for method, name in (("attention", "the paper's Neuroformer"), ("glm", "the paper's GLM")):
        known = [f"{paper[method, view]:.2f}" if (method, view) in paper else "" for view in views]
        rows.append((f"{name}, on its network", *known, ""))
    networks = table[table["method"] == "attention"].groupby("network")["network_seed"].nunique()
    where = ", ".join(f"{count} draws of `{name}`" for name, count in networks.items())
    lead = f"""
Spearman correlation with the truth over networks ({where}, default settings): the mean, Student's
interval of 95 %, and the number of networks. *Off the hubs* the columns of the hubs are left
out, of the estimate and of the truth. Zero is what a graph scores that knows nothing. Most pairs
have no synapse and tie, so that no estimate of edges without ties can come near 1
({{ref}}`how near <intervals-more>`). *What stands out* sets what lies within the noise of its
column to zero ({{ref}}`how <influence-standing-out>`), and has ties.
"""
    by_method = list_table(rows, widths=(30, 15, 15, 15, 15, 10))
    return _folded("Who knows what", lead + "\n" + by_method)


def _sources() -> str:
    """Name the file, the command and the date of each study."""
    rows = [("study", "question", "points", "made by")]
    for name, study in STUDIES.items():
        if not (RESULTS / f"{name}.json").exists():
            rows.append((f"`{name}`", study.question, "none yet", "`make results`"))
            continue
        origin = provenance(name)
        done = f"{len(origin['points'])} of {origin['planned_points']}"
        made = f"`{origin['command']}`, {origin['machine']['date']}"
        rows.append((f"`{name}`", study.question, done, made))
    table = list_table(rows, widths=(14, 46, 10, 30))
    text = f"""
Each figure above is computed from the files of these studies under `results/`, which name the
configuration, the versions and the machine that made them. A point is a recording with all that
needs no training, a trained model, or a set of null models.

{table}
"""
    return _folded("Where the figures come from", text)


def main() -> None:
    """Write the report card, a page of the book, from the results of the studies."""
    argparse.ArgumentParser(description=main.__doc__).parse_args()
    PAGE.write_text(page())
