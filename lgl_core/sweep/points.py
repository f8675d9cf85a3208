"""What one point of a sweep does: the whole path, or a notebook, with its own parameters.

Parameters of the whole path have dotted names: ``seed`` and ``duration`` are arguments of
:func:`lgl_core.whole_path.run`, ``topology`` is one of :data:`lgl_core.networks.makers.MAKERS` and
``network.hub_weight`` an argument of its maker, ``training.epochs`` a field of
:class:`lgl_core.transformer.training.TrainConfig`.
"""

from __future__ import annotations

import ast
import hashlib
import tempfile
import time
import traceback
from collections.abc import Mapping
from contextlib import redirect_stderr
from dataclasses import fields
from functools import cache
from inspect import signature
from io import StringIO
from pathlib import Path
from typing import Any

from lgl_core import whole_path
from lgl_core.glm.config import GLMConfig
from lgl_core.networks.makers import MAKERS, drawn
from lgl_core.simulation.lif import LIFParams
from lgl_core.sweep.parameters import check_names, declared_types
from lgl_core.transformer.training import TrainConfig

__all__ = ["EXPERIMENT", "absolute", "attempt", "contents", "notebook_text", "parameter_types"]

EXPERIMENT = "experiment"

# What takes the parameters whose name begins so, and the argument of whole_path.run it becomes.
_GROUPS: dict[str, tuple[str, Any]] = {
    "training": ("train_config", TrainConfig),
    "glm": ("glm_config", GLMConfig),
    "neurons": ("params", LIFParams),
}


def parameter_types(target: str, topology: str = "hub_network") -> dict[str, Any]:
    """Tell which parameters a target has.

    Parameters
    ----------
    target : str
        ``"experiment"`` or the path of a notebook.
    topology : str
        Of the network of the experiment.

    Returns
    -------
    dict
        Annotation of each, by name.

    Raises
    ------
    ValueError
        If there is no such topology.
    FileNotFoundError
        If there is no such notebook.
    """
    if target != EXPERIMENT:
        import papermill

        if not Path(target).is_file():
            raise FileNotFoundError(f"there is no notebook {target}")
        found = papermill.inspect_notebook(target)
        return {name: about["inferred_type_name"] for name, about in found.items()}
    grouped = {argument for argument, _ in _GROUPS.values()} | {"network"}
    types = {n: p.annotation for n, p in signature(whole_path.run).parameters.items()}
    types = {name: annotation for name, annotation in types.items() if name not in grouped}
    if topology not in MAKERS:
        drawn(topology)  # which says which there are
    types["topology"] = str
    for name, parameter in signature(MAKERS[topology]).parameters.items():
        types[f"network.{name}"] = parameter.annotation
    for group, (_, kind) in _GROUPS.items():
        types |= {f"{group}.{field.name}": field.type for field in fields(kind)}
    return types


def absolute(
    point: Mapping[str, Any], types: Mapping[str, Any], folder: str | Path
) -> dict[str, Any]:
    """Let the paths among the parameters of a point begin in a folder.

    Parameters
    ----------
    point : mapping
    types : mapping
        As from :func:`parameter_types`.
    folder : str or Path
        An absolute one. A path that is absolute, or empty, stays.

    Returns
    -------
    dict
    """
    paths = {name: str(Path(folder, point[name])) for name in _named_files(point, types)}
    return {**point, **paths}


