"""What can be fetched is what was published, and is read as its files say."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from lgl_core.recordings import public
from lgl_core.recordings.public import FOLDER_VARIABLE, coculture
from lgl_core.recordings.session import read
from tests.local_server import serving

PEAKS = {"B10": [[3, 9.5], [40_000, 8.0]], "A04": [[2, 30.0], [3, 31.0], [50_000, 29.5]], "C03": []}


def same(session, other):
    return session.units == other.units and all(
        np.array_equal(getattr(session.spikes, name), getattr(other.spikes, name))
        for name in ("times", "neurons", "duration")
    )


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server on this machine with three files like those of the culture."""
    folder = tmp_path / "published"
    folder.mkdir()
    for electrode, peaks in PEAKS.items():
        lines = [[100_000, 0], *peaks]
        text = "".join(f"   {sample:.7e}   {height:.7e}\n" for sample, height in lines)
        (folder / f"ptrain_{electrode}.txt").write_text(text)
    registry = tmp_path / "registry.txt"
    registry.write_text(
        "".join(
            f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
            for path in sorted(folder.iterdir())
        )
    )
    monkeypatch.setattr(public, "_REGISTRY", registry)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "kept"))
    with serving(folder) as url:
        monkeypatch.setattr(public, "_URL", url)
        yield folder


class TestFetching:
    def test_spikes_of_all_electrodes_in_seconds(self, published):
        session = coculture()
        assert session.units == ("A04", "B10")
        assert session.spikes.duration == 10.0
        assert session.spikes.times.tolist() == [2e-4, 3e-4, 3e-4, 4.0, 5.0]
        assert session.spikes.neurons.tolist() == [0, 0, 1, 1, 0]

    def test_what_was_fetched_is_kept(self, published):
        first = coculture()
        for path in published.iterdir():
            path.unlink()
        assert same(coculture(), first)

    def test_a_file_that_is_not_the_published_one(self, published):
        (published / "ptrain_A04.txt").write_text("1.0e5 0\n")
        with pytest.raises(ValueError, match="does not match the known hash"):
            coculture()

    def test_electrodes_below_a_rate_are_left_out(self, published):
        assert coculture(min_rate=0.25).units == ("A04",)
        with pytest.raises(ValueError, match=r"min_rate must be at most 0\.3 Hz, got 1"):
            coculture(min_rate=1)


def test_one_file_of_all_electrodes_gives_the_same(published, tmp_path):
    samples = np.array([2, 3, 3, 40_000, 50_000], dtype=np.uint32)
    np.savez(
        tmp_path / "coculture_div18.npz",
        sample=samples,
        electrode=np.array([0, 0, 1, 1, 0], dtype=np.uint8),
        labels=np.array(["A04", "B10", "C03"]),
        sampling_rate_hz=10_000.0,
        duration_s=10.0,
    )
    assert same(coculture(folder=tmp_path), coculture())


def test_the_registry_names_every_electrode_once():
    lines = public._REGISTRY.read_text().split("\n")[:-1]
    names, sums = zip(*map(str.split, lines), strict=True)
    electrodes = {name.rpartition("_")[2] for name in names}
    assert len(electrodes) == len(names) == 120
    assert {name[0] for name in electrodes} == set("ABCDEFGHJKLM")
    assert {len(checksum) for checksum in sums} == {64}


def test_the_command_writes_a_file(published, tmp_path, monkeypatch, capsys):
    path = tmp_path / "culture.csv"
    monkeypatch.setattr("sys.argv", ["recordings_public", str(path)])
    public.main()
    assert "5 spikes of 2 neurons" in capsys.readouterr().out
    assert read(path).units == ("A04", "B10")


FOLDER = os.environ.get(FOLDER_VARIABLE)


@pytest.mark.skipif(
    not (FOLDER and Path(FOLDER).is_dir()),
    reason=f"the environment variable {FOLDER_VARIABLE} names no folder with the co-culture",
)
def test_the_culture_is_as_it_was_published():
    session = coculture(folder=FOLDER)
    assert len(session.units) == 97
    assert len(session.spikes) == 1_319_137
    assert session.spikes.duration == 1199.6
