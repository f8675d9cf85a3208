"""What `make new-notebook` and `make new-topology` write is correct as it stands."""

import importlib.util
import os
import shutil
import subprocess
import sys

import pytest
import yaml

from tests import test_notebooks
from tests.house import ROOT


def new():
    """The script, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("new", ROOT / "templates" / "new.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the script touches."""
    for folder in ("lgl_core", "tests/networks", "notebooks", "templates"):
        ignore = shutil.ignore_patterns("__pycache__", "*.ipynb", "[0-9]*.md")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignore)
    for file in ("tests/__init__.py", "tests/house.py", "_toc.yml", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


@pytest.mark.slow
def test_a_new_topology_passes_its_tests_and_is_found_by_its_name(checkout, capsys):
    new().main(["topology", "ring_of_rings", "--root", str(checkout)])
    tests = [f"tests/networks/test_{name}.py" for name in ("ring_of_rings", "makers")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    ruff = [sys.executable, "-m", "ruff", "check", "lgl_core/networks", "tests/networks"]
    checked = subprocess.run(ruff, cwd=checkout, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    makers = (checkout / "lgl_core" / "networks" / "makers.py").read_text()
    assert '    "ring_of_rings": ring_of_rings,\n}\n' in makers  # the first one stays the default
    assert "topology: [ring_of_rings]" in capsys.readouterr().out


@pytest.mark.slow
def test_a_new_notebook_is_a_correct_pair_in_the_table_of_contents(checkout):
    new().main(["notebook", "77_my_question", "--root", str(checkout)])
    path = checkout / "notebooks" / "77_my_question.ipynb"
    for check in (
        test_notebooks.test_both_sides_of_the_pair_agree,
        test_notebooks.test_was_executed_from_top_to_bottom,
        test_notebooks.test_holds_no_error_and_no_warning,
        test_notebooks.test_has_one_cell_of_typed_and_commented_parameters,
        test_notebooks.test_ends_with_something_to_try,
        test_notebooks.test_glued_numbers_can_be_formatted,
        test_notebooks.test_figures_have_a_palette_and_fit_a_screen,
    ):
        check(path)
    contents = yaml.safe_load((checkout / "_toc.yml").read_text())
    (part,) = [one for one in contents["parts"] if one["caption"] == "Beyond the paper"]
    assert part["chapters"][-1] == {"file": "notebooks/77_my_question"}


@pytest.mark.parametrize(
    ("what", "name"), [("notebook", "my_question"), ("topology", "small-world"), ("topology", "")]
)
def test_a_name_that_cannot_be_is_refused_with_one_that_can(what, name, tmp_path, capsys):
    with pytest.raises(SystemExit) as refused:
        new().main([what, name, "--root", str(tmp_path)])
    assert refused.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("NAME must be") and repr(name) in said and not list(tmp_path.iterdir())


def test_nothing_is_written_over(checkout, capsys):
    with pytest.raises(SystemExit):
        new().main(["topology", "motifs", "--root", str(checkout)])
    assert "motifs.py already: take another NAME" in capsys.readouterr().err
