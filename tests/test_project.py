"""What the project says of itself in several places: the places must agree."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import lgl_core
from tests.house import MODULES, PACKAGES, PUBLIC, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = [
    requirement
    for requirement in map(Requirement, PROJECT["dependencies"] + sum(EXTRAS.values(), []))
    if requirement.marker is None or requirement.marker.evaluate({"python_version": "3.11"})
]
CFF = yaml.safe_load((ROOT / "CITATION.cff").read_text())

# A folder imports only from folders below it; what stands in the root of the library counts as one
# by itself. The files of a folder may import each other, but not in a circle.
FLOORS = {
    "lgl_core.fields": 0,
    "lgl_core.command": 0,
    "lgl_core.graphs": 0,
    "lgl_core.disk": 1,
    "lgl_core.spikes": 1,
    "lgl_core.networks": 1,
    "lgl_core.metrics": 1,
    "lgl_core.simulation": 2,
    "lgl_core.transformer": 2,
    "lgl_core.glm": 2,
    "lgl_core.recordings": 2,
    "lgl_core.figures": 2,
    "lgl_core.baselines": 3,  # a masked transformer among them
    "lgl_core.extraction": 3,
    "lgl_core.experiment": 4,
    "lgl_core.wiring": 5,
    "lgl_core.whole_path": 5,
    "lgl_core.sweep": 6,
    "studies.names": 5,
    "studies": 6,
    "studies.figures": 7,
    "studies.evidence": 7,  # no text waits for drawing
    "studies.still_figures": 8,  # scores, and a figure of them
}
# Most lines, and most public names, of each package: who adds, removes. What is aimed at is 13,000
# lines and 180 names for the library, 6,000 lines for the studies. There is room for a topology and
# a score, which new members add in their first hour, and whose tests they are told to run.
BUDGETS = {"lgl_core": (24_550, 325), "studies": (14_780, 503)}

each_file = pytest.mark.parametrize("name", MODULES)


def folder(name):
    """The entry of FLOORS to which a file belongs."""
    return name if name in FLOORS else name.rpartition(".")[0]


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


def test_binder_and_the_container_open_the_page_that_needs_nothing_computed():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    first = "notebooks/00_whole_path.ipynb"
    assert container["customizations"]["codespaces"]["openFiles"] == [first]
    assert container["postCreateCommand"] == "make environment"
    for text in ("README.md", "book/rerun.md"):
        (link,) = re.findall(r"https://mybinder.org/v2/gh/(\S+?)\)", (ROOT / text).read_text())
        assert link == f"{address.partition('.com/')[2]}/main?labpath={quote(first, safe='')}"
    # It reads no result of a study and no cache entry: a fresh machine has neither.
    assert not re.search(r"\bload\(|\brun\(", (ROOT / "notebooks/00_whole_path.md").read_text())


def locked(name="requirements.lock"):
    """Pins of a lock file, each with the hashes of its files."""
    lines = (ROOT / name).read_text().replace("\\\n", "").splitlines()
    for line in lines:
        if not line.startswith("#"):
            pin, *hashes = line.split(" --hash=")
            yield Requirement(pin), {one.strip() for one in hashes}


def test_lock_pins_every_requirement_within_its_range():
    pins = {canonicalize_name(pin.name): pin.specifier for pin, _ in locked()}
    for requirement in REQUIREMENTS:
        (pin,) = pins[canonicalize_name(requirement.name)]
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"{requirement} is not {pin}"


def test_lock_is_of_no_particular_machine():
    for pin, _ in locked():
        assert pin.url is None
        (specifier,) = pin.specifier
        assert Version(specifier.version).local is None, f"{pin} is a build of one machine"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-cpu.lock"])
def test_lock_has_a_hash_for_every_package_and_no_address(name):
    for pin, hashes in locked(name):
        assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), pin
    assert "://" not in (ROOT / name).read_text() and "--index" not in (ROOT / name).read_text()


def test_the_build_of_torch_without_cuda_is_of_the_version_in_the_lock():
    ((cpu, hashes),) = locked("requirements-cpu.lock")
    ((ordinary, others),) = [pair for pair in locked() if pair[0].name == "torch"]
    assert str(cpu.specifier) == f"{ordinary.specifier}+cpu"
    assert not hashes & others


def with_hashes(folder, packages):
    """Run the step of `make environment` that gives packages their hashes."""
    found = [
        {"metadata": {"name": name, "version": version}, "download_info": about}
        for name, version, about in packages
    ]
    report = folder / "report.json"
    report.write_text(json.dumps({"install": found}))
    command = [sys.executable, ROOT / ".ci" / "with_hashes.py", report]
    locks = [ROOT / "requirements.lock", ROOT / "requirements-cpu.lock"]
    return subprocess.run([*command, *locks], capture_output=True, text=True)


def test_what_is_installed_gets_the_hashes_of_its_own_version(tmp_path):
    project = ("lgl_core", lgl_core.__version__, {"dir_info": {}})
    torch = [("torch", "2.13.0+cpu", {})]
    done = with_hashes(tmp_path, [project, *torch, ("Jinja2", version_of("jinja2"), {})])
    assert done.returncode == 0, done.stderr
    cpu, jinja = done.stdout.splitlines()
    assert cpu.count("--hash=sha256:") == 2 and cpu.startswith("torch==2.13.0+cpu ")
    assert jinja.startswith(f"jinja2=={version_of('jinja2')} --hash=sha256:")


def version_of(name):
    ((pin, _),) = [pair for pair in locked() if pair[0].name == name]
    return next(iter(pin.specifier)).version


@pytest.mark.parametrize("package", [("jinja2", "0.1"), ("left-pad", "1.0")])
def test_what_no_lock_knows_is_not_installed(tmp_path, package):
    done = with_hashes(tmp_path, [(*package, {})])
    assert done.returncode and not done.stdout
    assert f"needs {package[0]} {package[1]}, of which" in done.stderr


# --- what runs on GitHub -----------------------------------------------------------------------

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


@pytest.mark.parametrize("path", [*(ROOT / ".github").rglob("*.yml")], ids=lambda path: path.stem)
def test_actions_of_others_are_pinned_to_a_commit(path):
    used = re.findall(r"uses: *(\S+)(.*)", path.read_text())
    assert used
    for action, comment in used:
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", action), action
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), f"{action}: of which version?"


@each_workflow
def test_a_workflow_may_only_read_and_a_job_says_what_else_it_needs(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job.get("permissions", {}) != "write-all"
        checkouts = [s for s in job["steps"] if s.get("uses", "").startswith("actions/checkout@")]
        assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_two_jobs_may_write_and_each_only_what_it_publishes():
    writing = {
        (path.stem, name): job["permissions"]
        for path in WORKFLOWS
        for name, job in yaml.safe_load(path.read_text())["jobs"].items()
        if "permissions" in job
    }
    assert writing == {
        ("pages", "publish"): {"pages": "write", "id-token": "write"},
        ("release", "release"): {"contents": "write"},
    }


def test_the_lock_is_audited_and_more_random_input_tried_every_week():
    text = (ROOT / ".github" / "workflows" / "weekly.yml").read_text()
    assert "run: make audit\n" in text and "run: make fuzz\n" in text
    assert "schedule" in yaml.safe_load(text)[True]  # YAML 1.1 reads "on" as True


# --- the library's house -----------------------------------------------------------------------


def imported_files(name):
    """Names of the project's other files that a file imports."""
    return {other for other in imported_modules(MODULES[name]) if other in MODULES} - {name}


