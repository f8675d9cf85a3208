"""Many runs at once: nothing is lost, nothing runs twice, and what fails is said."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Timer

import joblib
import nbformat
import numpy as np
import pandas as pd
import pytest
import torch

from lgl_core.networks.makers import drawn
from lgl_core.networks.network import hub_network
from lgl_core.simulation.lif import simulate
from lgl_core.sweep.points import attempt, notebook_text
from lgl_core.sweep.sweep import (
    Sweep,
    cluster_of,
    load_sweep,
    main,
    results,
    run_sweep,
    slurm_cluster,
)
from lgl_core.transformer.model import preset
from lgl_core.transformer.tokens import tokenize
from lgl_core.transformer.training import TrainConfig, train_ensemble
from tests.interrupted import interrupted

# Another sweep, or the tests beside us, may have the usual port of the dashboard.
pytestmark = pytest.mark.filterwarnings("ignore:Port 8787 is already in use")

COLUMNS = ["x", "status", "square"]


def notebook(folder: Path) -> Path:
    """Write a notebook that squares a number, takes its time, and cannot stand thirteen."""
    first = nbformat.v4.new_code_cell("x = 1\nwait = 0.0")
    first.metadata["tags"] = ["parameters"]
    code = (
        "import time\nfrom myst_nb import glue\ntime.sleep(wait)\nassert x != 13, 'no 13, please'\n"
        "glue('square', x * x, display=False)\nglue('who', 'a worker', display=False)"
    )
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    pages = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    pages.cells = [first, nbformat.v4.new_code_cell(code)]
    nbformat.write(pages, folder / "square.ipynb")
    return folder / "square.ipynb"


def squares(folder: Path, numbers, wait: float = 0.0, **changes) -> Sweep:
    return Sweep(
        folder=folder / "squares",
        target=str(notebook(folder)),
        points=[{"x": x, "wait": wait} for x in numbers],
        **changes,
    )


def yaml_file(folder: Path, text: str) -> Path:
    notebook(folder)
    (folder / "sweep.yml").write_text(text)
    return folder / "sweep.yml"


def journal(sweep: Sweep) -> list[dict]:
    path = sweep.folder / "journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def until(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def client():
    with cluster_of(Sweep(folder=Path(), points=[{}]), n_workers=2) as client:
        yield client


class TestLoad:
    def test_every_combination_of_a_grid_with_what_is_fixed(self, tmp_path):
        sweep = load_sweep(
            yaml_file(tmp_path, "grid: {seed: [0, 1], duration: [60, 1e2]}\nfixed: {size: tiny}")
        )
        assert [tuple(point.values()) for point in sweep.points] == [
            ("tiny", 0, 60), ("tiny", 0, 100.0), ("tiny", 1, 60), ("tiny", 1, 100.0)
        ]  # fmt: skip
        assert sweep.folder == tmp_path / "sweep" and sweep.target == "experiment"

    def test_a_list_of_points_for_a_notebook(self, tmp_path):
        text = "target: square.ipynb\npoints: [{x: 2}, {x: 3, wait: 1}]\nfolder: out\nthreads: 2"
        sweep = load_sweep(yaml_file(tmp_path, text))
        assert list(sweep.points) == [{"x": 2}, {"x": 3, "wait": 1}]
        assert sweep.target == str(tmp_path / "square.ipynb")
        assert sweep.folder == tmp_path / "out" and sweep.threads == 2

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("grids: {seed: [0]}", "has a section 'grids'; there are target, grid"),
            ("fixed: {seed: 0}", "must have either grid or points"),
            ("grid: {seed: [0]}\npoints: [{seed: 1}]", "must have either grid or points"),
            ("grid: {seed: []}", "points must hold at least one point"),
            ("grid: {seed: [1, 1]}", "points must differ, got {'seed': 1} twice"),
            ("grid: {sead: [1]}", "experiment has no parameter 'sead'; there are duration, "),
            ("grid: {network.hubs: [1]}", "no parameter 'network.hubs'; .*network.hub_weight"),
            ("grid: {topology: [ringg]}", "topology must be one of hub_network, .*got 'ringg'"),
            (
                "fixed: {network.hub_weight: 5}\ngrid: {topology: [hub_network, scale_free]}",
                "experiment of scale_free has no parameter 'network.hub_weight'; .*network.expon",
            ),
            ("target: square.ipynb\ngrid: {y: [1]}", "no parameter 'y'; there are wait, x"),
            ("grid: {seed: [one]}", "seed must be of type int, got 'one' .str."),
            ("grid: {time_embeddings: [rotary]}", "must be of type Sequence, got 'rotary'"),
            ("grid: {training.epochs: [2.5]}", "training.epochs must be of type int, got 2.5"),
            ("grid: {seed: [0]}\nslurm: {account: 0123}", "account must be of type str, got 123"),
            ("grid: {seed: [0]}\nfolder: 20190204", "folder must be of type str, got 20190204"),
            ("grid: {seed: [0]}\nthreads: two", "threads must be of type int, got 'two'"),
            ("grid: {seed: [0]}\nthreads: 0", "threads must be at least 1, got 0"),
            ("grid: {seed: [0]}\nslurm: {jobs: many}", "jobs must be of type int, got 'many'"),
            ("grid: 1", "grid must be of type dict, got 1"),
            ("grid: {1: [0]}", "points must be names and values each, .*got {1: "),
            ("points: [{1: 2}]", "points must be names and values each, .*got {1: 2}"),
            ("grid: {true: [1]}", "points must be names and values each, .*got {True: "),
            ("grid: {duration: [.inf]}", "duration must be a finite number, got inf"),
            ("points: [seed]", "points must be names and values each, .*got 'seed'"),
            ("points: []", "points must hold at least one point, got none"),
            ("[seed]", r"sweep.yml must hold sections, as in grid: .*got \['seed'\]"),
            ("grid: {seed: [0]", "sweep.yml is no YAML: "),
            ("grid: {seed: [\x00]}", "sweep.yml is no YAML: "),
            ("seed: 1\nseed: 2", "(?s)sweep.yml is no YAML: .*duplicate key"),
            ("grid: {seed: [0]}\n1: 2", "sweep.yml must hold sections, .*1: 2}"),
            ('target: square.ipynb\ngrid: {"x = 1\\nimport os; x": [1]}', "no parameter 'x = 1"),
        ],
    )
    def test_what_cannot_be_run_is_refused_before_anything_runs(self, text, message, tmp_path):
        with pytest.raises(ValueError, match=message):
            load_sweep(yaml_file(tmp_path, text))

    def test_what_is_quoted_stays_text(self, tmp_path):
        text = 'points: [{seed: 1, duration: 1e1}]\nslurm: {account: "0123", queue: "1e3"}'
        sweep = load_sweep(yaml_file(tmp_path, text))
        assert sweep.points[0]["duration"] == 10.0
        assert sweep.slurm == {"account": "0123", "queue": "1e3"}

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("3e-3", 0.003), ("1e3", 1000.0), ("010", 10), ("12:00:00", "12:00:00"),
            ("1:30", "1:30"), ("on", "on"), ("off", "off"), ("no", "no"), ("true", True),
        ],
    )  # fmt: skip
    def test_a_value_is_what_it_looks_like(self, text, value, tmp_path):
        sweep = load_sweep(yaml_file(tmp_path, f"target: square.ipynb\npoints: [{{x: {text}}}]"))
        (found,) = (point["x"] for point in sweep.points)
        assert found == value and type(found) is type(value)

    def test_no_key_stands_twice(self, tmp_path):
        with pytest.raises(Exception, match='duplicate key "seed"'):
            load_sweep(yaml_file(tmp_path, "grid: {seed: [0], seed: [1]}"))

    def test_a_point_of_python_is_names_and_values_too(self, tmp_path):
        with pytest.raises(ValueError, match="points must be names and values each"):
            Sweep(folder=tmp_path, points=["seed"])

    def test_no_notebook(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no notebook .*cube.ipynb"):
            load_sweep(yaml_file(tmp_path, "target: cube.ipynb\npoints: [{x: 1}]"))


def reading(folder: Path) -> str:
    """Write a notebook that takes a file, and a word that is none."""
    first = nbformat.v4.new_code_cell('file: "Path" = ""\nword: str = ""')
    first.metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    pages = nbformat.v4.new_notebook(metadata={"kernelspec": kernel}, cells=[first])
    nbformat.write(pages, folder / "reading.ipynb")
    return str(folder / "reading.ipynb")


class TestFiles:
    """What a parameter names is as seen from the sweep, and part of what is run."""

    @pytest.mark.parametrize("name", ["spikes.csv", "20190204"])
    def test_a_path_begins_at_the_file_of_the_sweep(self, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path.parent)
        reading(tmp_path)
        (tmp_path / "word").touch()  # a word is no path, whatever stands beside the sweep
        text = f'target: reading.ipynb\npoints: [{{file: "{name}", word: word}}, {{file: ""}}]'
        sweep = load_sweep(yaml_file(tmp_path, text))
        expected = [{"file": str(tmp_path / name), "word": "word"}, {"file": ""}]
        assert list(sweep.points) == expected

    def test_a_path_of_a_sweep_made_in_python_begins_where_python_runs(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        sweep = Sweep(folder=tmp_path, target=reading(tmp_path), points=[{"file": "a.csv"}])
        assert list(sweep.points) == [{"file": str(tmp_path / "a.csv")}]

    def test_a_folder_named_like_a_number_is_refused_with_the_remedy(self, tmp_path):
        reading(tmp_path)
        text = "target: reading.ipynb\npoints: [{file: 20190204}]"
        with pytest.raises(ValueError, match="got 20190204 .int.: write .* quotes around it"):
            load_sweep(yaml_file(tmp_path, text))

    @pytest.mark.parametrize("written", ["a.csv", "folder/a.csv", "folder/deep/a.csv"])
    def test_another_content_is_another_point(self, written, tmp_path):
        file = tmp_path / written
        file.parent.mkdir(parents=True, exist_ok=True)
        named = str(tmp_path / written.partition("/")[0])
        sweep = Sweep(folder=tmp_path, target=reading(tmp_path), points=[{"file": named}])
        keys = []
        for content in ("", "one", "two", "one"):
            file.write_text(content)
            keys += sweep.keys()
        absent, one, two, again = keys
        assert len({absent, one, two}) == 3 and again == one

    def test_a_point_whose_file_has_changed_is_missing_again(self, tmp_path):
        file = tmp_path / "a.csv"
        file.write_text("old")
        sweep = Sweep(folder=tmp_path, target=reading(tmp_path), points=[{"file": str(file)}])
        record = {"key": sweep.keys()[0], "status": "done", "row": {}}
        (tmp_path / "journal.jsonl").write_text(json.dumps(record) + "\n")
        assert results(sweep)["status"].tolist() == ["done"]
        file.write_text("new")
        assert results(sweep)["status"].tolist() == ["missing"]


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "sweeps").glob("*.yml")), ids=lambda path: path.stem
)
def test_the_sweeps_that_come_with_the_book_can_be_run(path):
    sweep = load_sweep(path)
    assert sweep.points and set(results(sweep)["status"]) <= {"missing", "done"}


class TestRun:
    @pytest.mark.slow
    def test_one_row_per_point_in_its_order(self, client, tmp_path):
        sweep = squares(tmp_path, [3, 1, 2])
        table = run_sweep(sweep, client)
        assert table[COLUMNS].to_numpy().tolist() == [
            [3, "done", 9],
            [1, "done", 1],
            [2, "done", 4],
        ]
        assert (table["who"] == "a worker").all() and (table["seconds"] > 0).all()
        pd.testing.assert_frame_equal(
            pd.read_parquet(sweep.folder / "results.parquet"), table, check_dtype=False
        )
        executed = nbformat.read(sweep.folder / table["notebook"][0], as_version=4)
        assert any("x = 3" in cell.source for cell in executed.cells)

    @pytest.mark.slow
    def test_a_point_that_raises_is_recorded_the_rest_go_on_and_it_is_tried_again(
        self, client, tmp_path
    ):
        sweep = squares(tmp_path, [12, 13, 14])
        table = run_sweep(sweep, client)
        assert table["status"].tolist() == ["done", "failed", "done"]
        assert "no 13, please" in table["error"][1] and "Traceback" in table["traceback"][1]
        assert (sweep.folder / table["notebook"][1]).exists()
        run_sweep(sweep, client)
        tried = [record["status"] for record in journal(sweep)]
        assert sorted(tried) == ["done", "done", "failed", "failed"]

    @pytest.mark.slow
    def test_a_name_that_the_notebook_does_not_know_is_no_code(self, tmp_path):
        path, said = notebook(tmp_path), tmp_path / "said"
        name = f"x = 1\nopen({str(said)!r}, 'w')\nx"
        record = attempt(str(path), {name: 3}, notebook_text(path))
        assert record["status"] == "failed" and "has no parameter" in record["error"]
        assert not said.exists()

    def test_half_a_line_in_the_journal_says_nothing(self, client, tmp_path):
        sweep = squares(tmp_path, [4])
        sweep.folder.mkdir()
        (sweep.folder / "journal.jsonl").write_text('{"key": "ab", "sta\n')
        with pytest.warns(UserWarning, match="damaged in line 1"):
            assert results(sweep)["status"].tolist() == ["missing"]
            assert run_sweep(sweep, client)["square"].tolist() == [16]

    @pytest.mark.slow
    def test_a_changed_notebook_runs_again(self, client, tmp_path):
        sweep = squares(tmp_path, [5])
        run_sweep(sweep, client)
        path = Path(sweep.target)
        path.write_text(path.read_text().replace("x * x", "x * x * x"))
        assert results(sweep)["status"].tolist() == ["missing"]
        assert run_sweep(sweep, client)["square"].tolist() == [125]

    @pytest.mark.slow
    def test_the_whole_path_starts_from_any_topology(self, client, tmp_path):
        small = {
            "duration": 20.0, "size": "tiny", "time_embeddings": ["rotary"], "training.epochs": 1,
        }  # fmt: skip
        scale_free = {"topology": "scale_free", "network.n_neurons": 20, "network.exponent": 2.2}
        wired = {"topology": "larval_mushroom_body", **small, "duration": 5.0}
        sweep = Sweep(folder=tmp_path / "kinds", points=[{**scale_free, **small}, wired])
        table = run_sweep(sweep, client)
        assert table["status"].tolist() == ["done"] * 2, table["traceback"].tolist()
        assert table["topology"].tolist() == ["scale_free", "larval_mushroom_body"]
        here = drawn("scale_free", n_neurons=20, exponent=2.2)
        assert table["n_spikes"][0] == len(simulate(here, duration=20.0))

    @pytest.mark.slow
    def test_the_whole_path_is_that_of_experiment_run(self, client, tmp_path):
        from lgl_core.networks.network import hub_network
        from lgl_core.transformer.training import TrainConfig
        from lgl_core.whole_path import run

        sweep = Sweep(
            folder=tmp_path / "paths",
            points=[{
                "seed": 3, "duration": 20.0, "size": "tiny", "time_embeddings": ["rotary"],
                "network.n_neurons": 20, "network.n_hubs": 1, "training.epochs": 1,
                "training.batch_size": 16,
            }],
        )  # fmt: skip
        table = run_sweep(sweep, client)
        assert table["status"][0] == "done", table["traceback"][0]
        config = TrainConfig(epochs=1, batch_size=16)
        here = run(
            hub_network(n_neurons=20, n_hubs=1, seed=3), duration=20.0, seed=3, size="tiny",
            time_embeddings=["rotary"], train_config=config,
        )  # fmt: skip
        assert table["n_spikes"][0] == here["n_spikes"][0]
        for row in here.itertuples():
            graph = (row.method, row.model, row.layer, row.reading)
            found = table[", ".join(filter(None, (*graph, row.view, row.score)))][0]
            np.testing.assert_allclose(found, row.value, atol=1e-6)


def worker(scheduler: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "dask", "worker", scheduler, "--nthreads", "1", "--no-nanny"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([*command, "--no-dashboard"], **quiet)


@pytest.mark.weekly
def test_a_killed_worker_loses_nothing(tmp_path):
    """Two worker processes on loopback; one dies in the middle, without a word."""
    from distributed import Client, LocalCluster

    sweep = squares(tmp_path, range(1, 13), wait=0.2)
    with LocalCluster(n_workers=0, dashboard_address=None) as scheduler:
        workers = [worker(scheduler.scheduler_address) for _ in range(2)]
        try:
            with Client(scheduler) as client:
                client.wait_for_workers(2, timeout=120)
                killed = []

                def keep_and_kill(sweep, record, keep=run_sweep.__globals__["_keep"]):
                    keep(sweep, record)
                    if len(journal(sweep)) == 3 and not killed:
                        os.kill(workers[0].pid, signal.SIGKILL)
                        killed.append(workers[0].pid)

                with pytest.MonkeyPatch.context() as patch:
                    patch.setitem(run_sweep.__globals__, "_keep", keep_and_kill)
                    table = run_sweep(sweep, client)
        finally:
            for process in workers:
                process.kill()
                process.wait()
    assert killed and workers[0].returncode == -signal.SIGKILL
    assert table["square"].tolist() == [x * x for x in range(1, 13)]
    assert sorted(record["key"] for record in journal(sweep)) == sorted(sweep.keys())


@pytest.mark.weekly
def test_an_interrupted_sweep_goes_on_where_it_was(tmp_path):
    path = yaml_file(tmp_path, "target: square.ipynb\ngrid: {x: [1, 2, 3, 4, 5, 6]}\n"
                               "fixed: {wait: 0.5}\nfolder: squares")  # fmt: skip
    sweep = load_sweep(path)
    command = ["-m", "lgl_core", "sweep", str(path), "--workers", "1"]
    ended = interrupted(command, lambda *_: len(journal(sweep)) >= 2)
    assert ended.status == 130 and not ended.left
    (line,) = ended.said
    assert line.startswith("Interrupted. Finished points are in the journal of the sweep")
    before = journal(sweep)
    assert len(before) < 6
    table = pd.read_parquet(sweep.folder / "results.parquet")
    assert (table["status"] == "missing").sum() == 6 - len(before)

    assert subprocess.run([sys.executable, *command], capture_output=True).returncode == 0
    after = journal(sweep)
    assert after[: len(before)] == before and len(after) == 6
    table = pd.read_parquet(sweep.folder / "results.parquet")
    assert table["square"].tolist() == [1, 4, 9, 16, 25, 36]


@pytest.mark.slow
def test_an_ensemble_trains_on_the_workers_of_a_cluster(client, tmp_path):
    """Each model is a task, and comes out as if it were trained here."""
    spikes = simulate(hub_network(20, n_hubs=1), duration=60.0)
    tokens = [tokenize(part) for part in spikes.split()]
    architecture = preset("tiny", n_neurons=20, n_classes=tokens[0].vocabulary.n_classes)

    def ensemble(name):
        return train_ensemble(
            *tokens, [architecture] * 2, TrainConfig(epochs=1),
            directories=[tmp_path / name / str(member) for member in range(2)], progress=False,
        )  # fmt: skip

    with pytest.MonkeyPatch.context() as patch, joblib.parallel_config("dask"):
        # Nothing can be trained in this process now, but the workers are others.
        patch.setattr("lgl_core.transformer.training.Run", None)
        there = ensemble("there")
    for ours, theirs in zip(ensemble("here"), there, strict=True):
        # A process with other vector instructions moves a weight by 1e-4, another seed by 0.1.
        torch.testing.assert_close(
            theirs.model.state_dict(), ours.model.state_dict(), rtol=0, atol=1e-3
        )


@pytest.mark.weekly
def test_two_sweeps_share_one_cache(tmp_path, monkeypatch):
    """Both walk the same paths at the same time; neither reads half a result of the other."""
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    text = (
        "grid: {seed: [0, 1]}\nfixed: {duration: 15, size: tiny, network.n_neurons: 20, "
        "network.n_hubs: 1, training.epochs: 1, time_embeddings: [interval]}\n"
    )
    commands = []
    for name in ("one", "two"):
        (tmp_path / f"{name}.yml").write_text(text)
        commands.append([sys.executable, "-m", "lgl_core", "sweep", str(tmp_path / f"{name}.yml"),
                         "--workers", "1"])  # fmt: skip
    running = [
        subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for c in commands
    ]
    said = [process.communicate(timeout=300)[0].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    one, two = (pd.read_parquet(tmp_path / name / "results.parquet") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), two.drop(columns="seconds"))
    assert not list((tmp_path / "cache").rglob("*.partial")), "half a result was left behind"


def test_workers_of_this_machine_have_time_to_end(client):
    nannies = client.cluster.workers.values()
    assert all(nanny.close.keywords == {"timeout": 60.0} for nanny in nannies)


class TestMain:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("grid: {sead: [1]}", "experiment has no parameter 'sead'; there are "),
            ("grid: {seed: [one]}", "seed must be of type int, got 'one' (str)"),
            ("target: cube.ipynb\ngrid: {x: [1]}", "there is no notebook "),
            (None, "No such file"),
        ],
    )
    def test_a_sweep_that_cannot_be_is_told_in_one_line(self, text, line, tmp_path, capsys):
        path = tmp_path / "none.yml" if text is None else yaml_file(tmp_path, text)
        with pytest.raises(SystemExit) as stopped:
            main([str(path)])
        said = capsys.readouterr().err
        assert stopped.value.code == 1 and line in said and said.count("\n") == 1

    @pytest.mark.slow
    def test_a_dry_run_shows_all_and_runs_one(self, tmp_path, capsys):
        path = yaml_file(tmp_path, "target: square.ipynb\ngrid: {x: [7, 8, 9]}")
        assert main([str(path), "--dry-run", "--workers", "1"]) == 0
        said = capsys.readouterr().out
        assert "3 of 3 points would run" in said and "a point took" in said
        table = pd.read_parquet(tmp_path / "sweep" / "results.parquet")
        assert table["status"].tolist() == ["done", "missing", "missing"]

    @pytest.mark.slow
    def test_the_exit_status_says_that_a_point_failed(self, tmp_path, capsys):
        path = yaml_file(tmp_path, "target: square.ipynb\npoints: [{x: 13}]")
        assert main([str(path), "--workers", "1"]) == 1
        said = capsys.readouterr().out
        assert "failed:" in said and "'x': 13" in said and "no 13, please" in said


def test_slurm_gets_what_the_file_says(tmp_path):
    sweep = Sweep(
        folder=tmp_path,
        points=[{"seed": 0}],
        slurm={"queue": "short", "memory": "4GB", "walltime": "02:00:00", "jobs": 0},
    )
    with slurm_cluster(sweep, {"OMP_NUM_THREADS": "1"}) as cluster:
        script = cluster.job_script()
    assert "#SBATCH -p short" in script and "#SBATCH -t 02:00:00" in script
    assert "export OMP_NUM_THREADS=1" in script and "--nthreads 1" in script
    assert "#SBATCH --cpus-per-task=1" in script
    assert f"#SBATCH -o {tmp_path}/jobs/" in script, "logs of the jobs belong to the sweep"


def test_a_time_limit_needs_no_quotes(tmp_path):
    """YAML 1.1 took it for 43,200, which SLURM reads as minutes: 30 days."""
    text = "grid: {seed: [0, 1]}\nslurm: {jobs: 0, queue: q, memory: 2GB, walltime: 12:00:00}"
    with slurm_cluster(load_sweep(yaml_file(tmp_path, text)), {}) as cluster:
        assert "#SBATCH -t 12:00:00" in cluster.job_script()


def test_slurm_refuses_before_anything_waits(tmp_path, monkeypatch):
    sweep = Sweep(folder=tmp_path, points=[{"seed": 0}], slurm={"memory": "4GB", "queue": "none"})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no sbatch here"):
        slurm_cluster(sweep, {})
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/sh\necho invalid partition specified >&2\nexit 1\n")
    sbatch.chmod(0o755)
    with pytest.raises(ValueError, match="refuses a job .*invalid partition specified"):
        slurm_cluster(sweep, {})


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("sbatch") is None, reason="needs a machine with SLURM")
def test_a_sweep_outlives_its_jobs(tmp_path):
    """A time limit that ends all of them at once costs what they were at, and no more."""
    slurm = {"memory": "1GB", "walltime": "00:10:00", "jobs": 2}
    sweep = squares(tmp_path, range(6), wait=2.0, slurm=slurm)
    with cluster_of(sweep) as client:
        until(lambda: len(client.scheduler_info()["workers"]) == 2)
        Timer(3.0, subprocess.run, (["scancel", "--me"],)).start()
        table = run_sweep(sweep, client)
    assert table["status"].tolist() == ["done"] * 6
    assert sorted(record["key"] for record in journal(sweep)) == sorted(sweep.keys())


def test_slurm_gives_a_point_the_cores_of_its_threads(tmp_path):
    """A worker with several threads still runs one point at a time."""
    sweep = Sweep(
        folder=tmp_path, points=[{"seed": 0}], slurm={"memory": "4GB", "jobs": 0}, threads=4
    )
    with slurm_cluster(sweep, {}) as cluster:
        script = cluster.job_script()
    assert "#SBATCH --cpus-per-task=4" in script and "--nthreads 1" in script
