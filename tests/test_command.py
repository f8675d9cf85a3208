"""Ctrl-C at a command line: one line that says how to go on, status 130, nobody left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lgl_core.__main__ import COMMANDS
from tests.house import MODULES, ROOT
from tests.interrupted import interrupted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="blocks no signals")

BEGINNING = "import sys, time\nfrom lgl_core import command\ncommand.listen()\n"
ENDING = "\nif __name__ == '__main__':\n    command.run(main, 'All is kept')\n"
JOBLIB = """from joblib import Parallel, delayed
    Parallel(n_jobs=2)(delayed(time.sleep)(60) for _ in range(4))"""
POOL = """from multiprocessing import get_context
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2, get_context('spawn')) as pool:
        list(pool.map(time.sleep, [60, 60]))"""
OTHER = """import subprocess
    subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"""
# Somebody who starts others all the time, and while the command ends.
BUSY = """import subprocess
    start = 'import subprocess, time\\nfor _ in range(2000): subprocess.Popen(["sleep", "60"])'
    subprocess.run([sys.executable, '-c', start + '\\ntime.sleep(60)'])"""
PAGE = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
"""
NAPS = "print('begun', flush=True)\n    time.sleep(60)"


def script(folder: Path, main: str, before: str = "", after: str = "") -> str:
    """Write a command whose ``main`` does this."""
    path = folder / "a script.py"
    path.write_text(f"{BEGINNING}{before}\ndef main():\n    {main}\n{after}{ENDING}")
    return str(path)


def begun(printed, processes):
    return "begun" in printed


def results_of(study):
    return {path: path.read_bytes() for path in (ROOT / "results").glob(f"{study}*")}


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


class TestInterrupted:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("main", "before"),
        [
            (NAPS, ""),
            ("import threading; print('begun', flush=True); threading.Event().wait()", ""),
            # Another error on the way out, as libraries raise them whose processes have ended.
            (f"try:\n        {NAPS.replace('    ', '        ')}\n    finally:\n        1 / 0", ""),
            # What says something while it puts its things away.
            (f"try:\n        {NAPS.replace('    ', '        ')}\n    finally:\n"
             "        print('word', file=sys.stderr)", ""),
            # Somebody takes the exception and goes on to the end.
            (f"try:\n        {NAPS.replace('    ', '        ')}\n    except BaseException:\n"
             "        pass", ""),
        ],
        ids=["in a call", "in a lock", "error", "word", "taken"],
    )  # fmt: skip
    def test_in_the_middle(self, main, before, tmp_path):
        path = script(tmp_path, main, before)
        ended = interrupted([path, "--some", "two words"], begun)
        assert ended.status == 130 and not ended.left
        (line,) = ended.said
        assert line.startswith("Interrupted. All is kept; go on with: ")
        assert line.endswith(f"'{path}' --some 'two words'")

    @pytest.mark.slow
    def test_during_the_imports(self, tmp_path):
        ended = interrupted([script(tmp_path, "pass", NAPS.replace("    ", ""))], begun)
        assert ended.status == 130 and not ended.left
        (line,) = ended.said
        assert line.startswith("Interrupted. Nothing had begun; go on with: ")

    @pytest.mark.slow
    def test_at_the_end(self, tmp_path):
        nap = "import atexit\ndef nap():\n    " + NAPS + "\natexit.register(nap)"
        ended = interrupted([script(tmp_path, "pass", nap)], begun)
        assert ended.status == 130 and not ended.left and len(ended.said) == 1

    @pytest.mark.slow
    def test_whoever_cannot_wait_interrupts_twice(self, tmp_path):
        stubborn = "while True:\n        try:\n            print('begun', flush=True)\n"
        stubborn += "            time.sleep(60)\n        except BaseException:\n            pass"
        ended = interrupted([script(tmp_path, stubborn)], begun, times=2)
        assert ended.status == 130 and not ended.left and len(ended.said) == 1

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("main", "n_workers"),
        [(JOBLIB, 1), (JOBLIB, 2), (POOL, 1), (POOL, 2), (OTHER, 1), (BUSY, 9)],
    )
    def test_processes_that_it_has_started(self, main, n_workers, tmp_path):
        """Once all are there, and while the first one starts."""

        def there(printed, processes):
            names = [" ".join(process.cmdline()) for process in processes]
            workers = [n for n in names if "resource_tracker" not in n and "a script.py" not in n]
            return len(workers) >= n_workers

        ended = interrupted([script(tmp_path, main)], there)
        assert ended.status == 130 and not ended.left and len(ended.said) == 1


