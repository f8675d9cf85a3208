"""Every result says where it comes from."""

import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from lgl_core.disk import provenance
from lgl_core.disk.provenance import machine, peak_mb


def test_names_the_versions_that_are_installed_and_says_which_are_not():
    versions = machine(["numpy", "no-such-package"])["versions"]
    assert versions == {"numpy": version("numpy"), "no-such-package": "not installed"}


def test_can_be_written_to_json_and_read_back():
    here = machine()
    assert json.loads(json.dumps(here)) == here
    assert all(here.values())


@pytest.mark.slow
def test_memory_that_was_taken_and_given_back_is_remembered():
    before = peak_mb()
    np.ones(int((before + 100) * 2**17)).sum()  # 2**17 numbers are 1 MB
    assert peak_mb() >= before + 99


def test_a_commit_is_named_and_whether_it_is_what_runs():
    found = provenance.commit()
    assert set(found) == {"commit", "clean"}
    assert found["commit"] is None or len(found["commit"]) == 40


def test_only_the_library_can_be_other_than_its_commit(monkeypatch, tmp_path):
    package, results = tmp_path / "lgl_core", tmp_path / "results"
    studies = tmp_path / "studies"
    for folder in (package, results, studies):
        folder.mkdir()
        (folder / "file.py").write_text("1\n")
    name = ["-c", "user.name=x", "-c", "user.email=x@x"]
    for arguments in (["init"], ["add", "."], [*name, "commit", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)
    monkeypatch.setattr(provenance, "__file__", str(package / "disk" / "provenance.py"))
    (results / "file.py").write_text("2\n")
    assert provenance.commit()["clean"]
    (package / "new.py").write_text("1\n")
    assert not provenance.commit()["clean"]
    (package / "new.py").unlink()
    (package / "file.py").write_text("2\n")
    assert not provenance.commit()["clean"]
    (package / "file.py").write_text("1\n")
    (studies / "file.py").write_text("2\n")
    assert provenance.commit()["clean"] and not provenance.commit(studies)["clean"]


def test_outside_a_checkout_there_is_no_commit(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "disk" / "provenance.py"))
    assert provenance.commit() == {"commit": None, "clean": False}


def is_in_history(commit):
    """Tell whether a commit is of this checkout; other tests ask it, too."""
    git = ["git", "-C", str(Path(__file__).parent)]
    shallow = subprocess.run(
        [*git, "rev-parse", "--is-shallow-repository"], capture_output=True, text=True, check=False
    )
    if shallow.stdout.strip() != "false":
        pytest.skip("there is no history to look in")
    command = [*git, "merge-base", "--is-ancestor", commit, "HEAD"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_commit_that_never_was_is_not_found():
    assert not is_in_history("0" * 40)
