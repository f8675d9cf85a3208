"""What the project says of itself in several places: the places must agree."""

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import lgl_core

ROOT = Path(__file__).parents[1]
LIBRARY = sorted((ROOT / "lgl_core").glob("[!_]*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [
    requirement
    for requirement in map(Requirement, PROJECT["dependencies"] + sum(EXTRAS.values(), []))
    if requirement.marker is None or requirement.marker.evaluate({"python_version": "3.11"})
]
CFF = yaml.safe_load((ROOT / "CITATION.cff").read_text())

# A file imports only from floors below its own. The parts of one noun (glm, glm_solvers) share a
# floor and may import each other.
FLOORS = {
    "atomic": 0,
    "fields": 0,
    "networks": 1,
    "spikes": 1,
    "metrics": 1,
    "files": 1,
    "cache": 2,
    "provenance": 1,
    "parameters": 1,
    "transformer": 1,
    "lif": 2,
    "simulators": 2,
    "tokens": 2,
    "glm": 2,
    "pairwise": 2,
    "baselines": 2,
    "masked": 2,
    "recordings": 2,
    "figures": 2,
    "training": 3,
    "extraction": 3,
    "experiment": 4,
    "studies": 5,
    "sweep": 5,
}

each_file = pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)


def noun(name):
    return name.partition("_")[0]


def imported_modules(path):
    """Yield the dotted name of every module that a file imports anywhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


# --- requirements ------------------------------------------------------------------------------


def test_environment_yml_lists_the_requirements_of_pyproject():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert dependencies[0] == "python=3.11"
    # A reader on Binder needs none of the tools that only `make bench` runs.
    readers = [EXTRAS[name] for name in ("book", "data", "cluster", "test", "dev")]
    assert dependencies[-1]["pip"] == [*PROJECT["dependencies"], *sum(readers, []), "-e ."]


def locked():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def test_lock_pins_every_requirement_within_its_range():
    pins = {canonicalize_name(pin.name): pin.specifier for pin in locked()}
    for requirement in REQUIREMENTS:
        (pin,) = pins[canonicalize_name(requirement.name)]
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"{requirement} is not {pin}"


def test_lock_is_of_no_particular_machine():
    for pin in locked():
        assert pin.url is None
        (specifier,) = pin.specifier
        assert Version(specifier.version).local is None, f"{pin} is a build of one machine"


# --- the library's house -----------------------------------------------------------------------


def imported_files(path):
    """Names of the library's other files that a file imports."""
    names = {name.split(".")[1] for name in imported_modules(path) if name.startswith("lgl_core.")}
    return names - {path.stem}


@each_file
def test_a_file_imports_only_from_floors_below(path):
    others = [name for name in imported_files(path) if noun(name) != noun(path.stem)]
    floor = FLOORS[noun(path.stem)]
    assert [name for name in others if FLOORS[noun(name)] >= floor] == []


@pytest.mark.slow
def test_no_files_import_each_other_in_a_circle():
    TopologicalSorter({path.stem: imported_files(path) for path in LIBRARY}).prepare()


@pytest.mark.slow
@each_file
def test_only_figures_draw(path):
    draws = any(name.split(".")[0] == "matplotlib" for name in imported_modules(path))
    assert not draws or path.stem.startswith("figures")


@each_file
def test_a_file_has_its_test_file_and_its_place_in_the_reference(path):
    names = (path.stem, noun(path.stem))
    assert any((ROOT / "tests" / f"test_{name}.py").is_file() for name in names)
    assert f"automodule:: lgl_core.{path.stem}\n" in (ROOT / "book" / "api.md").read_text()


@each_file
def test_a_file_can_be_read_in_one_sitting(path):
    (most,) = re.findall(r"A file above (\d+) lines", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(path.read_text().splitlines()) <= int(most)


def test_the_reference_puts_each_file_on_the_floor_of_its_noun():
    text = (ROOT / "book" / "api.md").read_text()
    stated = {
        name: int(number)
        for number, files in re.findall(r"## Floor (\d+)\n(.*?)(?=\n## |\Z)", text, re.DOTALL)
        for name in re.findall(r"automodule:: lgl_core\.(\w+)", files)
    }
    assert stated == {path.stem: FLOORS[noun(path.stem)] for path in LIBRARY}


# --- the size of a checkout --------------------------------------------------------------------


def mebibytes(paths):
    return sum(path.stat().st_size for path in paths if path.is_file()) / 2**20


def test_the_checkout_is_light():
    assert mebibytes((ROOT / "notebooks").glob("*.ipynb")) < 6
    assert mebibytes((ROOT / "results").glob("*")) < 4, "without the trained weights"
    assert all(
        mebibytes([path]) <= 3 for path in (ROOT / "results" / "models").glob("*.safetensors")
    )


# --- versions, citation, links -----------------------------------------------------------------


def test_the_version_is_the_same_everywhere():
    released = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert CFF["version"] == lgl_core.__version__ == released[1]


def test_citation_names_this_software_and_the_paper():
    assert CFF["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(CFF)
    (paper,) = CFF["references"]
    assert {"type", "title", "authors"} <= set(paper)
    assert paper["identifiers"][0]["value"].endswith("2508.16776")


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *sorted(p.name for p in (ROOT / "book").glob("*.md"))]
)
def test_files_that_a_page_names_exist(page):
    path = ROOT / page if (ROOT / page).is_file() else ROOT / "book" / page
    named = re.findall(
        r"`([\w./-]+\.(?:py|md|yaml)|(?:lgl_core|tests|notebooks)/)`", path.read_text()
    )
    folders = [ROOT, ROOT / "lgl_core", ROOT / "tests"]  # tables name files of these two alone
    missing = [name for name in named if not any((folder / name).exists() for folder in folders)]
    assert [name for name in missing if "NAME" not in name] == []


def test_the_address_of_the_repository_stands_in_one_place():
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    pages = [*ROOT.glob("*.*"), *ROOT.glob("book/*.md"), *ROOT.glob("notebooks/*.md")]
    assert [path.name for path in pages if path.is_file() and address in path.read_text()] == [
        "_config.yml"
    ]