WORKER = """from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

def listens():
    from lgl_core import command
    return command._Now.listening

if __name__ == "__main__":
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        print(listens(), pool.submit(listens).result())
"""


def test_a_process_that_the_command_starts_does_not_listen(tmp_path):
    """It has the same argv, and would say how to go on, too."""
    path = tmp_path / "lgl"
    path.write_text(WORKER)
    assert run(str(path)).stdout == "True False\n"


@pytest.mark.slow
def test_a_notebook_is_left_as_it_was(tmp_path):
    """Its kernel hears no Ctrl-C, and starts processes of its own."""
    source, target = tmp_path / "page.md", tmp_path / "page.ipynb"
    source.write_text(f"{PAGE}\n```{{code-cell}}\nimport time\n{JOBLIB.replace('    ', '')}\n```\n")
    target.write_text("as it was")
    ended = interrupted(
        ["notebooks/execute.py", source, target], lambda printed, processes: len(processes) > 6
    )
    assert ended.status == 130 and not ended.left
    (line,) = ended.said
    assert line.startswith("Interrupted. The notebook is as it was")
    assert target.read_text() == "as it was"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.ipynb", "page.md"]


@pytest.mark.weekly
def test_the_whole_path_goes_on_from_what_it_has(tmp_path):
    command = ["-m", "lgl_core", "run", "--duration", "30", "--size", "tiny"]

    def stored():
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.entry")}

    def trains(printed, processes):
        return bool(stored()) and list(tmp_path.rglob("checkpoint.safetensors"))

    ended = interrupted(command, trains, LGL_CACHE=str(tmp_path))
    assert ended.status == 130 and not ended.left
    (line,) = ended.said
    assert line.startswith("Interrupted. Finished steps are in the cache")
    before, environment = stored(), {**os.environ, "LGL_CACHE": str(tmp_path)}
    again = subprocess.run([sys.executable, *command], env=environment, capture_output=True)
    assert again.returncode == 0
    assert before and before.items() < stored().items()


@pytest.mark.weekly
def test_studies_leave_results_alone(tmp_path):
    def works(printed, processes):
        return list(tmp_path.rglob("*.entry"))

    before = results_of("small")
    ended = interrupted(["-m", "lgl_core", "study", "small"], works, LGL_CACHE=str(tmp_path))
    assert ended.status == 130 and not ended.left
    (line,) = ended.said
    assert line.startswith("Interrupted. Finished points are in the cache")
    assert results_of("small") == before


class TestElsewhere:
    @pytest.mark.slow
    def test_the_status_is_that_of_main(self, tmp_path):
        assert run(script(tmp_path, "return 3")).returncode == 3
        assert run(script(tmp_path, "pass")).returncode == 0
        failed = run(script(tmp_path, "raise ValueError('why')"))
        assert failed.returncode == 1 and "ValueError: why" in failed.stderr

    @pytest.mark.slow
    def test_what_is_ignored_stays_ignored(self, tmp_path):
        """A command in the background of a script, or behind nohup, hears no Ctrl-C."""
        path = script(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGINT)")
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            assert run(path).returncode == 0
        finally:
            signal.signal(signal.SIGINT, before)

    @pytest.mark.slow
    def test_in_python_ctrl_c_raises(self):
        said = run(
            "-c",
            "import os, signal\nimport lgl_core.disk.cache\n"
            "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    signal.pause()\n"
            "except KeyboardInterrupt:\n    print('raised')",
        )
        assert said.stdout == "raised\n" and said.stderr == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_each_part_of_the_command_says_what_it_takes(name):
    said = run("-m", "lgl_core", name, "--help")
    assert said.returncode == 0 and f"usage: lgl {name}" in said.stdout, said.stderr


def test_the_command_lists_its_parts_and_knows_no_others():
    listed = run("-m", "lgl_core", "--help")
    assert listed.returncode == 0 and all(f"  {name} " in listed.stdout for name in COMMANDS)
    unknown = run("-m", "lgl_core", "nothing")
    assert unknown.returncode == 2 and "'nothing'" in unknown.stderr


def test_no_other_file_is_a_command_of_its_own():
    sources = [*MODULES.values(), *ROOT.glob("benchmarks/*.py")]
    assert [path for path in sources if "command.run(" in path.read_text()] == []
    for path in (ROOT / "lgl_core" / "__main__.py", ROOT / "notebooks" / "execute.py"):
        assert path.read_text().count("command.run(") == 1
