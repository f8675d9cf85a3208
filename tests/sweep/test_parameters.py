"""What a notebook is given is what it declares: no other name, no other type."""

import shlex

import jupytext
import nbformat
import papermill
import pytest
import yaml
from hypothesis import given as for_all
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from papermill.cli import _resolve_type
from papermill.cli import papermill as papermill_command
from papermill.parameterize import parameterize_notebook
from papermill.translators import PythonTranslator

from lgl_core.sweep.parameters import check_names, checked, command, declared_types, given, resolve
from tests.house import ROOT

FOLDER = ROOT / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9]*.md"))
VALUES = {
    "bool": True, "int": 3, "float": 0.5, "str": "rotary", "Path": "a.nwb", "list": [1, 2],
    "None": None,
}  # fmt: skip
# Which of these values each type takes.
TAKES = {
    "bool": {"bool"}, "int": {"int"}, "float": {"int", "float"}, "str": {"str", "Path"},
    "Path": {"str", "Path"}, "list": {"list"}, "None": {"None"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("annotation", "names"),
    [
        (int, ["int"]), ("float", ["float"]), ("float | None", ["float", "None"]),
        ("str or list or None", ["str", "list", "None"]), (list[int], ["list"]),
        ("list[int] | None", ["list", "None"]), ("Literal['a | b', 'bool']", []), (None, []),
        ("Rows | None", []),
    ],
)  # fmt: skip
def test_types_of_an_annotation(annotation, names):
    assert declared_types(annotation) == names


@for_all(st.lists(st.sampled_from(sorted(TAKES)), min_size=1, unique=True), st.sampled_from(" |"))
def test_a_value_is_taken_by_the_types_that_take_it(kinds, between):
    annotation = {" ": " or ", "|": " | "}[between].join(kinds)
    for kind, value in VALUES.items():
        taken = annotation == "None" or any(kind in TAKES[allowed] for allowed in kinds)
        if taken:
            assert checked({"x": value}, {"x": annotation}) == {"x": value}
        else:
            with pytest.raises(ValueError, match="x must be of type .*, got "):
                checked({"x": value}, {"x": annotation})


@pytest.mark.parametrize(
    ("text", "value"), [("1/30000", 1 / 30_000), ("1/3", 1 / 3), ("0/7", 0.0), ("3/2", 1.5)]
)
def test_a_fraction_is_a_float(text, value):
    assert checked({"x": text}, {"x": "float"}) == {"x": value}


@pytest.mark.parametrize("text", ["1/0", "1/", "one/2", "0.5", "1//2", "1/2 s"])
def test_what_is_no_fraction_is_refused(text):
    with pytest.raises(ValueError, match="write a number, or a fraction as in 1/30000"):
        checked({"x": text}, {"x": "float"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_float_is_finite(value):
    with pytest.raises(ValueError, match="x must be a finite number, got "):
        checked({"x": value}, {"x": "float or None"})


def test_a_name_that_is_not_there_comes_with_those_that_are():
    with pytest.raises(ValueError, match="the page has no parameter 'sed'; there are n, seed"):
        check_names("the page", ["n", "sed"], ["seed", "n"])


any_value = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"])),
    st.lists(st.lists(st.integers(0, 900), max_size=2), max_size=3),
)  # fmt: skip


@for_all(st.dictionaries(st.sampled_from(["recording", "keep", "n_hubs"]), any_value))
def test_papermill_reads_a_command_as_it_was_meant(values):
    words = shlex.split(command("page.ipynb", values))
    assert words[0] == "papermill"
    read = papermill_command.make_context("papermill", words[1:]).params
    assert (read["notebook_path"], read["output_path"]) == ("page.ipynb", "out.ipynb")
    found = {name: _resolve_type(value) for name, value in read["parameters"]}
    found |= dict(read["parameters_raw"])
    for text in read["parameters_yaml"]:
        found |= yaml.safe_load(text)
    assert found == values and [type(v) for v in found.values()] == [
        type(values[name]) for name in found
    ]


def start_of(path, parameters):
    """Run a notebook, as papermill would, up to its check; give what was raised, and the names."""
    notebook = jupytext.read(path)
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python"}
    notebook.metadata["papermill"] = {}
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])
    shell = InteractiveShell()
    for cell in parameterize_notebook(nbformat.from_dict(notebook), parameters).cells:
        if cell.cell_type == "code":
            result = shell.run_cell(cell.source, store_history=True, silent=False)
            if "parameters.resolve" in cell.source or result.error_in_exec:
                return result.error_in_exec, shell.user_ns
    raise AssertionError("the notebook never checks its parameters")


