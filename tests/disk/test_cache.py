"""The cache: what gives a hit, what must not, and what damage and haste cannot break."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from pstats import StatsProfile
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lgl_core.disk import _cache_sources as cache_sources
from lgl_core.disk import cache
from lgl_core.disk._cache_sources import sources_of
from lgl_core.disk.cache import cache_directory, cached, is_cached, keyed_directory, source_hash
from lgl_core.networks.network import Network, hub_network
from lgl_core.spikes import SpikeTrains
from tests.house import MODULES, ROOT

calls: list[object] = []


@dataclass(frozen=True, kw_only=True)
class Config:
    """A configuration such as the library's own."""

    width: int = 64
    rates: tuple[float, ...] = (0.1, 0.2)
    name: str = "strict"


def double(x: float, *, offset: float = 0.0) -> float:
    calls.append(x)
    return 2 * x + offset


def triple(x: float) -> float:
    calls.append(x)
    return 3 * x


def noise(n: int, seed: int = 0) -> np.ndarray:
    calls.append(n)
    return np.random.default_rng(seed).normal(size=n)


def spikes_of(seed: int) -> SpikeTrains:
    calls.append(seed)
    return SpikeTrains(times=[0.1, 0.2], neurons=[0, 1], n_neurons=2, duration=1.0)


@dataclass(frozen=True)
class Settled:
    """A class with a field that its maker sets."""

    given: int
    made: int = field(init=False, default=3)


def network_of(seed: int) -> Network:
    calls.append(seed)
    return hub_network(n_neurons=20, seed=seed)


def value_named(name: str) -> Any:
    calls.append(name)
    return VALUES[name]


VALUES: dict[str, Any] = {
    "none": None,
    "truth": True,
    "a large number": 2**80,
    "numbers": [0.1, -0.0, float("inf"), 5e-324],
    "text": "µs, \ud800 and a\0zero",
    "nested": {"a": [(1, 2.5), {3: "three", (4, 5): None}], "": ()},
    "single precision": np.float32(0.1),
    "a date": np.datetime64("2026-01-01"),
    "no dimension": np.array(3),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big endian": np.arange(3, dtype=">i2"),
    "a record": np.array([(1, "one")], dtype=[("n", "u1"), ("name", "U3")]),
    "nothing": np.empty((0, 4), bool),
    "a table": pd.DataFrame(
        {"layer": ["all", None], "value": [np.nan, 1e-9], "n": [1, 2]}, index=[3, 1]
    ),
    "a configuration": Config(width=3, rates=(0.1,)),
}
NOT_STORABLE = {
    "a function": lambda: None,
    "a set": {1, 2},
    "objects": np.array([None, {}]),
    "a masked array": np.ma.masked_array([1, 2], [True, False]),
    "a class": Config,
    "a path": Path("/"),
    "a class of a module that is not imported here": StatsProfile(1.0, {}),
    "a class that sets a field": Settled(1),
    "a table of tuples": pd.DataFrame({"a": [(1, 2), (3, 4)]}),
    "a table of numbers and words": pd.DataFrame({"a": [1, "one"]}),
}


def not_storable(name: str) -> Any:
    return NOT_STORABLE[name]


def failing(x: float) -> float:
    calls.append(x)
    raise RuntimeError("no result")


def step(config: Config, network: Network | None = None) -> None:
    raise NotImplementedError


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch) -> Path:
    """An empty cache, and source that counts as older than the process."""
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache_sources, "_STARTED", time.time() + 3600)
    calls.clear()
    return tmp_path / "cache"


def stored_files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


