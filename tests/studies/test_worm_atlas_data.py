"""The measured worm: a file of the same layout, and the real one where it is there."""

import hashlib
import tomllib
from fnmatch import fnmatch

import h5py
import numpy as np
import pandas as pd
import pytest

from lgl_core.networks.topologies import c_elegans, c_elegans_neurons
from studies import worm_atlas_data
from studies.worm_atlas_data import (
    FOLDER_VARIABLE,
    c_elegans_gap_junctions,
    c_elegans_synapses,
    worm_atlas,
    worm_atlas_file,
)
from tests.house import ROOT
from tests.local_server import serving

NAMES = c_elegans_neurons()
TEXT = " ".join((ROOT / "studies" / "data" / "worm_atlas.md").read_text().split())
# Not in our order; one neuron of the pharynx, one of which we do not know the side.
THEIRS = ["I1L", "AVAL", "ADAL", "AWCON", "VD1"]
NAN = np.nan
RESPONSE = np.array([  # post in rows
    [0.1, 0.1, 0.1, 0.1, 0.1],
    [0.1, 0.1, 0.5, 0.1, NAN],
    [0.1, -0.25, 0.1, 0.1, 0.3],
    [0.1, 0.1, 0.1, 0.1, 0.1],
    [0.1, 0.125, NAN, 0.1, 0.1],
])  # fmt: skip
Q = np.array([
    [0.1, 0.1, 0.1, 0.1, 0.1],
    [0.1, 0.1, 0.001, 0.1, NAN],
    [0.1, 0.049, 0.1, 0.1, NAN],
    [0.1, 0.1, 0.1, 0.1, 0.1],
    [0.1, 0.05, 0.1, 0.1, 0.1],
])  # fmt: skip
TRIALS = np.arange(1, 26).reshape(5, 5)