each_page = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


@each_page
def test_the_check_is_the_first_code_after_the_parameters(path):
    cells = [cell for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    assert "parameters" in cells[0].metadata["tags"]
    assert "parameters.resolve(globals())" in cells[1].source


@pytest.mark.slow
@each_page
def test_a_page_takes_its_own_parameters_and_none_of_another_type(path):
    raised, names = start_of(path, {})
    assert raised is None
    types = names["__annotations__"]
    assert set(declared(path)) == set(types), "papermill must be able to read each annotation"
    for name, annotation in types.items():
        wrong = 20190204 if set(declared_types(annotation)) & {"str", "Path"} else "false"
        with pytest.raises(ValueError, match=f"{name} must be of type"):
            resolve({**names, name: wrong})


def declared(path):
    """Give default and annotation of each parameter of a page, as papermill reads them."""
    (cell,) = [c for c in jupytext.read(path).cells if "parameters" in c.metadata.get("tags", [])]
    return {found.name: found for found in PythonTranslator.inspect(cell)}


@pytest.mark.slow
@each_page
def test_a_page_refuses_a_misspelt_parameter(path):
    raised, _ = start_of(path, {"sed": 3})
    assert isinstance(raised, ValueError)
    assert str(raised).startswith("this notebook has no parameter 'sed'; there are ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["x = 1\nimport os; y", "seed = print()\nseed", "seed += 1; n_hubs", "seed: int"]
)
def test_a_name_that_is_code_is_said(name):
    raised, _ = start_of(FOLDER / "00_whole_path.md", {name: 3})
    assert isinstance(raised, ValueError)
    assert str(raised).startswith(
        ("a parameter must be a name and a value", "this notebook has no")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "name", "typed", "remedy"),
    [
        ("09_nulls_and_intervals", "recompute", "false", "-p recompute False"),
        ("14_your_recording", "repair", "false", "-p repair False"),
        ("14_your_recording", "repair", "0", "-p repair False"),
        ("14_your_recording", "recording", "20190204", "-r recording 20190204"),
        ("14_your_recording", "n_hubs", "2.0", "a whole number"),
        ("00_whole_path", "duration", "200s", "a number, or a fraction"),
    ],
)
def test_what_was_typed_is_refused_with_the_remedy(page, name, typed, remedy):
    raised, _ = start_of(FOLDER / f"{page}.md", {name: _resolve_type(typed)})
    assert remedy in str(raised)


@pytest.mark.slow
def test_the_check_can_be_run_again_with_all_that_a_page_defines():
    _, names = start_of(FOLDER / "00_whole_path.md", {"seed": 3})
    assert given(names) == {"seed": 3}
    names |= {"np": None, "network": 3}
    shell = names["get_ipython"]()
    assert shell.run_cell("parameters.resolve(globals())").error_in_exec is None
    names["seed"] = "3"
    assert "seed must be of type int" in str(
        shell.run_cell("parameters.resolve(globals())").error_in_exec
    )


@pytest.mark.parametrize("file", sorted(FOLDER.glob("params/*.yaml")), ids=lambda file: file.stem)
def test_a_file_of_parameters_fits_every_page_from_network_to_comparison(file):
    values = yaml.safe_load(file.read_text())
    for path in SOURCES[1:9]:
        types = {name: found.inferred_type_name for name, found in declared(path).items()}
        check_names(path.stem, values, types)
        checked(values, types)


def test_a_quick_look_is_smaller_than_every_page_that_takes_it():
    quick = yaml.safe_load((FOLDER / "params" / "quick.yaml").read_text())
    taking = 0
    for path in SOURCES:
        known = declared(path)
        if set(quick) <= set(known):
            taking += 1
            assert all(value < float(known[name].default) for name, value in quick.items())
    assert taking >= 9


@pytest.mark.slow
def test_a_notebook_that_runs_without_a_reader_shows_no_bars(tmp_path):
    """Jupyter can ask a reader for input, papermill cannot."""
    cells = [
        "seed: int = 0",
        "from lgl_core.sweep import parameters\nparameters.resolve(globals())",
        "from tqdm import tqdm\nsum(tqdm(range(3), disable=False))",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python"}
    nbformat.write(notebook, tmp_path / "in.ipynb")
    papermill.execute_notebook(
        tmp_path / "in.ipynb", tmp_path / "out.ipynb", progress_bar=False, kernel_name="python3"
    )
    (output,) = nbformat.read(tmp_path / "out.ipynb", 4).cells[-1].outputs
    assert output["data"]["text/plain"] == "3"