class TestCached:
    def test_computes_once(self):
        fast = cached(double)
        assert [fast(3), fast(3), fast(3)] == [6, 6, 6] and calls == [3]

    def test_another_input_is_another_result(self):
        fast = cached(double)
        assert [fast(3), fast(4), fast(3, offset=1)] == [6, 8, 7] and len(calls) == 3

    def test_the_way_of_passing_an_argument_does_not_matter(self):
        fast = cached(double)
        assert fast(3) == fast(x=3) == fast(3, offset=0.0) == 6 and calls == [3]

    def test_two_functions_do_not_share_results(self):
        assert cached(double)(3) == 6 and cached(triple)(3) == 9

    def test_a_result_that_is_none_or_false_counts(self):
        assert is_cached(double, 0) is False
        cached(double)(0)
        assert cached(double)(0) == 0 and calls == [0]

    def test_is_cached_looks_and_does_not_compute(self):
        assert not is_cached(double, 3) and not is_cached(cached(double), 3)
        cached(double)(3)
        assert is_cached(double, 3) and is_cached(cached(double), x=3, offset=0.0)
        assert not is_cached(double, 4) and calls == [3]

    def test_a_stored_object_comes_back_whole_and_fixed(self):
        first, second = cached(spikes_of)(0), cached(spikes_of)(0)
        assert calls == [0] and second is not first
        np.testing.assert_array_equal(first.times, second.times)
        assert not second.times.flags.writeable

    def test_a_caller_cannot_change_what_is_stored(self):
        cached(noise)(5)[:] = 0
        cached(noise)(5)[:] = 0
        assert cached(noise)(5).all()

    def test_looks_like_the_function(self):
        fast = cached(double)
        assert fast.__name__ == "double" and fast.__wrapped__ is double

    def test_errors_are_not_stored(self, directory):
        for _ in range(2):
            with pytest.raises(RuntimeError):
                cached(failing)(1)
        assert calls == [1, 1] and not stored_files(directory)

    def test_a_wrong_call_fails_as_the_function_would(self):
        with pytest.raises(TypeError, match="unexpected"):
            cached(double)(3, wrong=1)

    @pytest.mark.parametrize("name", VALUES)
    def test_what_comes_back_is_what_was_stored(self, name):
        given, found = cached(value_named)(name), cached(value_named)(name)
        assert calls == [name] and type(found) is type(given)
        if isinstance(given, pd.DataFrame):
            pd.testing.assert_frame_equal(found, given, check_exact=True)
        else:  # a pickle tells kinds, signs, orders and bytes apart
            assert pickle.dumps(found) == pickle.dumps(given) and repr(found) == repr(given)

    @pytest.mark.parametrize("name", NOT_STORABLE)
    def test_what_cannot_be_stored_is_returned_with_a_warning(self, directory, name):
        with pytest.warns(UserWarning, match="result not stored"):
            assert cached(not_storable)(name) is NOT_STORABLE[name]
        assert not stored_files(directory)

    def test_more_source_can_be_part_of_the_key(self):
        more = cached(double, also=["lgl_core.simulation.lif"])
        assert [cached(double)(3), more(3), more(3)] == [6, 6, 6] and calls == [3, 3]

    def test_a_failed_write_leaves_nothing_behind(self, directory, monkeypatch):
        def refuse(*_):
            raise OSError("disk full")

        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.warns(UserWarning, match="disk full"):
            assert cached(double)(3) == 6
        assert not stored_files(directory)

    def test_a_full_disk_costs_no_result(self, directory):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            with pytest.warns(UserWarning, match="result not stored .* too large"):
                assert len(cached(noise)(5000)) == 5000
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert not stored_files(directory)

    def test_nothing_is_read_or_written_before_the_first_call(self, directory, monkeypatch):
        monkeypatch.setattr(cache, "sources_of", lambda name: pytest.fail("source read"))
        cached(double)
        assert not directory.exists()

    @pytest.mark.parametrize(
        "function",
        [lambda x: x, Config().__eq__, np.sin, print, Config],
        ids=["lambda", "bound", "ufunc", "builtin", "class"],
    )
    def test_what_has_no_complete_key_is_refused(self, function):
        with pytest.raises(ValueError, match="function must be a plain function"):
            cached(function)
        with pytest.raises(ValueError, match="function must be a plain function"):
            keyed_directory(function)

    def test_a_closure_is_refused(self):
        offset = 1

        def inner(x):
            return x + offset

        with pytest.raises(ValueError, match="function must be a plain function"):
            cached(inner)

    def test_a_function_of_a_script_is_refused(self, monkeypatch):
        monkeypatch.setattr(double, "__module__", "__main__")
        with pytest.raises(ValueError, match="importable module"):
            cached(double)


