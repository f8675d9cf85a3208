"""What the line under a figure says, read from cells that are made up here."""

import json
from types import SimpleNamespace

import figure_making
import pytest
from cells_read import UNKNOWN, WEIGHTS, Page
from docutils import nodes

from lgl_core.figures.data import raster
from studies.evidence.lists_shown import found_by_size
from tests.house import ROOT

IMPORTS = """
import numpy as np
import lgl_core as lgl
from lgl_core.figures.data import raster
from studies import results
from studies.figures.pairs import hubs_first
from studies.evidence.lists_shown import found_by_size
from studies.results import RESULTS, graphs, load, origin, provenance, run
recompute: bool = False
"""
A, B = "results/a.parquet", "results/b.parquet"


def files_of(*cells):
    """Files that go into the last of these cells."""
    page = Page()
    return [page.read(cell)[1] for cell in (IMPORTS, *cells)][-1]


def drawn_by(*cells):
    page = Page()
    return figure_making.drawn_by([page.read(cell)[0] for cell in (IMPORTS, *cells)][-1])


# --- data --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "file"),
    [
        ('load("a")', A),
        ('run("a") if recompute else load("a")', A),
        ('(run if recompute else load)("a")', A),
        ('results.load(name="a")', A),
        ('graphs("a")', "results/a_graphs.parquet"),
        ('provenance("a")', "results/a.json"),
        ('np.load(RESULTS / "a.npz")', "results/a.npz"),
        ('np.load("../results/a.npz")', "results/a.npz"),
    ],
)
def test_data_is_followed_to_its_file(read, file):
    assert files_of(f"table = {read}", "raster(table)") == {file}


def test_a_name_may_stand_for_the_study_or_for_its_reader():
    assert files_of('STUDY = "a"', "table = load(STUDY)", "raster(table)") == {A}
    either = "read = results.run if recompute else results.load"
    assert files_of(either, 'table = read("a")', "raster(table)") == {A}


def test_assignments_are_followed_one_after_the_other():
    cells = ('table, other = load("a"), load("b")', "rows = table[table.x > 0]", "m = rows.mean()")
    assert files_of(*cells, "raster(m)") == {A}
    assert files_of(*cells, "raster(other, m)") == {A, B}
    assert files_of('rows = []; rows.append(load("a"))', "raster(rows)") == {A}
    assert files_of('both = {}; both["x"] = load("a")', "raster(both)") == {A}


@pytest.mark.parametrize("reader", ["load(n)", "run(n) if recompute else load(n)"])
def test_each_table_of_several_that_are_read_in_a_loop_is_told_from_the_others(reader):
    tables = f'tables = {{n: {reader} for n in ("a", "b")}}'
    assert files_of(tables, 'raster(tables["b"])') == {B}
    assert files_of(tables, "first, second = tables.values()", "raster(first)") == {A}
    assert files_of(tables, "for n in tables:\n    raster(tables[n])") == {A, B}
    both = f'first, second = ({reader} for n in ("a", "b"))'
    assert files_of(both, "raster(second)") == {B}
    assert files_of("t = None\nfor n in ('a', 'b'):\n    t = load(n)", "raster(t)") == {A, B}


def test_only_what_was_assigned_before_the_cell_counts():
    page = Page()
    read = [page.read(cell)[1] for cell in (IMPORTS, 't = load("a")', "raster(t)", 't = load("b")')]
    assert read[2] == {A}
    assert page.read("raster(t)")[1] == {B}


def test_a_name_that_may_have_been_assigned_is_either():
    assert files_of('t = load("a")', 'if other:\n    t = load("b")', "raster(t)") == {A, B}


def test_a_function_of_the_page_reads_what_the_page_has_when_it_is_called():
    define = "def draw(rows):\n    table = rows\n    raster(table, extra)\n\n\ntable = load('c')"
    cells = (define, 'extra = load("a")', 't = load("b")')
    assert files_of(*cells, define) == {"results/c.parquet"}
    assert files_of(*cells, "draw(t)") == {A, B}
    assert files_of(*cells, "draws = {'x': lambda: draw(t)}", "raster(draws)") == {A, B}


def test_any_of_several_functions_of_the_page_may_be_called():
    define = "def one():\n    return a\n\n\ndef two():\n    return b"
    cells = ('a, b = load("a"), load("b")', define, 'either = {"x": one, "y": two}')
    assert files_of(*cells, 'raster(either["y"]())') == {B}
    assert files_of(*cells, "raster(either[name]())") == {A, B}
    assert files_of(*cells, "raster(either)") == {A, B}


