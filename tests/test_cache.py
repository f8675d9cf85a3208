"""The cache: what gives a hit, what must not, and what damage and haste cannot break."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from lgl_core import cache
from lgl_core.cache import cache_directory, cached, is_cached, keyed_directory, source_hash
from lgl_core.networks import Network, hub_network
from lgl_core.spikes import SpikeTrains

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


def not_storable() -> Callable[[], None]:
    return lambda: None


def failing(x: float) -> float:
    calls.append(x)
    raise RuntimeError("no result")


def step(config: Config, network: Network | None = None) -> None:
    raise NotImplementedError


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch) -> Path:
    """An empty cache, and source that counts as older than the process."""
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_STARTED", time.time() + 3600)
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

    def test_what_cannot_be_stored_is_returned_with_a_warning(self, directory):
        with pytest.warns(UserWarning, match="result not stored"):
            assert cached(not_storable)()() is None
        assert not stored_files(directory)

    def test_a_failed_write_leaves_nothing_behind(self, directory, monkeypatch):
        def refuse(*_):
            raise OSError("disk full")

        monkeypatch.setattr(Path, "replace", refuse)
        with pytest.warns(UserWarning, match="disk full"):
            assert cached(double)(3) == 6
        assert not stored_files(directory)

    def test_nothing_is_read_or_written_before_the_first_call(self, directory, monkeypatch):
        monkeypatch.setattr(cache, "_sources", lambda name: pytest.fail("source read"))
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

    def check_computed_anew(self):
        expected = np.random.default_rng(0).normal(size=200)
        with pytest.warns(UserWarning, match="damaged, computing it anew"):
            np.testing.assert_array_equal(cached(noise)(200), expected)
        assert calls == [200]
        with warnings.catch_warnings():  # and the damage is repaired
            warnings.simplefilter("error")
            np.testing.assert_array_equal(cached(noise)(200), expected)
        assert calls == [200]

    @pytest.mark.parametrize("keep", [0, 1, 64, 65, 700, -1])
    def test_a_truncated_file(self, entry, keep):
        entry.write_bytes(entry.read_bytes()[:keep])
        self.check_computed_anew()

    @pytest.mark.parametrize("where", [0, 63, 64, 70, 500, 1500, -1])
    def test_a_flipped_bit(self, entry, where):
        content = bytearray(entry.read_bytes())
        content[where] ^= 1
        entry.write_bytes(content)
        self.check_computed_anew()

    def test_something_else_in_its_place(self, entry):
        entry.write_bytes(pickle.dumps("an intruder"))
        self.check_computed_anew()

    def test_nothing_is_unpickled_before_the_checksum_is_right(self, entry, monkeypatch):
        content = bytearray(entry.read_bytes())
        content[300] ^= 1
        entry.write_bytes(content)
        monkeypatch.setattr(pickle, "loads", lambda _: pytest.fail("unpickled"))
        with pytest.warns(UserWarning, match="damaged"):
            cached(noise)(200)


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
            from test_cache import Config, double, step
            from lgl_core.cache import is_cached, keyed_directory
            from lgl_core.networks import hub_network
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
        network = hub_network(n_neurons=20)
        restored = pickle.loads(pickle.dumps(network))
        assert keyed_directory(step, network=network) == keyed_directory(step, network=restored)


def start(script: str, **environment: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(cache.__file__).parents[1])])
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
        from lgl_core.cache import cached, _write, _entry
        from test_cache import noise
        for _ in range(5):
            for n in list(range(1000, 1020))[::ORDER]:
                expected = np.random.default_rng(0).normal(size=n)
                assert np.array_equal(cached(noise)(n), expected)
                _write(_entry(noise, (n,), {}), expected)
        print("done")
    """)
    processes = [start(script.replace("ORDER", order)) for order in ("1", "-1")]
    assert [process.communicate(timeout=120)[0] for process in processes] == ["done\n"] * 2
    assert len(stored_files(directory)) == 20
    for n in range(1000, 1020):
        assert len(cached(noise)(n)) == n
    assert calls == []


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
        for module, name in (("networks_topologies", "c_elegans"), ("recordings_public", "cocult")):
            named = [file for file in cache._sources(f"lgl_core.{module}") if "/" in file]
            assert any(f"lgl_core/{name}" in file for file in named)

    @pytest.mark.slow
    def test_every_file_of_the_library_can_be_followed(self):
        package = Path(cache.__file__).parent
        for path in package.glob("[a-z]*.py"):
            source_hash(f"lgl_core.{path.stem}")

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
        assert {"test_cache", "lgl_core.cache", "lgl_core.spikes"} <= set(cache._sources(__name__))

    def test_the_librarys_own_modules(self):
        assert set(cache._sources("lgl_core.networks")) == {"lgl_core.networks"}
        assert "lgl_core.spikes" in cache._sources("lgl_core.lif")

    @pytest.mark.parametrize("name", ["lgl_core.nothing", "nowhere", "sys", "lgl_core"])
    def test_no_such_source(self, name):
        with pytest.raises(ValueError, match=f"source file, got '{name}'"):
            source_hash(name)

    def test_an_edit_makes_a_stored_result_unfindable(self, toy):
        import importlib

        four = importlib.import_module("toy.top").four
        assert cached(four)() == 4 and is_cached(four)
        directory = keyed_directory(four, seed=0)
        toy("figure", "import numpy\n", "import scipy\n")
        assert is_cached(four) and keyed_directory(four, seed=0) == directory
        toy("base", "return 1", "return 10")
        assert not is_cached(four) and keyed_directory(four, seed=0) != directory


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
        monkeypatch.setattr(cache, "_STARTED", 0.0)  # every file is now younger than the process
        for expected in ([3, 3], [3, 3, 3]):
            with pytest.warns(UserWarning, match="edited after this process started"):
                assert cached(double)(3) == 6
            assert calls == expected
        with pytest.warns(UserWarning, match="edited"):
            assert not is_cached(double, 3)
        assert stored_files(directory) == before

    def test_a_step_gets_a_directory_of_its_own_each_time(self, directory, monkeypatch):
        monkeypatch.setattr(cache, "_STARTED", 0.0)
        with pytest.warns(UserWarning, match="edited"):
            first, second = (keyed_directory(step, config=Config()) for _ in range(2))
        assert first != second and first.is_dir() and second.is_dir()
        assert not first.is_relative_to(directory)
        first.rmdir()
        second.rmdir()