class TestDamage:
    @pytest.fixture
    def entry(self, directory) -> Path:
        cached(noise)(200)
        calls.clear()
        (path,) = stored_files(directory)
        return path

    def check_computed_anew(self, entry):
        damaged = entry.read_bytes()
        assert not is_cached(noise, 200)
        expected = np.random.default_rng(0).normal(size=200)
        with pytest.warns(UserWarning, match="damaged, computing it anew"):
            np.testing.assert_array_equal(cached(noise)(200), expected)
        assert calls == [200] and not list(entry.parent.glob("*.partial"))
        assert [path.read_bytes() for path in entry.parent.glob("*.damaged")] == [damaged]
        with warnings.catch_warnings():  # and the damage is repaired
            warnings.simplefilter("error")
            np.testing.assert_array_equal(cached(noise)(200), expected)
        assert calls == [200]

    @pytest.mark.parametrize("keep", [0, 1, 64, 65, 700, -1])
    def test_a_truncated_file(self, entry, keep):
        entry.write_bytes(entry.read_bytes()[:keep])
        self.check_computed_anew(entry)

    @pytest.mark.parametrize("where", [0, 63, 64, 70, 500, 1500, -1])
    def test_a_flipped_bit(self, entry, where):
        content = bytearray(entry.read_bytes())
        content[where] ^= 1
        entry.write_bytes(content)
        self.check_computed_anew(entry)

    def test_an_entry_of_another_call_under_its_name(self, entry, directory):
        cached(noise)(201)
        (other,) = set(stored_files(directory)) - {entry}
        entry.write_bytes(other.read_bytes())
        calls.clear()
        self.check_computed_anew(entry)

    def test_what_cannot_be_read_is_not_taken_for_damaged(self, entry):
        content = entry.read_bytes()
        entry.unlink()
        entry.mkdir()
        with pytest.warns(UserWarning, match="cannot read|not stored"):
            assert len(cached(noise)(200)) == 200
        assert entry.is_dir()
        entry.rmdir()
        entry.write_bytes(content)
        assert len(cached(noise)(200)) == 200 and calls == [200]


class Intruder:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def sealed(payload: bytes) -> bytes:
    """Give a content the right checksum, as anyone can."""
    return hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def packed(about: str, **parts: np.ndarray) -> bytes:
    buffer = BytesIO()
    np.savez(buffer, about=np.frombuffer(about.encode(), np.uint8), **parts)
    return sealed(buffer.getvalue())


class TestStrangers:
    """Entries that someone else has written with intent, whose checksum is right."""

    @pytest.mark.parametrize("mode", [0o700, 0o777])
    @pytest.mark.parametrize("kind", ["pickle", "object array", "call", "module", "class"])
    def test_no_code_of_an_entry_runs(self, directory, tmp_path, kind, mode):
        cached(noise)(5)
        (entry,) = stored_files(directory)
        entry.parent.chmod(mode)
        mark, objects = tmp_path / "mark", np.empty(1, object)
        objects[0] = Intruder(mark)
        call = str(entry.relative_to(directory).with_suffix(""))
        about = '{"call": "CALL", "result": RESULT}'.replace("CALL", call)
        entry.write_bytes(
            {
                "pickle": sealed(pickle.dumps(Intruder(mark))),
                "object array": packed(about.replace("RESULT", '{"array": "0"}'), **{"0": objects}),
                "call": packed(
                    about.replace("RESULT", '{"os:mkdir": {"dict": [["path", "MARK"]]}}')
                    .replace("MARK", str(mark))
                ),
                "module": packed(about.replace("RESULT", '{"antigravity:": {"dict": []}}')),
                "class": packed(
                    about.replace("RESULT", '{"lgl_core.disk.atomic:Path": {"dict": []}}')
                ),
            }[kind]
        )  # fmt: skip
        pickle.loads(pickle.dumps(Intruder(tmp_path / "control")))
        with pytest.warns(UserWarning, match="damaged, computing it anew"):
            np.testing.assert_array_equal(cached(noise)(5), np.random.default_rng(0).normal(size=5))
        assert (tmp_path / "control").exists() and not mark.exists()
        assert "antigravity" not in sys.modules

    def test_the_library_reads_no_pickle(self):
        for file in MODULES.values():
            assert "pickle.load" not in file.read_text(), file