def contents(point: Mapping[str, Any], types: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Tell what is in the files that the parameters of a point name, alone or by their folder.

    Parameters
    ----------
    point, types : mapping
        As for :func:`absolute`.

    Returns
    -------
    list of tuple of str
        Each file, and a digest of its content. What does not exist is left out.
    """
    paths = [Path(point[name]) for name in _named_files(point, types)]
    files = [file for path in paths for file in (path, *sorted(path.rglob("*"))) if file.is_file()]
    stats = [file.stat() for file in files]
    return [
        (str(file), _digest(file, about.st_size, about.st_mtime_ns))
        for file, about in zip(files, stats, strict=True)
    ]


def _named_files(point: Mapping[str, Any], types: Mapping[str, Any]) -> list[str]:
    texts = {name for name, value in point.items() if isinstance(value, str) and value}
    return sorted(name for name in texts if "Path" in declared_types(types.get(name)))


@cache
def _digest(file: Path, size: int, mtime_ns: int) -> str:
    """Digest a file; its size and when it was written tell whether that has been done."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def notebook_text(path: str | Path) -> str:
    """Read a notebook without its outputs, which do not matter to a new run of it."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return str(nbformat.writes(notebook))


def attempt(target: str, parameters: Mapping[str, Any], notebook: str = "") -> dict[str, Any]:
    """Run one point, and tell how it went instead of raising.

    Parameters
    ----------
    target : str
        ``"experiment"`` or the path of a notebook.
    parameters : mapping
    notebook : str
        The text of the notebook, since a worker may not see the path.

    Returns
    -------
    dict
        ``status`` (``"done"`` or ``"failed"``), ``seconds``, ``row`` (what came out, by name),
        ``notebook`` (the executed one, as text), ``error`` and ``traceback``.
    """
    started = time.perf_counter()
    record: dict[str, Any] = {"status": "done", "row": {}, "error": "", "traceback": ""}
    try:
        if target == EXPERIMENT:
            # The bars of many points would write over the one that counts them.
            with redirect_stderr(StringIO()):
                record["row"] = _experiment(parameters)
        else:
            record["row"] = _notebook(Path(target), notebook, parameters, record)
    except Exception as error:  # whatever a point raises is its result
        last_line = str(error).strip().rpartition("\n")[2]
        record |= {"status": "failed", "error": f"{type(error).__name__}: {last_line}"}
        record["traceback"] = traceback.format_exc()
    return record | {"seconds": time.perf_counter() - started}


def _experiment(parameters: Mapping[str, Any]) -> dict[str, float]:
    """Walk the whole path; scores are named by graph, view and score."""
    groups: dict[str, dict[str, Any]] = {name: {} for name in ("network", *_GROUPS)}
    arguments: dict[str, Any] = {}
    for name, value in parameters.items():
        group, _, field = name.partition(".")
        (groups[group] if field else arguments)[field or name] = value
    groups["network"].setdefault("seed", arguments.get("seed", 0))
    for group, (argument, kind) in _GROUPS.items():
        if groups[group]:
            arguments[argument] = kind(**groups[group])
    network = drawn(arguments.pop("topology", "hub_network"), **groups["network"])
    table = whole_path.run(network, **arguments)
    row = {
        ", ".join(filter(None, key)): value
        for *key, value in table[[*whole_path.GRAPH, "view", "score", "value"]].to_numpy()
    }
    return row | {"n_spikes": int(table["n_spikes"].iloc[0])}


def _notebook(
    path: Path, text: str, parameters: Mapping[str, Any], record: dict[str, Any]
) -> dict[str, Any]:
    """Execute a notebook; what it glues is its row. It is recorded even if a cell raises."""
    import nbformat
    import papermill

    with tempfile.TemporaryDirectory() as folder:
        fresh, executed = Path(folder, path.name), Path(folder, "executed.ipynb")
        fresh.write_text(text)
        # papermill writes names into the notebook as they are: what it does not know could be code.
        check_names(path.name, parameters, parameter_types(str(fresh)))
        where = path.parent if path.parent.is_dir() else folder
        try:
            papermill.execute_notebook(
                fresh, executed, dict(parameters), cwd=where, progress_bar=False
            )
        finally:
            record["notebook"] = executed.read_text() if executed.exists() else ""
    return _glued(nbformat.reads(record["notebook"], as_version=4))


def _glued(notebook: Any) -> dict[str, Any]:
    """Collect the numbers and words that a notebook has glued, by name."""
    found: dict[str, Any] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            about = output.get("metadata", {}).get("scrapbook")
            text = output.get("data", {}).get(f"{(about or {}).get('mime_prefix', '')}text/plain")
            if about and text is not None:
                try:
                    found[about["name"]] = ast.literal_eval(text)
                except (SyntaxError, ValueError):
                    continue  # a figure, or an object that is no number
    return found
