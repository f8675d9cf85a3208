"""The report card: every claim of the paper and of its summary, measured.

``python -m lgl_core.studies_card`` writes ``book/report_card.md`` from the files under results/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lgl_core.metrics import paper_table_1
from lgl_core.studies import load
from lgl_core.studies_report import (
    CORRELATIONS,
    chosen,
    difference,
    mean_interval,
    per_network,
    shown,
)

__all__ = ["CLAIMS", "PAGE", "Claim", "Finding", "main", "page"]

PAGE = Path(__file__).resolve().parents[1] / "book" / "report_card.md"

GLM = {"method": "glm", "variant": "peak"}
CCG = {"method": "ccg", "variant": "1 to 4 ms"}
ATTENTION = {"method": "attention", "variant": "interval", "layer": "all"}
ROTARY = {"method": "attention", "variant": "rotary", "layer": "all"}
MODEST = 0.5  # correlations below are called modest here; the paper gives no bound

Tables = Callable[[str], pd.DataFrame]


class Finding(NamedTuple):
    """What the studies say about a claim.

    Parameters
    ----------
    measured, null : str
        The figures, and what a graph scores that does not know who is connected.
    verdict : str
        ``"holds"``, ``"holds in part"`` or ``"does not hold"``, with the condition.
    """

    measured: str
    null: str
    verdict: str


class Claim(NamedTuple):
    """A claim, and how it is tested.

    Parameters
    ----------
    source : str
        Where it stands.
    text : str
        What is claimed.
    shown_in : str
        Label of the section that shows the figures.
    test : callable
        From the tables of the studies (by name) to a :class:`Finding`.
    """

    source: str
    text: str
    shown_in: str
    test: Callable[[Tables], Finding]


# --- how a verdict is made ---------------------------------------------------------------------


def _verdict(checks: Iterable[bool], condition: str = "") -> str:
    found = list(checks)
    word = "holds" if all(found) else "holds in part" if any(found) else "does not hold"
    return f"**{word}**" + f": {condition}" * bool(condition)


def _null(table: pd.DataFrame, **labels: object) -> str:
    """Two standard deviations of the null, for both correlations, averaged over networks."""
    rows = chosen(table, score=CORRELATIONS, **labels)
    spread = 2 * rows.groupby("score")["null_sd"].mean()
    return " / ".join(f"±{spread[score]:.2f}" for score in CORRELATIONS)


def _means(table: pd.DataFrame, **labels: object) -> np.ndarray:
    rows = per_network(chosen(table, score=CORRELATIONS, **labels), ["score"])
    return rows.groupby("score")["value"].mean().loc[list(CORRELATIONS)].to_numpy()


# --- claims of the paper -----------------------------------------------------------------------


def _modest_edges(tables: Tables) -> Finding:
    table = tables("seeds")
    measured = [f"{name} {shown(table, view='true', **labels)}" for name, labels in _BOTH]
    means = [_means(table, view="true", **labels) for _, labels in _BOTH]
    return Finding(
        "; ".join(measured),
        f"{_null(table, view='true', **GLM)}",
        _verdict([bool(((m > 0) & (m < MODEST)).all()) for m in means], f"modest: below {MODEST}"),
    )


def _glm_ahead_on_edges(tables: Tables) -> Finding:
    return _comparison(tables("seeds"), GLM | {"view": "true"}, ATTENTION | {"view": "true"})


def _co_input_above_edges(tables: Tables) -> Finding:
    table = tables("seeds")
    found = {
        name: difference(table, labels | {"view": "co_input"}, labels | {"view": "true"})
        for name, labels in _BOTH
    }
    measured = "; ".join(f"{name} {_both(pair)}" for name, pair in found.items())
    checks = [d.verdict == "ahead" for pair in found.values() for d in pair.values()]
    return Finding(f"co-input minus edges: {measured}", "0", _verdict(checks))


def _attention_ahead_on_co_input(tables: Tables) -> Finding:
    table = tables("seeds")
    finding = _comparison(table, ATTENTION | {"view": "co_input"}, GLM | {"view": "co_input"})
    rotary = difference(table, ROTARY | {"view": "co_input"}, GLM | {"view": "co_input"})
    return finding._replace(measured=f"{finding.measured}; rotary instead {_both(rotary)}")


def _magnitudes_poor(tables: Tables) -> Finding:
    table = tables("seeds")
    checks, measured = [], []
    for name, labels in _BOTH:
        pair = difference(table, labels | {"view": "abs"}, labels | {"view": "true"})
        measured.append(f"{name} {_both(pair)}")
        checks += [d.verdict == "behind" for d in pair.values()]
    text = "magnitudes minus signed edges: " + "; ".join(measured)
    return Finding(text, "0", _verdict(checks))


def _strong_co_input(tables: Tables) -> Finding:
    """Whether every training reaches the paper's Spearman, or at least beats the null."""
    rows = chosen(tables("seeds"), view="co_input", score="spearman", **ATTENTION)
    (paper,) = chosen(paper_table_1(), method="attention", view="co_input", score="spearman")[
        "value"
    ]
    values = rows["value"].to_numpy()
    reach, known = values >= paper, values > 2 * rows["null_sd"].to_numpy()
    measured = (
        f"Spearman of {len(values)} trainings: {values.min():.2f} to {values.max():.2f}, "
        f"mean {values.mean():.2f}; {known.sum()} above the null, {reach.sum()} reach {paper:.2f}"
    )
    null = f"±{2 * rows['null_sd'].mean():.2f}"
    return Finding(measured, null, _verdict([bool(reach.all()), bool(known.all())]))