class TestKeys:
    def test_equal_inputs_give_one_directory_and_others_another(self, directory):
        first = keyed_directory(step, config=Config(), network=hub_network(n_neurons=20))
        assert first.is_dir() and first.is_relative_to(directory)
        assert first == keyed_directory(step, network=hub_network(n_neurons=20), config=Config())
        others = [
            keyed_directory(step, config=Config(width=65), network=hub_network(n_neurons=20)),
            keyed_directory(step, config=Config(rates=(0.1, 0.3)), network=None),
            keyed_directory(step, config=Config(), network=hub_network(n_neurons=20, seed=1)),
            keyed_directory(step, config=Config()),
            keyed_directory(triple, config=Config(), network=hub_network(n_neurons=20)),
        ]
        assert len({first, *others}) == 6

    def test_files_in_it_are_found_again(self):
        (keyed_directory(step, config=Config()) / "checkpoint").write_text("epoch 3")
        assert (keyed_directory(step, config=Config()) / "checkpoint").read_text() == "epoch 3"

    def test_an_input_may_bear_any_name(self):
        assert keyed_directory(step, function=1) != keyed_directory(step, function=2)

    def test_one_changed_entry_of_a_large_array_is_another_input(self):
        times = np.arange(100_000) / 1e6
        spikes = {"neurons": np.zeros(100_000, int), "n_neurons": 1, "duration": 1.0}
        first = keyed_directory(step, spikes=SpikeTrains(times=times, **spikes))
        times[50_000] = np.nextafter(times[50_000], 1)
        assert first != keyed_directory(step, spikes=SpikeTrains(times=times, **spikes))

    @pytest.mark.slow
    def test_another_process_finds_the_same_keys(self, directory):
        inputs = """
            from tests.disk.test_cache import Config, double, step
            from lgl_core.disk.cache import is_cached, keyed_directory
            from lgl_core.networks.network import hub_network
            from lgl_core.spikes import SpikeTrains
            path = keyed_directory(
                step,
                config=Config(width=32, rates=(0.5, 1.5), name="causal"),
                network=hub_network(n_neurons=30, seed=4),
                spikes=SpikeTrains(times=[0.1, 0.2], neurons=[1, 0], n_neurons=2, duration=1.0),
                options={"b", "a", "c"},
            )
        """
        here: dict[str, Path] = {}
        exec(textwrap.dedent(inputs), here)
        cached(double)(3.5)
        script = textwrap.dedent(inputs) + "print(path, is_cached(double, 3.5))"
        assert run(script, PYTHONHASHSEED="1") == f"{here['path']} True"

    def test_arrays_restored_from_a_result_give_the_same_key(self):
        for function in (network_of, spikes_of):
            computed, restored = (cached(function)(3) for _ in range(2))
            assert calls.count(3) == 1 and restored is not computed
            assert keyed_directory(step, given=computed) == keyed_directory(step, given=restored)
            calls.clear()