def test_the_folders_are_those_of_the_plan():
    assert {folder(name) for name in MODULES} == set(FLOORS)


@each_file
def test_a_folder_imports_only_from_folders_below(name):
    others = [other for other in imported_files(name) if folder(other) != folder(name)]
    assert [other for other in others if FLOORS[folder(other)] >= FLOORS[folder(name)]] == []


@each_file
def test_a_file_that_begins_with_an_underscore_serves_its_folder_alone(name):
    private = [other for other in imported_files(name) if "._" in f".{other.rpartition('.')[2]}"]
    assert [other for other in private if folder(other) != folder(name)] == []


def test_only_the_root_hands_names_on():
    packages = [path for top in PACKAGES for path in (ROOT / top).rglob("__init__.py")]
    for path in set(packages) - {ROOT / "lgl_core" / "__init__.py"}:
        (docstring,) = ast.parse(path.read_text()).body
        assert isinstance(docstring, ast.Expr), path


def test_no_files_import_each_other_in_a_circle():
    TopologicalSorter({name: imported_files(name) for name in MODULES}).prepare()


@each_file
def test_only_figures_draw(name):
    draws = any(one.split(".")[0] == "matplotlib" for one in imported_modules(MODULES[name]))
    assert not draws or ".figures." in name


def import_of(name):
    """What imports a file, also within the text of a script."""
    parent, _, stem = name.rpartition(".")
    return rf"\b{re.escape(name)}\b|from {re.escape(parent)} import [^\n]*\b{stem}\b"


def test_tests_mirror_the_folders_and_reach_every_public_file():
    tests = [*(ROOT / "tests").rglob("test_*.py")]
    texts = "\n".join(path.read_text() for path in tests)
    forgotten = [name for name in PUBLIC if not re.search(import_of(name), texts)]
    assert forgotten == []
    mirrored = {path.parent.relative_to(ROOT / "tests") for path in tests}
    folders = {path.parent.relative_to(ROOT) for path in MODULES.values()}
    assert {Path(*f.parts[f.parts[0] == "lgl_core" :]) for f in folders} == mirrored


@each_file
def test_a_file_can_be_read_in_one_sitting(name):
    (most,) = re.findall(r"A file above (\d+) lines", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(MODULES[name].read_text().splitlines()) <= int(most)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_keeps_its_budget(package):
    files = [MODULES[name] for name in MODULES if name.split(".")[0] == package]
    lines = sum(len(path.read_text().splitlines()) for path in files)
    names = sum(
        len(import_module(name).__dict__.get("__all__", ()))
        for name in PUBLIC
        if name.split(".")[0] == package
    )
    most_lines, most_names = BUDGETS[package]
    assert lines <= most_lines and names <= most_names, (
        f"{package} has {lines:,} lines and {names} public names, its budget is {most_lines:,} and "
        f"{most_names}: remove what nothing uses, or raise BUDGETS in tests/test_project.py and "
        "say why in the commit"
    )


def test_the_reference_lists_every_folder():
    text = (ROOT / "book" / "api.md").read_text()
    assert len(text.splitlines()) <= 150
    listed = re.findall(r"^   ((?:lgl_core|studies)[\w.]*)$", text, re.MULTILINE)
    within = [name for name in MODULES if any(f"{name}.".startswith(f"{top}.") for top in listed)]
    assert within == list(MODULES)


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