def pair(pre: str, post: str) -> tuple[int, int]:
    return NAMES.index(post), NAMES.index(pre)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A server on this machine with a small file like the published one."""
    folder = tmp_path / "published"
    folder.mkdir()
    path = folder / "funatlas.h5"
    with h5py.File(path, "w") as file:
        file["neuron_ids"] = np.array([name.encode() for name in THEIRS])
        for strain, sign in (("wt", 1), ("unc31", -1)):
            file[f"{strain}/dFF"], file[f"{strain}/q"] = sign * RESPONSE, Q
            file[f"{strain}/occ1"] = TRIALS
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(worm_atlas_data, "_SHA256", checksum)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "kept"))
    with serving(folder) as url:
        monkeypatch.setattr(worm_atlas_data, "_URL", url)
        yield path


class TestReading:
    def test_columns_were_stimulated_and_names_decide_the_place(self, published):
        atlas = worm_atlas()
        expected = {("ADAL", "AVAL"): (0.5, 0.001, 8), ("AVAL", "ADAL"): (-0.25, 0.049, 12),
                    ("AVAL", "VD1"): (0.125, 0.05, 22)}  # fmt: skip
        assert atlas.measured.sum() == len(expected)
        for names, (response, q, trials) in expected.items():
            where = pair(*names)
            assert atlas.response[where] == response
            assert atlas.q[where] == q and atlas.trials[where] == trials

    def test_what_was_not_measured_is_missing_in_all_matrices(self, published):
        atlas = worm_atlas()
        for matrix in (atlas.response, atlas.q, atlas.trials):
            assert matrix.shape == (279, 279)
        np.testing.assert_array_equal(atlas.measured, np.isfinite(atlas.response))
        np.testing.assert_array_equal(atlas.measured, atlas.trials > 0)
        assert not np.diagonal(atlas.measured).any()

    def test_the_threshold_is_the_callers(self, published):
        atlas = worm_atlas()
        assert [atlas.responds(below).sum() for below in (0.01, 0.05, 0.99)] == [1, 2, 3]
        for below in (0.0, 1.0, np.nan):
            with pytest.raises(
                ValueError, match=f"below must lie strictly between 0 and 1, got {below}"
            ):
                atlas.responds(below)


class TestFetching:
    def test_nothing_is_fetched_by_looking(self, published):
        assert worm_atlas_file() is None
        assert worm_atlas_file(published.parent) == published

    def test_what_was_fetched_is_kept(self, published):
        first = worm_atlas()
        published.unlink()
        np.testing.assert_array_equal(worm_atlas().response, first.response)
        assert worm_atlas_file().parent.name == "kept"

    def test_a_file_that_is_there_is_read_where_it_is(self, published):
        assert worm_atlas(published.parent).measured.sum() == 3
        assert worm_atlas_file() is None

    def test_a_file_that_is_not_the_published_one_is_refused_and_left(self, published):
        published.write_bytes(b"another")
        with pytest.raises(ValueError, match="does not match the known hash"):
            worm_atlas()
        with pytest.raises(ValueError, match="is not the file that was published: SHA-256 must be"):
            worm_atlas(published.parent)
        assert published.read_bytes() == b"another"

    def test_without_a_folder_it_goes_to_the_users_cache(self, published, tmp_path, monkeypatch):
        monkeypatch.delenv(FOLDER_VARIABLE)
        monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
        worm_atlas()
        assert worm_atlas_file() == tmp_path / "cache" / "lgl_core" / "funatlas.h5"

    def test_a_package_that_is_missing_is_named(self, published, monkeypatch):
        def missing(package):
            raise ImportError(package)

        monkeypatch.setattr(worm_atlas_data, "import_module", missing)
        with pytest.raises(ImportError, match=r"needs h5py: pip install 'lgl_core\[data\]'"):
            worm_atlas(published.parent)
        with pytest.raises(ImportError, match="needs pooch"):
            worm_atlas()


# --- the published file ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    if worm_atlas_file() is None:
        pytest.skip(
            f"neither the environment variable {FOLDER_VARIABLE} nor the user's cache has the atlas"
        )
    return worm_atlas()


def test_the_real_matrices_agree_on_what_was_measured(real):
    np.testing.assert_array_equal(real.measured, np.isfinite(real.response))
    np.testing.assert_array_equal(real.measured, real.trials > 0)
    assert not np.diagonal(real.measured).any()


def test_the_totals_are_those_of_the_page(real):
    # A neuron was stimulated in some worms and imaged in most: rows are the fuller side.
    stimulated, imaged = real.measured.any(axis=0), real.measured.any(axis=1)
    assert not (stimulated & ~imaged).any()
    assert stimulated.sum() == 153 and imaged.sum() == 186
    told = f"{real.measured.sum()} pairs of {imaged.sum()} neurons, {stimulated.sum()} of them"
    assert told in TEXT


def test_a_famous_response(real):
    # Randi et al. (2023), their first figure: AVE and AVD excite the command neuron AVA strongly.
    assert real.responds()[pair("AVEL", "AVAL")] or real.responds()[pair("AVER", "AVAL")]


def test_responses_are_rare(real):
    assert 0.03 < real.responds().sum() / real.measured.sum() < 0.08
    assert real.responds(0.001).sum() < real.responds(0.2).sum()


# --- the wiring --------------------------------------------------------------------------------


def test_gap_junctions_are_symmetric_and_as_many_as_published():
    # Varshney et al. (2011): 514 gap junction connections, 890 junctions, three within a neuron.
    counts = c_elegans_gap_junctions()
    np.testing.assert_array_equal(counts, counts.T)
    assert np.count_nonzero(counts) == 2 * 514 and counts.sum() == 2 * 887
    assert counts.shape == c_elegans().weights.shape and not np.diagonal(counts).any()
    assert counts[pair("AVAL", "PVCL")] > 0  # the command neurons are joined


def test_synapses_are_those_that_the_network_is_made_of():
    counts, weights = c_elegans_synapses(), c_elegans().weights
    assert np.count_nonzero(counts) == 2194 and counts.sum() == 6394
    np.testing.assert_array_equal(counts > 0, weights != 0)
    excites = weights > 0
    assert np.ptp(weights[excites] / counts[excites]) < 1e-12


def test_the_gap_junctions_say_where_they_come_from():
    text = " ".join((ROOT / "lgl_core" / "networks" / "data" / "c_elegans.md").read_text().split())
    table = pd.read_csv(ROOT / "studies" / "data" / "c_elegans_gap_junctions.csv")
    assert "c_elegans_gap_junctions.csv" in text
    assert f"{len(table)} pairs, {table['junctions'].sum()} junctions" in text


def test_the_page_of_the_atlas_tells_source_and_licences():
    source = worm_atlas_data.SOURCE
    commit = source["url"].split("/")[-4]
    assert len(commit) == 40 and source["url"].endswith("/wormneuroatlas/data/funatlas.h5")
    for part in ("10.1038/s41586-023-06683-4", "GNU General Public License, version 3 or later",
                 "001075 under CC BY 4.0", "ships no part of it", FOLDER_VARIABLE, commit,
                 source["sha256"]):  # fmt: skip
        assert part in TEXT


def test_tables_and_sources_are_shipped_and_the_atlas_is_not():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["studies"]
    shipped = {path.name for path in (ROOT / "studies" / "data").iterdir()}
    assert {name for name in shipped if not name.startswith("public_networks")} == {
        "worm_atlas.md",
        "c_elegans_gap_junctions.csv",
    }
    assert all(any(fnmatch(f"data/{name}", one) for one in patterns) for name in shipped)