def _beyond_strengths(tables: Tables) -> Finding:
    """Take away from co-input what the strengths of the same graph explain."""
    table = chosen(tables("nulls"), view="co_input", network="hub_network")
    random, checks, measured = [], [], []
    for name, labels in (("attention", ATTENTION), ("rotary", ROTARY), ("GLM", GLM)):
        mine = chosen(table, score="spearman", **labels)
        full = chosen(mine, null="strengths")
        alone = chosen(mine, null="strengths only")
        z = (full["value"] - full["null_mean"]) / full["null_sd"]
        measured.append(
            f"{name} {full['value'].mean():.2f}, its strengths alone {alone['value'].mean():.2f}"
        )
        random.append(f"{name} {full['null_mean'].mean():.2f}, z {z.mean():.0f}")
        gain = full["value"].to_numpy() - alone["value"].to_numpy()
        checks.append(mean_interval(gain)[1] > 0)
    verdict = _verdict(checks, "co-input above that of the strengths alone")
    return Finding("Spearman: " + "; ".join(measured), "; ".join(random), verdict)


def _off_the_hubs(tables: Tables) -> Finding:
    table = tables("seeds")
    labels = {"attention": ATTENTION, "rotary": ROTARY, "GLM": GLM}
    measured = [f"{n} {shown(table, view='co_input_off_hubs', **x)}" for n, x in labels.items()]
    above = [(_means(table, view="co_input_off_hubs", **x) > 0.1).all() for x in labels.values()]
    return Finding(
        "; ".join(measured),
        _null(table, view="co_input_off_hubs", **ATTENTION),
        _verdict(map(bool, above), "above 0.1 with the hubs' columns removed"),
    )


def _signs(tables: Tables) -> Finding:
    rows = chosen(tables("seeds"), view="true", score="sign_agreement")
    glm, attention = (mean_interval(chosen(rows, **x)["value"])[0] for x in (GLM, ATTENTION))
    return Finding(
        f"right sign at {glm:.0%} of the synapses for the GLM, {attention:.0%} for attention",
        f"{attention:.0%}: all are called excitatory",
        _verdict([glm > attention], "the GLM tells signs, attention cannot"),
    )


def _hubs_found(tables: Tables) -> Finding:
    rows = chosen(tables("seeds"), view="hubs", score="found")
    shares = {n: chosen(rows, **x)["value"].mean() for n, x in (*_BOTH, ("rotary", ROTARY))}
    n_hubs = 3
    measured = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    checks = [share == 1 for share in shares.values()]
    return Finding(f"hubs among the {n_hubs} strongest columns: {measured}", "1%", _verdict(checks))


def _simple_method(tables: Tables) -> Finding:
    table = tables("seeds")
    edges = difference(table, ATTENTION | {"view": "true"}, CCG | {"view": "true"})
    inputs = difference(table, ATTENTION | {"view": "co_input"}, CCG | {"view": "co_input"})
    own = f"{shown(table, view='true', **CCG)}, co-input {shown(table, view='co_input', **CCG)}"
    checks = [d.verdict == "ahead" for d in (*edges.values(), *inputs.values())]
    return Finding(
        f"cross-correlogram: edges {own}; attention minus it: edges {_both(edges)}, "
        f"co-input {_both(inputs)}",
        "0",
        _verdict(checks),
    )


# --- claims of the summary ---------------------------------------------------------------------


def _layers_differ(tables: Tables) -> Finding:
    """First experiment of the summary: early layers for edges, late ones for higher order."""
    table, checks, measured = tables("seeds"), [], []
    for name, labels in (("interval", ATTENTION), ("rotary", ROTARY)):
        best = {}
        for view in ("true", "co_input"):
            rows = chosen(
                table, view=view, score="spearman", **(labels | {"layer": ["1", "2", "3"]})
            )
            means = per_network(rows, ["layer"]).groupby("layer")["value"].mean()
            best[view] = str(means.idxmax())
            text = ", ".join(f"{value:.2f}" for value in means)
            measured.append(f"{name}, {_VIEWS[view]}, layers 1 to 3: {text}")
        checks.append(best["true"] < best["co_input"])
    return Finding("Spearman: " + "; ".join(measured), "0", _verdict(checks))


