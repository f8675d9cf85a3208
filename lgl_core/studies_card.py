"""The report card: every claim of the paper and of its summary, with a verdict.

``python -m lgl_core.studies_card`` writes ``book/report_card.md`` from the files under results/.
"""

from __future__ import annotations

from pathlib import Path

from lgl_core.metrics import paper_table_1
from lgl_core.studies import load
from lgl_core.studies_claims import CLAIMS, MODEST, Claim, Finding, Tables

__all__ = ["PAGE", "main", "page"]

PAGE = Path(__file__).resolve().parents[1] / "book" / "report_card.md"


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


def _finding(claim: Claim, tables: Tables) -> Finding:
    try:
        return claim.test(tables)
    except FileNotFoundError:
        return Finding("not measured yet", "", "**open**")


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