def start(script: str, **environment: str) -> subprocess.Popen[str]:
    folders = [ROOT, environment.pop("ALSO", "")]
    path = os.pathsep.join(map(str, folders)).rstrip(os.pathsep)
    return subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", "-c", script],
        env={**os.environ, "PYTHONPATH": path, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def run(script: str, **environment: str) -> str:
    process = start(script, **environment)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0
    return output.strip()


@pytest.mark.slow
def test_two_processes_share_one_cache(directory):
    # Each writes and reads the same 20 entries, over and over, in the opposite order; -W turns
    # the warning about a damaged entry into a failure.
    script = textwrap.dedent("""
        import numpy as np
        from lgl_core.disk.cache import cached, _entry
        from tests.disk.test_cache import noise
        for _ in range(5):
            for n in list(range(1000, 1020))[::ORDER]:
                expected = np.random.default_rng(0).normal(size=n)
                assert np.array_equal(cached(noise)(n), expected)
                _entry(noise, (), (n,), {}).write(expected)
        print("done")
    """)
    processes = [start(script.replace("ORDER", order)) for order in ("1", "-1")]
    assert [process.communicate(timeout=120)[0] for process in processes] == ["done\n"] * 2
    assert len(stored_files(directory)) == 20
    for n in range(1000, 1020):
        assert len(cached(noise)(n)) == n
    assert calls == []


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_fills_leaves_whole_entries(directory):
    script = textwrap.dedent("""
        from lgl_core.disk.cache import cached
        from tests.disk.test_cache import noise
        for n in range(200_000, 200_500):
            cached(noise)(n)
            print("filling", flush=True)
    """)
    rng = random.Random(0)
    for _ in range(3):
        process = start(script)
        assert process.stdout is not None and process.stdout.readline() == "filling\n"
        time.sleep(rng.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    whole = list(directory.rglob("*.entry"))
    assert whole
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in range(200_000, 200_000 + len(whole)):
            assert len(cached(noise)(n)) == n
    assert calls == []


def test_what_killed_processes_and_damage_left_goes_after_a_day(directory):
    cached(noise)(5)
    (entry,) = stored_files(directory)
    hours = {f"{n:016x}.partial": age for n, age in enumerate((25, 23))}
    hours |= {"2.damaged": 25, "4.damaged": 23}
    left = {Path(f"{entry}.{ending}"): age for ending, age in hours.items()}
    for path, age in left.items():
        path.write_bytes(b"half")
        os.utime(path, (time.time() - 3600 * age,) * 2)
    old = (time.time() - 3600 * 24 * 365,) * 2
    os.utime(entry, old)
    checkpoint = keyed_directory(step, config=Config()) / "checkpoint.safetensors.damaged"
    checkpoint.touch()
    os.utime(checkpoint, old)
    run(
        "from lgl_core.disk.cache import cached\n"
        "from tests.disk.test_cache import double\n"
        "cached(double)(1)"
    )
    assert entry.exists() and checkpoint.exists()
    assert [age for path, age in left.items() if path.exists()] == [23, 23]


class TestCacheDirectory:
    def test_the_environment_decides(self, tmp_path, monkeypatch):
        monkeypatch.setenv("LGL_CACHE", str(tmp_path / "elsewhere"))
        assert cache_directory() == tmp_path / "elsewhere"

    def test_in_a_checkout(self, tmp_path, monkeypatch):
        monkeypatch.delenv("LGL_CACHE")
        monkeypatch.setattr(cache, "_PACKAGE", tmp_path / "lgl_core")
        (tmp_path / "pyproject.toml").touch()
        assert cache_directory() == tmp_path / ".cache"

    def test_installed(self, tmp_path, monkeypatch):
        monkeypatch.delenv("LGL_CACHE")
        monkeypatch.setattr(cache, "_PACKAGE", tmp_path / "site-packages" / "lgl_core")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
        assert cache_directory() == tmp_path / "user" / "lgl_core"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache_directory() == tmp_path / ".cache" / "lgl_core"


TOY = {
    "__init__": '"""A package."""\n__version__ = "1"\n',
    "base": '"""The floor."""\n\n\ndef unit():\n    """Give one."""\n    return 1  # a comment\n',
    "lower": "def one():\n    from toy.base import unit\n\n    return unit()\n",
    "middle": "import toy.lower\n\n\ndef two():\n    return 2 * toy.lower.one()\n",
    "top": "from toy import middle\n\n\ndef four():\n    return 2 * middle.two()\n",
    "near": "from . import lower\nfrom .base import unit\n\nassert lower and unit\n",
    "star": "from toy.base import *\n",
    "figure": "import numpy\n\nfrom toy.top import four\n\nassert numpy and four\n",
    "ring": "import toy.ring\n",
    "inner/__init__": "from .deep import three\n",
    "inner/deep": "def three():\n    return 3\n",
    "inner/own": "from . import three\n",
    "reexported": "from toy.inner import three\n",
    "relative": "from .inner import three\n",
    "parent": "import toy.inner.own\n",
    "package": "import toy.inner as it\n",
    "everything": "import toy\n",
    "reads": "def table(folder):\n    return (folder / 'table.csv').read_text()\n",
    "reads_below": "def table(folder):\n    return (folder / 'inner/numbers.json').read_text()\n",
    "reads_named": "def table(folder, name):\n    return (folder / f'{name}.csv').read_text()\n",
    "reads_all": "def table(folder):\n    return [*folder.glob('*.csv')]\n",
    "reader": "def rows():\n    from toy import reads, reads_below\n",
    "table.csv": "1,2,3\n",
    "inner/numbers.json": "[1, 2, 3]\n",
}


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Callable[..., None]:
    """A package of a few files, and a function that edits one of them."""
    package = tmp_path / "source" / "toy"
    package.mkdir(parents=True)
    monkeypatch.syspath_prepend(package.parent)
    age = iter(range(1000))

    def path_of(name: str) -> Path:
        return package / (name if "." in name else f"{name}.py")

    def write(name: str, content: str) -> None:
        path_of(name).parent.mkdir(exist_ok=True)
        path_of(name).write_text(content)
        os.utime(path_of(name), (1e9 + next(age),) * 2)  # each edit has a time of its own

    def edit(name: str, old: str, new: str) -> None:
        assert old in path_of(name).read_text()
        write(name, path_of(name).read_text().replace(old, new))

    for name, content in TOY.items():
        write(name, content)
    yield edit
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


class TestSourceHash:
    @pytest.mark.parametrize("module", ["base", "lower", "middle", "top", "near", "star", "figure"])
    def test_an_edit_far_below_counts_through_every_form_of_import(self, toy, module):
        before = source_hash(f"toy.{module}")
        toy("base", "return 1", "return 1.5")
        assert source_hash(f"toy.{module}") != before
        toy("base", "return 1.5", "return 1")
        assert source_hash(f"toy.{module}") == before

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("  # a comment", ""),
            ('    """Give one."""\n', ""),
            ("Give one.", "Give the number one."),
            ('"""The floor."""\n', '"""Another\n\ntext."""\n'),
            ("\n\n\ndef", "\n\n\n\n# here\ndef"),
            ("return 1", "return (\n        1\n    )"),
        ],
    )
    def test_comments_docstrings_and_layout_do_not(self, toy, old, new):
        before = source_hash("toy.top")
        toy("base", old, new)
        assert source_hash("toy.top") == before

    def test_a_string_that_is_no_docstring_counts(self, toy):
        toy("base", "return 1", 'return "one"')
        before = source_hash("toy.top")
        toy("base", '"one"', '"two"')
        assert source_hash("toy.top") != before

    def test_what_is_not_on_the_path_does_not_count(self, toy):
        before = source_hash("toy.top")
        toy("figure", "import numpy\n", "import scipy\n")
        toy("near", "lower and unit", "unit and lower")
        toy("__init__", '"1"', '"2"')
        assert source_hash("toy.top") == before

    @pytest.mark.parametrize(
        "module", ["reexported", "relative", "parent", "package", "inner.own", "everything"]
    )
    def test_an_edit_behind_an_init_that_hands_names_on_counts(self, toy, module):
        before = source_hash(f"toy.{module}")
        toy("inner/deep", "return 3", "return 33")
        after = source_hash(f"toy.{module}")
        toy("inner/__init__", "three\n", "three\n\nNUMBER = 1\n")
        assert len({before, after, source_hash(f"toy.{module}")}) == 3

    def test_also_if_the_packages_own_init_hands_them_on(self, toy):
        toy("__init__", "__version__", "from toy.base import unit\n\n__version__")
        toy("star", "from toy.base import *", "from toy import __version__, unit")
        before = source_hash("toy.star")
        toy("__init__", '"1"', '"2"')
        assert source_hash("toy.star") == before, "a version must not undo every result"
        toy("base", "return 1", "return 10")
        assert source_hash("toy.star") != before

    @pytest.mark.parametrize(
        "statement",
        [
            "import toy.nothing",
            "from toy import nothing",
            "from toy.inner import nothing",
            "from toy.nothing import unit",
            "from . import nothing",
            "from .inner import deep, nothing",
            "from toy import later",  # as a package does that loads its names when asked for
        ],
    )
    def test_an_import_that_leads_nowhere_is_an_error(self, toy, statement):
        toy("__init__", "__version__", "def __getattr__(name):\n    ...\n\n__version__")
        toy("star", "from toy.base import *", statement)
        with pytest.raises(ValueError, match=r"toy\.star imports .*Import it from the file"):
            source_hash("toy.star")

    @pytest.mark.parametrize("module", ["reads", "reads_named", "reads_all", "reader"])
    def test_data_that_the_source_names_counts(self, toy, module):
        before, other = source_hash(f"toy.{module}"), source_hash("toy.top")
        toy("table.csv", "2", "2.5")
        assert source_hash(f"toy.{module}") != before
        assert source_hash("toy.top") == other
        toy("table.csv", "2.5", "2")
        assert source_hash(f"toy.{module}") == before

    def test_data_of_a_sub_package_counts_and_other_data_does_not(self, toy):
        before = {name: source_hash(f"toy.{name}") for name in ("reads_below", "reader", "reads")}
        toy("inner/numbers.json", "2", "2.5")
        changed = [name for name, old in before.items() if source_hash(f"toy.{name}") != old]
        assert changed == ["reads_below", "reader"]

    def test_the_librarys_own_data(self):
        for module, name in (("networks.topologies", "c_elegans"), ("recordings.public", "cocult")):
            named = [file for file in sources_of(f"lgl_core.{module}") if "/" in file]
            assert any(f".data/{name}" in file for file in named)

    @pytest.mark.slow
    def test_every_file_of_the_library_can_be_followed(self):
        for module in MODULES:
            source_hash(module)

    def test_a_new_import_brings_its_source_in(self, toy):
        toy("top", "from toy import middle\n", "from toy import middle, ring\n")
        before = source_hash("toy.top")
        toy("ring", "import toy.ring", "import toy.ring, toy.star")
        assert source_hash("toy.top") != before

    def test_modules_differ_and_circles_end(self, toy):
        modules = [name for name in TOY if not set(name) & set("/._")]
        hashes = {source_hash(f"toy.{name}") for name in modules}
        assert len(hashes) == len(modules)

    def test_hashing_runs_no_source(self, toy):
        toy("ring", "import toy.ring", "raise SystemExit")
        assert source_hash("toy.ring") and "toy.ring" not in sys.modules

    def test_a_module_outside_reaches_into_the_library(self):
        assert {__name__, "lgl_core.disk.cache", "lgl_core.spikes"} <= set(sources_of(__name__))

    def test_the_librarys_own_modules(self):
        assert set(sources_of("lgl_core.fields")) == {"lgl_core.fields"}
        assert set(sources_of("lgl_core.networks.network")) == {
            "lgl_core.networks.network",
            "lgl_core.fields",
            "lgl_core.graphs",
        }
        assert "lgl_core.spikes" in sources_of("lgl_core.simulation.lif")

    @pytest.mark.parametrize("name", ["lgl_core.nothing", "nowhere", "sys", "lgl_core"])
    def test_no_such_source(self, name):
        with pytest.raises(ValueError, match=f"source file, got '{name}'"):
            source_hash(name)

    def test_an_edit_makes_a_stored_result_unfindable(self, toy, tmp_path):
        script = textwrap.dedent("""
            from lgl_core.disk.cache import cached, is_cached, keyed_directory
            from toy.top import four
            print(is_cached(four), cached(four)(), keyed_directory(four, seed=0))
        """)
        process = {"LGL_CACHE": str(tmp_path / "cache"), "ALSO": str(tmp_path / "source")}
        found, value, directory = run(script, **process).split()
        assert (found, value) == ("False", "4")
        toy("figure", "import numpy\n", "import scipy\n")
        assert run(script, **process).split() == ["True", "4", directory]
        toy("base", "return 1", "return 10")
        found, value, other = run(script, **process).split()
        assert (found, value) == ("False", "40") and other != directory