def _loss_tells(tables: Tables) -> Finding:
    """Whether a low co-input score is a sign of a model that failed."""
    table = tables("seeds")
    keys = ["network_seed", "model_seed"]
    co_input = chosen(table, view="co_input", score="spearman", **ATTENTION).set_index(keys)
    loss = chosen(table, view="visible", score="held-out neuron", **ATTENTION).set_index(keys)
    pair = pd.concat([co_input["value"], loss["value"]], axis=1, keys=["co_input", "loss"])
    low = pair[pair["co_input"] < np.sqrt(_LOW)]
    rho = float(pair["loss"].corr(pair["co_input"], method="spearman"))
    measured = (
        f"{len(low)} of {len(pair)} trainings fall below r² = {_LOW}; held-out losses of all: "
        f"{pair['loss'].min():.3f} to {pair['loss'].max():.3f} nats; correlation of loss and "
        f"co-input {rho:.2f}"
    )
    return Finding(measured, "0", _verdict([rho < -0.5], "holds if a lower loss goes with more"))


_BOTH = (("GLM", GLM), ("attention", ATTENTION))
_VIEWS = {"true": "edges", "co_input": "co-input"}
_LOW = 0.3  # the summary's mark of failure


def _comparison(table: pd.DataFrame, one: dict, other: dict) -> Finding:
    found = difference(table, one, other)
    text = f"{shown(table, **one)} against {shown(table, **other)}; difference {_both(found)}"
    return Finding(text, "0", _verdict(d.verdict == "ahead" for d in found.values()))


def _both(pair: dict) -> str:
    return " / ".join(str(pair[score]) for score in CORRELATIONS)


CLAIMS = [
    Claim("3.2", "Both models recover edges modestly", "intervals-table", _modest_edges),
    Claim("3.2", "The GLM is ahead on edges", "intervals-table", _glm_ahead_on_edges),
    Claim(
        "3.2", "Both align better in co-input than in edges", "intervals-table",
        _co_input_above_edges,
    ),
    Claim(
        "3.2", "Neuroformer is ahead of the GLM on co-input", "intervals-table",
        _attention_ahead_on_co_input,
    ),
    Claim("3.2", "Both do worse on magnitudes than on signed edges", "intervals-table",
          _magnitudes_poor),
    Claim("4", "Attention aligns consistently, at a Spearman of 0.67", "intervals-trainings",
          _strong_co_input),
    Claim(
        "4", "Co-input alignment is more than who sends and receives much", "nulls-strengths",
        _beyond_strengths,
    ),
    Claim("4", "Attention holds higher-order structure of the network", "nulls-hubs",
          _off_the_hubs),
    Claim("3.1", "The GLM recovers signs more clearly", "intervals-more", _signs),
    Claim("A", "The hubs are found", "intervals-more", _hubs_found),
    Claim("1", "A trained model is needed: attention beats a one-line method", "nulls-one-line",
          _simple_method),
    Claim(
        "summary, experiment 2", "Early layers hold edges, later ones higher-order structure",
        "layers-seeds", _layers_differ,
    ),
    Claim(
        "summary, failure signatures", "A low co-input score means that the model failed",
        "layers-trust", _loss_tells,
    ),
]  # fmt: skip


def _finding(claim: Claim, tables: Tables) -> Finding:
    try:
        return claim.test(tables)
    except FileNotFoundError:
        return Finding("not measured yet", "", "**open**")


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
    rows = [("claim", "measured", "null", "verdict")]
    for claim in CLAIMS:
        finding = _finding(claim, tables)
        text = f"{claim.text} ({{ref}}`{claim.source} <{claim.shown_in}>`)"
        rows.append((text, *finding))
    cells = ["\n".join("  - " + cell for cell in row).replace("  - ", "* - ", 1) for row in rows]
    table = (
        "```{list-table}\n:header-rows: 1\n:widths: 24 42 14 20\n\n" + "\n".join(cells) + "\n```"
    )
    return _HEAD + "\n" + table + "\n" + _wording()


_HEAD = """# Report card

*What you will see:* each claim of the paper and of its summary, what we measured, and a verdict.
*Why:* to know how sure to be, without reading the rest.

Correlations stand as Pearson / Spearman: the mean over networks, one network counting once however
many trainings it had, with a bootstrap interval of 95 % over networks in brackets.
A *null* is what a graph scores that does not know who is connected; where a difference is tested,
it is zero.
*Holds* means that every part of the claim is borne out, *in part* that some are.
Links lead to the section that shows the figures.
"""


def _wording() -> str:
    """List what the texts say in other words than they should."""
    paper = paper_table_1().set_index(["method", "view", "score"])["value"]
    r = paper["attention", "co_input", "spearman"]
    return f"""
## Wording

- The summary calls the correlations of Table 1 r². They are correlations: {r:.2f} as a rank
  correlation would be an r² of {r**2:.2f}.
- Appendix E speaks of sorted eigenvalues and of a spectral norm. What is computed is the Euclidean
  distance between singular values; a spectral norm is the largest singular value of one matrix.
- Section 2.2 gives positive co-input as a sign of shared excitation or of shared inhibition. Under
  Dale's principle every entry is positive or zero, as Appendix D says: the sign tells nothing.
- The paper's *modest* and *strong* have no bound. Here modest means below {MODEST}.

## Where the figures come from

Each figure above is computed from a file under `results/`, which names the command, the
configuration, the versions and the machine that made it. `make results` makes them all anew.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
