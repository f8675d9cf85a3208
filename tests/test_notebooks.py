"""The notebooks: pairs that agree, executed in order, with parameters that a reader can change."""

import ast
import base64
import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
import yaml
from execute import SCRATCH, execute, with_palette
from PIL import Image

from lgl_core.disk.atomic import in_use
from tests.disk.test_atomic import make_old
from tests.house import ROOT

FOLDER = ROOT / "notebooks"

SOURCES = sorted(FOLDER.glob("[0-9]*.md"))
NOTEBOOKS = sorted(FOLDER.glob("[0-9]*.ipynb"))

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def outputs(path):
    return [output for cell in code_cells(path) for output in cell.outputs]


def cells_with_tag(path, tag):
    return [cell for cell in read(path).cells if tag in cell.metadata.get("tags", [])]


def test_there_are_notebooks():
    assert NOTEBOOKS, "no notebook to check: run `make notebooks`"


def test_no_side_of_a_pair_is_missing():
    assert [path.stem for path in SOURCES] == [path.stem for path in NOTEBOOKS]


@each_notebook
def test_both_sides_of_the_pair_agree(path):
    def essence(notebook):
        return [
            (cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells
        ]

    reviewed = essence(jupytext.read(path.with_suffix(".md")))
    assert essence(read(path)) == reviewed, "run `make notebooks`"


@each_notebook
def test_was_executed_from_top_to_bottom(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_holds_no_error_and_no_warning(path):
    assert [output.ename for output in outputs(path) if output.output_type == "error"] == []
    messages = [output.text for output in outputs(path) if output.get("name") == "stderr"]
    assert messages == []


@each_notebook
def test_shows_no_progress_bar_and_no_warning_in_what_it_prints(path):
    printed = [output.text for output in outputs(path) if output.get("name") == "stdout"]
    assert [text for text in printed if re.search(r"\r|\b\d+%\||Warning:", text)] == []
    widgets = "application/vnd.jupyter.widget-view+json"
    assert [output for output in outputs(path) if widgets in output.get("data", {})] == []


@each_notebook
def test_is_the_same_on_every_machine(path):
    text = path.read_text()
    for place in (str(ROOT), str(Path.home())):
        assert place + "/" not in text
    # Letters of an image are drawn at random, as it were, and may look like an address.
    texts = re.sub(r"'image/png': '[^']*'", "", "".join(map(str, outputs(path))))
    assert not re.search(r"0x[0-9a-f]{8,}", texts), "a memory address"
    metadata = read(path).metadata
    assert metadata.kernelspec.name == "python3"
    assert set(metadata.papermill) == {"duration", "end_time"}


@each_notebook
def test_has_one_cell_of_typed_and_commented_parameters(path):
    (cell,) = cells_with_tag(path, "parameters")
    statements = ast.parse(cell.source).body
    assert statements
    assert all(isinstance(statement, ast.AnnAssign) for statement in statements)
    parameters = papermill.inspect_notebook(str(path))
    without_help = [name for name, parameter in parameters.items() if not parameter["help"]]
    assert without_help == []


@each_notebook
def test_ends_with_something_to_try(path):
    headings = re.findall(
        r"^#+ (.*)$",
        "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown"),
        flags=re.MULTILINE,
    )
    assert headings[-1] == "Try it"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_says_what_a_reader_can_do_afterwards_and_lets_them_try(path):
    """Two exercises with folded answers; the status page, which the others make, has none."""
    text = path.read_text()
    wanted = 0 if path.stem == "90_status" else 1
    assert text.count("*What you can do afterwards:* ") == wanted
    assert text.partition("## Try it")[2].count(":::{dropdown} What to expect") == 2 * wanted


@each_notebook
def test_commands_to_try_name_parameters_that_exist(path):
    prose = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    commands = re.findall(r"papermill (?:notebooks/)?(\S+)\.ipynb((?:[^\n]*\\\n)*[^\n]*)", prose)
    assert commands, "Try it must show a papermill command"
    for name, options in commands:
        known = papermill.inspect_notebook(str(FOLDER / f"{name}.ipynb"))
        assert set(re.findall(r"-p (\w+)", options)) <= set(known)
        for file in re.findall(r"-f (\S+)", options):
            assert (ROOT / file).is_file()


@each_notebook
def test_glued_numbers_can_be_formatted(path):
    glued = [output for output in outputs(path) if "scrapbook" in output.get("metadata", {})]
    texts = [str(text) for output in glued for text in output.data.values()]
    assert [text for text in texts if text.startswith("np.")] == [], "glue float(x) or int(x)"


@each_notebook
def test_figures_have_a_palette_and_fit_a_screen(path):
    """Git keeps every version of them: a third of the size, and nobody sees the difference."""
    for output in outputs(path):
        if "image/png" in output.get("data", {}):
            image = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
            assert image.mode == "P", "run `make notebooks`"
            assert image.width <= 1000


def notebook(folder, name, code):
    path = folder / f"{name}.md"
    path.write_text(f"```{{code-cell}}\n{code}\n```\n")
    return path, folder / "out" / f"{name}.ipynb"


@pytest.mark.slow
def test_remains_of_a_killed_execution_go_with_the_next_one_a_day_later(tmp_path):
    source, target = notebook(tmp_path, "endless", "open('here', 'w'); import time; time.sleep(99)")
    command = [sys.executable, FOLDER / "execute.py", source, target]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)})
    while not (tmp_path / "here").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.kill(), process.wait()
    (left,) = target.parent.iterdir()
    (target.parent / f"{SCRATCH}slow").mkdir()
    make_old(*left.iterdir(), *target.parent.iterdir())
    with in_use(target.parent / f"{SCRATCH}slow"):
        execute(*notebook(tmp_path, "quick", "1 + 1"))
    assert {path.name for path in target.parent.iterdir()} == {"quick.ipynb", f"{SCRATCH}slow"}


