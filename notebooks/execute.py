"""Execute one notebook from its reviewed .md side and write the .ipynb that carries the outputs.

``python notebooks/execute.py notebooks/04_glm.md notebooks/04_glm.ipynb --small``

The Makefile calls it for the committed pairs (``make notebooks``), whose figures are small since
git keeps every version of them, and for the book (``make book``), whose figures are sharper.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from lgl_core import command

if __name__ == "__main__":
    command.listen()  # what follows takes a second

import jupytext
import nbformat
import papermill
from PIL import Image

from lgl_core.disk.atomic import scratch
from studies.palette import few_colours

HERE = Path(__file__).resolve().parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}

# How folders of notebooks begin while they are executed; git ignores them.
SCRATCH = ".executing-"

LARGE_FIGURE = 60_000  # bytes, from which on a figure gets fewer colours

SCREEN_DPI = 100  # nine inches are then as wide as the text of a page

# A kernel reads them when it starts.
WATCHED = """
c.InteractiveShellApp.extensions = ["tick_labels"]
"""
SMALL_FIGURES = f"""
c.InlineBackend.print_figure_kwargs = {{"bbox_inches": "tight", "dpi": {SCREEN_DPI}}}
"""


def execute(source: Path, target: Path, small: bool = False) -> None:
    """Run every cell in the folder of the source; replace the target only if all went well.

    What executions that were killed have left beside the target is removed after a day.

    Parameters
    ----------
    source : Path
        The MyST side of a pair.
    target : Path
        The .ipynb to write.
    small : bool
        Whether figures are drawn for a screen. All have 64 colours, or fewer if they are large.

    Raises
    ------
    papermill.exceptions.PapermillExecutionError
        If a cell fails. The target is left as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = KERNEL
    with scratch(target.parent, SCRATCH) as folder:
        fresh, executed = folder / "fresh.ipynb", folder / target.name
        nbformat.write(notebook, fresh)
        with ipython_profile(WATCHED + SMALL_FIGURES * small), held_back_stderr():
            papermill.execute_notebook(
                fresh, executed, cwd=source.parent, kernel_name="python3", progress_bar=False
            )
        result = nbformat.read(executed, as_version=4)
        keep_what_lasts(result)
        shrink_figures(result)
        nbformat.write(result, executed)
        executed.replace(target)
    print(f"{source.stem}: {result.metadata['papermill']['duration']:.0f} s", flush=True)


@contextmanager
def ipython_profile(text: str) -> Iterator[None]:
    """Let kernels that are started inside read this configuration, and nobody else's.

    They find what stands beside this file, wherever they run.
    """
    places = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder, "profile_default")
        profile.mkdir()
        (profile / "ipython_kernel_config.py").write_text(text)
        with patch.dict(os.environ, IPYTHONDIR=folder, PYTHONPATH=places):
            yield


@contextmanager
def held_back_stderr() -> Iterator[None]:
    """Show what a kernel says beside its cells, of how it is connected, only if one of them fails.

    What cells write stands in the notebook, and a test refuses warnings there.
    """
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(shown, held.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def shrink_figures(notebook: nbformat.NotebookNode) -> None:
    """Give every figure of a notebook a palette: a third as large, and as much faster to load."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            for kind in data:
                if kind.endswith("image/png"):  # one that is glued has a longer name
                    data[kind] = with_palette(data[kind])


def with_palette(png: str) -> str:
    """Give a PNG, in base 64, few colours."""
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    for number in (64, 48):  # fewer where a matrix is mostly noise
        buffer = io.BytesIO()
        few_colours(image, number).save(buffer, "PNG", optimize=True)
        if len(buffer.getvalue()) < LARGE_FIGURE:
            break
    return base64.b64encode(buffer.getvalue()).decode()


def keep_what_lasts(notebook: nbformat.NotebookNode) -> None:
    """Drop what would differ without a reason at the next execution, or tell of one machine.

    Of papermill's record the duration and the end stay: the status page shows them.
    """
    record = notebook.metadata.pop("papermill")
    notebook.metadata = {
        "kernelspec": KERNEL,
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        "papermill": {"duration": round(record["duration"], 1), "end_time": record["end_time"]},
    }
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
        cell.metadata = {
            key: cell.metadata[key] for key in ("tags", "mystnb") if cell.metadata.get(key)
        }
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_progress_bar(output)]


def is_progress_bar(output: nbformat.NotebookNode) -> bool:
    """Tell a progress bar, which redraws its line, from a warning worth keeping."""
    if output.output_type != "stream" or output.name != "stderr":
        return False
    # One within another moves the cursor up a line, by a piece of its own.
    return "\r" in output.text or not output.text.replace("\x1b[A", "").strip()


def main() -> None:
    """Execute one notebook from its reviewed .md side."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("source", type=Path, help="the .md side of a pair")
    parser.add_argument("target", type=Path, help="the .ipynb to write")
    parser.add_argument("--small", action="store_true", help="figures for a screen")
    arguments = parser.parse_args()
    execute(arguments.source, arguments.target, arguments.small)


if __name__ == "__main__":
    command.run(main, "The notebook is as it was, and what it has computed is in the cache")