def test_a_loop_does_not_take_its_variables_for_what_they_were():
    assert files_of('n = load("a")', "for n in range(3):\n    raster(n)") == set()


def test_functions_of_others_change_their_arguments_alone():
    assert files_of('t = load("a")', "np.fill_diagonal(t, 0)", "raster(np.zeros(3))") == set()


def test_a_figure_without_data_has_none():
    network = "network = lgl.hub_network(n_neurons=20)"
    assert files_of('table = load("a")', network, "raster(network)") == set()


def test_a_training_may_be_one_that_comes_with_the_book():
    assert files_of("model = lgl.train(lgl.simulate(1))", "raster(lgl.attention(model))") == {
        WEIGHTS
    }


@pytest.mark.parametrize(
    "cell",
    [
        "table = load(chosen)",
        'table = load("a" + ending)',
        "table = np.load(RESULTS / name)",
        "table = np.load(f'results/{name}.npz')",
        'table = np.load(Path("results/a.npz").with_name("b.npz"))',
        "table = list(map(load, names))",
        "table = dict(a=partial(run, name))",
        "table = make({'reader': load})",
        "table = np.load(RESULTS.joinpath('a.npz'))",
        "table = np.load(f'{RESULTS}/a.npz')",
        "table = np.load(RESULTS.parent / 'results' / 'a.npz')",
        "def table():\n    return [load(name) for name in names]\n\n\ntable = table()",
        "table = list(map(load_one, [1]))\n%run elsewhere.py",
        "from studies.results import *",
        "class Table:\n    rows = 1",
    ],
)
def test_what_cannot_be_followed_is_not_guessed(cell):
    assert UNKNOWN in files_of(cell, "raster(table)")


# --- functions ---------------------------------------------------------------------------------


def test_what_draws_is_named_rather_than_what_helps_it():
    assert drawn_by("raster(t, order=hubs_first(network))\nfound_by_size(t)") is raster
    assert drawn_by("lgl.raster(t)\nplt.show()") is raster
    assert drawn_by("def draw():\n    raster(t)", "draw()") is raster


def test_without_a_drawing_the_last_function_of_the_library_is_named_or_none():
    assert drawn_by('found = found_by_size(load("a"))\nprint(origin("a"))') is found_by_size
    assert drawn_by('np.sort(load("a"))') is None
    assert drawn_by("raster = np.sort", "raster(t)") is None
    assert drawn_by("lgl.LIFParams()") is None, "a class draws nothing"


# --- the line ----------------------------------------------------------------------------------


OPTIONS = {"repository_url": "https://here", "repository_branch": "main"}
BOOK = SimpleNamespace(config=SimpleNamespace(html_theme_options=OPTIONS))  # as Sphinx gives it


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (set(), "data: computed on this page"),
        ({"results/seeds.parquet"}, "https://here/blob/main/results/seeds.parquet"),
        ({"results/coculture"}, "https://here/blob/main/results/coculture.npz"),
        ({WEIGHTS}, "computed on this page, weights from"),
    ],
)
def test_data_is_linked_to_the_repository(files, said):
    (part,) = figure_making.data(BOOK, files)
    assert said in part


def line_under(**shown):
    """What is said of a figure in a cell, of which a page shows these parts."""
    code, figure = nodes.container(**shown), nodes.figure(ids=["fig-mine"])
    cell = nodes.container("", code, nodes.container("", figure), nb_element="cell_code")
    assert figure_making.cell_of(figure) is cell
    return figure_making.of_cell(BOOK, "notebooks/01_mine", figure, cell, [], set()), code


def test_the_line_leads_to_the_code_or_to_the_notebook_where_the_page_shows_none():
    (made, _), code = line_under(nb_element="cell_code_source")
    assert 'href="#making-fig-mine"' in made and code["ids"] == ["making-fig-mine"]
    (made, _), _ = line_under()
    assert 'href="https://here/blob/main/notebooks/01_mine.ipynb"' in made


@pytest.mark.parametrize("files", [{UNKNOWN}, {"results/no_such.parquet"}])
def test_data_that_is_not_there_is_not_named(files):
    assert figure_making.data(BOOK, files | {"results/seeds.parquet"}) == []


@pytest.mark.slow
def test_every_figure_of_the_notebooks_is_told_its_data():
    lost = []
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        read = figure_making.cells_of(path)
        for number, cell in enumerate(json.loads(path.read_text())["cells"]):
            figure = cell["metadata"].get("mystnb", {}).get("figure")
            if figure and not figure_making.data(BOOK, read[number][1]):
                lost.append(figure["name"])
    assert lost == []