@pytest.mark.slow
@pytest.mark.parametrize("names, warned", [(("a", "b"), False), (("long " * 20,) * 2, True)])
def test_a_page_is_warned_of_tick_labels_that_overlap(tmp_path, names, warned):
    code = f"from matplotlib import pyplot as plt\nplt.xticks([0, 1], {names})\nplt.show()"
    source, target = notebook(tmp_path, "ticks", code)
    execute(source, target)
    said = [output.text for output in outputs(target) if output.get("name") == "stderr"]
    assert ["tick labels overlap" in text for text in said] == [True] * warned


def test_a_palette_keeps_the_colour_of_a_small_mark():
    rng = np.random.default_rng(0)
    pixels = np.repeat(rng.integers(0, 256, (200, 200, 1), dtype=np.uint8), 3, axis=2)
    pixels[50:54, 50:54] = (213, 94, 0)  # a hub's
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    small = with_palette(base64.b64encode(buffer.getvalue()).decode())
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(small))).convert("RGB")).astype(int)
    assert abs(found - pixels).max() <= 24 and abs(found - pixels).mean() < 2


@pytest.mark.parametrize("file", sorted(FOLDER.glob("params/*.yaml")), ids=lambda file: file.stem)
def test_parameter_files_fit_the_comparison(file):
    given = yaml.safe_load(file.read_text())
    known = papermill.inspect_notebook(str(FOLDER / "08_comparison.ipynb"))
    assert set(given) <= set(known)


@pytest.mark.slow
def test_papermill_runs_the_whole_path_on_another_network(tmp_path, monkeypatch):
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)  # a reader may start it from anywhere
    source, target = FOLDER / "00_whole_path.ipynb", tmp_path / "out.ipynb"
    parameters = {"seed": 1, "duration": 60.0, "epochs": 2}
    papermill.execute_notebook(source, target, parameters=parameters, progress_bar=False)
    assert cells_with_tag(target, "injected-parameters")
    assert printed_first(target) != printed_first(source), "another seed, another network"


@pytest.mark.weekly
def test_a_recording_of_ones_own_is_told_nothing_that_only_the_simulation_supports(
    tmp_path, monkeypatch
):
    """Five neurons that know nothing of each other, for two minutes."""
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    spikes = pd.DataFrame({"time": rng.uniform(0, 120, 3000), "unit": rng.integers(0, 5, 3000)})
    spikes.sort_values("time").to_csv(tmp_path / "own.csv", index=False)
    notebook = jupytext.read(FOLDER / "14_your_recording.md")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    nbformat.write(notebook, tmp_path / "page.ipynb")
    parameters = {"recording": str(tmp_path / "own.csv"), "size": "tiny", "training_epochs": 1}
    papermill.execute_notebook(
        tmp_path / "page.ipynb", tmp_path / "out.ipynb", parameters=parameters, progress_bar=False
    )
    said = " ".join(str(output.get("text", output.get("data"))) for output in
                    outputs(tmp_path / "out.ipynb") if output.get("name") != "stderr")  # fmt: skip
    said = re.sub(r"'image/png': '[^']*'", "", said)
    assert "5 units with 600 spikes each are beyond what was measured" in said
    assert "3,000 spikes" in said and "expected by chance" in said
    assert "all three: sure of none" in said and "no truth to compare with" in said
    for only_simulated in ("mostly a synapse", "Cortical", "tissues", "electrodes"):
        assert only_simulated not in said


def printed_first(path):
    return next(output.text for output in outputs(path) if output.get("name") == "stdout")
