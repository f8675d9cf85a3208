"""Under each figure a line that leads to its making: the cell, the function, the files of data.

What the line says is read from the code of the page (``cells_read``); what cannot be told is left
out. It is no text of the page, so that a search neither finds nor shows it.
"""

from __future__ import annotations

import json
from html import escape
from importlib import import_module
from inspect import getsourcefile, getsourcelines, isfunction, signature, unwrap
from os.path import relpath
from pathlib import Path
from pydoc import locate
from typing import Any

from cells_read import UNKNOWN, WEIGHTS, Page
from docutils import nodes

STILL = "studies.still_figures"
# By the name of a still picture: what draws it, what reads its scores, and what else goes in.
STILL_PICTURES = {
    "front.png": ("matrices_by_network", "front_scores", {WEIGHTS}),
    "report_card.png": ("differences_by_network", "card_differences", set[str]()),
}


class making(nodes.Element):  # noqa: N801, as docutils names nodes
    """The line under a figure: links and texts, in its attribute ``html``."""


def setup(app: Any) -> dict[str, bool]:
    """Connect it with Sphinx."""
    app.add_node(making, html=(lambda writer, node: writer.body.append(node["html"]), nothing))
    app.add_js_file("making.js", loading_method="defer")
    app.connect("doctree-resolved", with_makings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def nothing(writer: Any, node: making) -> None:
    """End the line, which ends itself."""


def with_makings(app: Any, tree: nodes.document, page: str) -> None:
    """Put a line under each figure of a page."""
    if app.builder.format != "html":
        return
    file = Path(app.env.doc2path(page))
    cells = cells_of(file) if file.suffix == ".ipynb" else {}
    for figure in list(tree.findall(nodes.figure)):
        lead_to_itself(app, page, figure)
        cell = cell_of(figure)
        if cell is not None and cell["cell_index"] in cells:
            parts = of_cell(app, page, figure, cell, *cells[cell["cell_index"]])
        elif picture := next(figure.findall(nodes.image), None):
            parts = of_picture(app, page, Path(picture["uri"]).name)
        else:
            continue
        if parts:
            html = f'<p class="making headerlink">{" · ".join(parts)}</p>\n'
            figure.parent.insert(figure.parent.index(figure) + 1, making(html=html))


def lead_to_itself(app: Any, page: str, figure: Any) -> None:
    """Make the picture of a figure a link to its file, in which a reader on a phone can zoom."""
    for picture in list(figure.findall(nodes.image)):
        if picture["uri"] in app.env.images and not isinstance(picture.parent, nodes.reference):
            file = f"{app.builder.imagedir}/{app.env.images[picture['uri']][1]}"
            address = relpath(file, Path(page).parent)
            around = nodes.reference(refuri=address, internal=True)
            picture.replace_self(around)
            around += picture


def cells_of(notebook: Path) -> dict[int, tuple[list[str], set[str]]]:
    """Read the code cells of a notebook in their order: what each calls, and its files."""
    page = Page()
    return {
        number: page.read("".join(cell["source"]))
        for number, cell in enumerate(json.loads(notebook.read_text())["cells"])
        if cell["cell_type"] == "code"
    }


def cell_of(node: Any) -> Any:
    """Find the cell whose output a node is in."""
    while node is not None and node.get("nb_element") != "cell_code":
        node = node.parent
    return node


def of_cell(
    app: Any, page: str, figure: Any, cell: Any, calls: list[str], files: set[str]
) -> list[str]:
    """Give the parts of the line under a figure that a cell has drawn."""
    code = next((n for n in cell.findall() if has_code(n)), None)
    if code is None:  # its code is not on the page
        parts = [f"Made by a cell of {link(on_github(app, f'{page}.ipynb'), Path(page).name)}"]
    else:
        anchor = f"making-{figure['ids'][0]}"
        code["ids"].append(anchor)
        parts = [f"Made by {link(f'#{anchor}', 'the cell above')}"]
    if function := drawn_by(calls):
        parts.append(link_to_function(app, page, function))
    return parts + data(app, files)


def has_code(node: Any) -> bool:
    """Tell whether a node is the code of a cell."""
    return isinstance(node, nodes.Element) and node.get("nb_element") == "cell_code_source"


def of_picture(app: Any, page: str, name: str) -> list[str]:
    """Give the parts of the line under a picture that a command has drawn."""
    if name not in STILL_PICTURES:
        return []
    still, (draws, reads, also) = import_module(STILL), STILL_PICTURES[name]
    read = set(also)

    def noting(study: str) -> Any:
        read.add(f"results/{study}.parquet")
        return still.load(study)

    getattr(still, reads)(noting)
    command = link(entry(app, page, STILL) or "", f"<code>python -m {STILL}</code>")
    return [
        f"Made by {command}",
        link_to_function(app, page, getattr(still, draws)),
        *data(app, read),
    ]


def drawn_by(calls: list[str]) -> Any:
    """Choose what has made a figure: the last function that draws, else the last of the library."""
    ours = [one for one in calls if one.partition(".")[0] in ("lgl_core", "studies")]
    functions = [one for one in map(locate, ours) if isfunction(unwrap(one))]
    functions = [one for one in functions if one.__module__ != "studies.results"]
    drawing = [one for one in functions if "Figure" in str(signature(one).return_annotation)]
    return next(iter([*reversed(drawing), *reversed(functions)]), None)


def link_to_function(app: Any, page: str, function: Any) -> str:
    """Link a function to its entry in the reference, or else to its source."""
    name = f"{function.__module__}.{function.__qualname__}"
    inside = unwrap(function)
    path = Path(getsourcefile(inside)).relative_to(root()).as_posix()
    source = f"{on_github(app, path)}#L{getsourcelines(inside)[1]}"
    text = f"<code>{escape(function.__qualname__)}</code>"
    return link(entry(app, page, name) or source, text, name)


def entry(app: Any, page: str, name: str) -> str | None:
    """Give the address of a name in the reference, as seen from a page."""
    known = app.env.get_domain("py").objects.get(name)
    if known is None:
        return None
    return f"{app.builder.get_relative_uri(page, known.docname)}#{known.node_id}"


def data(app: Any, files: set[str]) -> list[str]:
    """Give the part that names the data, unless a file is not known."""
    names = [on_disk(file) for file in sorted(files - {WEIGHTS})]
    if UNKNOWN in files or None in names:
        return []
    links = [link(on_github(app, name), Path(name).name, name) for name in names]
    texts = [", ".join(links) if links else "computed on this page"]
    if WEIGHTS in files:
        weights = link(on_github(app, WEIGHTS), WEIGHTS)
        texts.append(f"weights from {weights} where they fit")
    return [f"data: {', '.join(texts)}"]


def root() -> Path:
    """Give the folder of the repository: pages are rendered from a copy elsewhere."""
    return Path(import_module("studies.results").RESULTS).parent


def on_disk(file: str) -> str | None:
    """Complete the name of a file of results/ that may lack its ending."""
    if (root() / file).is_file():
        return file
    beside = [path for path in sorted(root().glob(f"{file}.*")) if path.suffix != ".json"]
    return beside[0].relative_to(root()).as_posix() if len(beside) == 1 else None


def on_github(app: Any, path: str) -> str:
    """Give the address of a file or folder of the repository."""
    options = app.config.html_theme_options
    kind = "blob" if Path(path).suffix else "tree"
    return f"{options['repository_url']}/{kind}/{options['repository_branch']}/{path}"


def link(address: str, text: str, title: str = "") -> str:
    """Write a link."""
    hint = f' title="{escape(title)}"' if title else ""
    return f'<a href="{escape(address)}"{hint}>{text}</a>'
