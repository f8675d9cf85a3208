"""The names that ``import lgl_core as lgl`` gives, and the README's first lines."""

import doctest
import inspect
import re
import subprocess
import sys
import warnings
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

import lgl_core as lgl
from tests.house import MODULES, ROOT


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def test_there_are_few_names_and_each_is_where_it_is_said_to_be():
    assert len(lgl.__all__) <= 25
    assert sorted(lgl._PLACES) == sorted(lgl.__all__) and set(lgl.__all__) <= set(dir(lgl))
    for name, place in lgl._PLACES.items():
        assert getattr(lgl, name) is getattr(import_module(f"lgl_core.{place}"), name)


def test_the_reference_begins_with_them():
    listed = re.findall(
        r"^   ~lgl_core\.(\S+)$", (ROOT / "book" / "api.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == sorted(f"{place}.{name}" for name, place in lgl._PLACES.items())


def test_a_folder_does_not_hide_a_name():
    """Python puts a folder that is imported under its name into the package."""
    parts = {name.split(".")[1] for name in MODULES if name.startswith("lgl_core.")}
    assert parts & set(lgl.__all__) == set()


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'lgl_core' has no attribute 'nothing'"):
        lgl.nothing  # noqa: B018


@pytest.mark.slow
def test_importing_loads_nothing_large():
    script = "import sys; import lgl_core; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert not {"torch", "matplotlib", "pandas", "numba", "scipy"} & set(loaded.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize("name", lgl.__all__)
def test_each_name_has_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    text = inspect.getdoc(getattr(lgl, name)) or ""
    assert "Examples\n--------\n" in text
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a GLM of 20 s, a model of one epoch
        results = doctest.DocTestRunner().run(test, out=said.append)
    assert results.attempted and not results.failed, "".join(said)


@pytest.mark.slow
def test_the_first_lines_of_the_readme_run(tmp_path, monkeypatch):
    """With spikes of ten seconds: the lines are those of the page, but for the duration."""
    monkeypatch.chdir(tmp_path)
    first, second = blocks("README.md")
    assert "duration=600" in first and "lgl.read(" in second
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    network = lgl.hub_network(n_neurons=20, seed=0)
    spikes = lgl.simulate(network, duration=30)
    named = pd.DataFrame({"time": spikes.times, "unit": [f"n{k}" for k in spikes.neurons]})
    named.to_csv("session.csv", index=False)
    there: dict = {}
    short = first.replace("duration=600", "duration=10").replace("seed=0", "n_neurons=20")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        exec(short.replace('"rotary"', '"rotary", size="tiny"'), there)
        exec(second.replace("session.nwb", "session.csv"), there)
    table = there["table"]
    assert set(table["method"]) == {"attention", "GLM"}
    assert list(table) == ["method", "view", "score", "value", "null_mean", "null_sd"]
    assert there["coupling"].shape == (20, 20) and np.isfinite(there["coupling"]).all()
