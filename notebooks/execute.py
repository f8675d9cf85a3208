"""Execute one notebook from its reviewed .md side and write the .ipynb that carries the outputs.

``python notebooks/execute.py notebooks/04_glm.md notebooks/04_glm.ipynb``

The Makefile calls it for the committed pairs (``make notebooks``) and for the book (``make book``).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import jupytext
import nbformat
import papermill

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def execute(source: Path, target: Path) -> None:
    """Run every cell in the folder of the source; replace the target only if all went well.

    Parameters
    ----------
    source : Path
        The MyST side of a pair.
    target : Path
        The .ipynb to write.

    Raises
    ------
    papermill.exceptions.PapermillExecutionError
        If a cell fails. The target is left as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = KERNEL
    with tempfile.TemporaryDirectory(prefix=".", dir=target.parent) as folder:
        fresh, executed = Path(folder, "fresh.ipynb"), Path(folder, target.name)
        nbformat.write(notebook, fresh)
        papermill.execute_notebook(fresh, executed, cwd=source.parent, kernel_name="python3")
        result = nbformat.read(executed, as_version=4)
        keep_what_lasts(result)
        nbformat.write(result, executed)
        executed.replace(target)


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
    return "\r" in output.text or not output.text.strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=execute.__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("source", type=Path, help="the .md side of a pair")
    parser.add_argument("target", type=Path, help="the .ipynb to write")
    arguments = parser.parse_args()
    execute(arguments.source, arguments.target)