@pytest.mark.parametrize("name", ["numpy", "scipy", "numba", "torch"])
def test_another_version_of_what_it_computes_with_is_another_result(monkeypatch, name):
    cached(double)(3)
    directory = keyed_directory(step, config=Config())
    assert is_cached(double, 3)
    monkeypatch.setattr(cache, "version", lambda of: "0.0" if of == name else version(of))
    cache._versions.cache_clear()
    try:
        assert not is_cached(double, 3) and keyed_directory(step, config=Config()) != directory
    finally:
        monkeypatch.undo()
        cache._versions.cache_clear()


class TestEditsWhileRunning:
    def test_nothing_is_reused_or_stored(self, directory, monkeypatch):
        assert cached(double)(3) == 6
        before = stored_files(directory)
        monkeypatch.setattr(
            cache_sources, "_STARTED", 0.0
        )  # every file is now younger than the process
        for expected in ([3, 3], [3, 3, 3]):
            with pytest.warns(UserWarning, match="edited after this process started"):
                assert cached(double)(3) == 6
            assert calls == expected
        with pytest.warns(UserWarning, match="edited"):
            assert not is_cached(double, 3)
        assert stored_files(directory) == before

    def test_a_step_gets_a_directory_of_its_own_each_time(self, directory, monkeypatch):
        monkeypatch.setattr(cache_sources, "_STARTED", 0.0)
        with pytest.warns(UserWarning, match="edited"):
            first, second = (keyed_directory(step, config=Config()) for _ in range(2))
        assert first != second and first.is_dir() and second.is_dir()
        assert not first.is_relative_to(directory)
        first.rmdir()
        second.rmdir()

    @pytest.mark.parametrize(
        "change",
        [
            "old.rename(new)",  # the older file keeps the time when it was written
            "new.rename(old.with_name('x.py')); old.rename(new); old.with_name('x.py').rename(new)",
            "new.parent.rename(new.parents[1] / 'x'); old.parent.rename(new.parent)",
            "new.write_text(old.read_text()); os.utime(new, (1e9, 1e9))",
        ],
        ids=["moved", "moved and moved back", "folder moved", "rewritten, time set back"],
    )
    def test_a_result_is_never_filed_under_the_source_of_another_file(
        self, directory, tmp_path, change
    ):
        for folder, factor in (("here/mine", 2), ("there/mine", 3)):
            package = tmp_path / folder
            package.mkdir(parents=True)
            (package / "__init__.py").touch()
            (package / "code.py").write_text(f"def times(x):\n    return {factor} * x\n")
            os.utime(package / "code.py", (1e9, 1e9))
        script = textwrap.dedent(f"""
            import os, warnings
            from pathlib import Path
            from lgl_core.disk.cache import cached, is_cached, source_hash
            from mine.code import times
            new, old = Path(r"{tmp_path}/here/mine/code.py"), Path(r"{tmp_path}/there/mine/code.py")
            warnings.simplefilter("always")
            assert cached(times)(1) == 2
            {change}
            assert cached(times)(10) == 20 and not is_cached(times, 10)
            try:
                source_hash("mine.code")
            except ValueError as error:
                print(error)
        """)
        said = run(script, LGL_CACHE=str(directory), ALSO=str(tmp_path / "here"))
        assert "mine.code was edited after this process started" in said
        assert len(stored_files(directory)) == 1  # what was computed before

    def test_an_edit_before_the_cache_is_imported_counts(self, tmp_path):
        """In a notebook, say: the library is loaded in parts, and edited in between."""
        copy = tmp_path / "lgl_core"
        shutil.copytree(ROOT / "lgl_core", copy, ignore=shutil.ignore_patterns("__py*"))
        for path in copy.rglob("*"):
            os.utime(path, (1e9, 1e9))
        script = textwrap.dedent(f"""
            import os
            from pathlib import Path
            from lgl_core.spikes import SpikeTrains
            path = Path(r"{copy}", "spikes.py")
            path.write_text(path.read_text().replace("def rates", "def rate"))
            os.utime(path, (1e9, 1e9))
            from lgl_core.disk.cache import source_hash
            try:
                source_hash("lgl_core.spikes")
            except ValueError as error:
                print(error)
        """)
        (tmp_path / "script.py").write_text(script)
        command = [sys.executable, tmp_path / "script.py"]  # it finds the copy beside itself first
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "lgl_core.spikes was edited" in said

    def test_what_is_edited_while_it_is_computed_is_not_stored(self, toy, directory):
        import importlib

        for_later = importlib.import_module("toy.lower").one
        edited = importlib.import_module("toy.base")
        unit = edited.unit

        def edit_and_give_one():
            toy("base", "return 1", "return 10")
            return unit()

        edited.unit = edit_and_give_one
        with pytest.warns(UserWarning, match=r"toy\.base was edited"):
            assert cached(for_later)() == 1
        assert not stored_files(directory)
