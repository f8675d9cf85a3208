"""Networks that others made: files of the same layouts, and the real ones where they are."""

import hashlib
import os
import pickle

import numpy as np
import pytest

from studies import _public_files, public_networks
from studies.public_networks import (
    FOLDER_VARIABLE,
    KINDS,
    SHARES,
    WITH_VOLTAGES,
    public_network,
    public_voltages,
    read_izhikevich,
    read_point_process,
    read_spycon,
    read_voltages,
)

HERE = os.environ.get(FOLDER_VARIABLE)
with_files = pytest.mark.skipif(
    not HERE, reason=f"{FOLDER_VARIABLE} names no folder with the files of others"
)


def spycon_fields():
    edges = [(pre, post, np.nan if pre == post else 0.0) for pre in range(3) for post in range(3)]
    edges = np.array(edges)
    edges[1, 2] = 2e-10  # from 0 to 1
    return {
        "times": np.array([0.3, 0.1, 1.25]),
        "ids": np.array([1, 0, 2], np.int32),
        "nodes": np.arange(3),
        "marked_edges": edges,
    }


def in_npz(folder, **changes):
    path = folder / "test.npz"
    np.savez(path, **{k: v for k, v in (spycon_fields() | changes).items() if v is not None})
    return path


def test_a_test_of_spycon_is_read_in_order_with_posts_in_rows(tmp_path):
    network = read_spycon(in_npz(tmp_path))
    np.testing.assert_array_equal(network.spikes.times, [0.1, 0.3, 1.25])
    np.testing.assert_array_equal(network.spikes.neurons, [0, 1, 2])
    assert network.spikes.duration == 2 and not network.signed
    assert network.weights[1, 0] == 2e-10 and np.count_nonzero(network.weights) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": None}, "it must have ids"),
        ({"ids": np.array([0, 1])}, "ids must be one per spike"),
        ({"ids": np.array([0, 1, 3])}, "ids must be among nodes"),
        ({"nodes": np.array([1, 2, 3])}, "nodes must count from 0 up"),
        ({"times": np.array([0.1, np.nan, 0.2])}, "times must be seconds"),
        ({"times": np.array([0.1, -1.0, 0.2])}, "times must be seconds"),
        ({"marked_edges": np.zeros((3, 3))}, "marked_edges must have 9 rows"),
        ({"marked_edges": np.zeros((9, 3))}, "marked_edges must have each pair once"),
        (
            {"marked_edges": np.nan_to_num(spycon_fields()["marked_edges"])},
            "marked_edges must be NaN from a neuron to itself",
        ),
        (
            {"marked_edges": spycon_fields()["marked_edges"] * [1, 1, -1]},
            "marked_edges must have strengths from 0 up",
        ),
    ],
)
def test_a_broken_test_of_spycon_names_file_and_field(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"test\.npz: {message}"):
        read_spycon(in_npz(tmp_path, **changes))


def test_what_is_no_file_of_arrays_is_named(tmp_path):
    path = tmp_path / "test.npz"
    path.write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match=r"test\.npz must be a file of arrays"):
        read_spycon(path)


def in_text(folder, firings="3,2\n3,1\n1,3\n", wiring="0,5,-0\n0,0,-5\n5,0,0\n"):
    paths = folder / "firings.txt", folder / "connectivity.txt"
    for path, text in zip(paths, (firings, wiring), strict=True):
        path.write_text(text)
    return paths


def test_izhikevich_networks_are_read_with_posts_in_rows(tmp_path):
    network = read_izhikevich(*in_text(tmp_path))
    np.testing.assert_allclose(network.spikes.times, [0.5e-3, 2.5e-3, 2.5e-3])
    assert network.spikes.neurons[0] == 2 and set(network.spikes.neurons[1:]) == {0, 1}
    assert network.spikes.duration == 5.0 and network.signed
    np.testing.assert_array_equal(network.weights, [[0, 5, 0], [0, 0, -5], [5, 0, 0]])


def test_spikes_of_one_step_do_not_stand_by_id(tmp_path):
    firings = "".join(f"{step},{neuron}\n" for step in range(1, 200) for neuron in (1, 2, 3))
    spikes = read_izhikevich(*in_text(tmp_path, firings)).spikes
    firsts = spikes.neurons[::3]
    assert np.bincount(firsts, minlength=3).min() > 40
    again = read_izhikevich(*in_text(tmp_path, firings)).spikes
    np.testing.assert_array_equal(again.neurons, spikes.neurons)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"firings": "1,4\n"}, r"firings\.txt: neurons must lie in 1 to 3"),
        ({"firings": "0,1\n"}, r"firings\.txt: steps must lie in 1 to 5000"),
        ({"firings": "5001,1\n"}, r"firings\.txt: steps must lie in 1 to 5000"),
        ({"firings": "1.5,1\n"}, r"firings\.txt: steps and neurons must be whole"),
        ({"firings": "1,1\n1,1\n"}, r"firings\.txt: a neuron fires twice"),
        ({"firings": "1,1,1\n"}, r"firings\.txt: there must be two columns, got 3"),
        ({"firings": "one,1\n"}, r"firings\.txt must be numbers"),
        ({"wiring": "0,5\n"}, r"connectivity\.txt: the matrix must be square"),
        ({"wiring": "5,0\n0,0\n"}, r"connectivity\.txt: the diagonal must be zero"),
        ({"wiring": "0,0,5\n0,0,-5\n0,0,0\n"}, r"connectivity\.txt: a column must be of one sign"),
        ({"wiring": "0,nan\n0,0\n"}, r"connectivity\.txt: it must hold finite numbers"),
    ],
)
def test_a_broken_izhikevich_network_names_file_and_field(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        read_izhikevich(*in_text(tmp_path, **changes))


def in_columns(folder, **changes):
    """Potentials of the three neurons of :func:`in_text`, and its spikes."""
    table = np.full((3, 5001), -60.0)
    table[[0, 1, 2], [2, 2, 0]] = 30.0, 90.0, 31.0
    for place, value in changes.items():
        table[tuple(map(int, place[1:].split("_")))] = value
    path = folder / "v_alltimes.txt"
    np.savetxt(path, table, delimiter=",")
    return path, read_izhikevich(*in_text(folder)).spikes


def test_voltages_are_read_with_steps_in_rows(tmp_path):
    series = read_voltages(*in_columns(tmp_path))
    assert series.shape == (5000, 3) and series.max() == 90.0
    np.testing.assert_array_equal(np.argwhere(series > 0), [[0, 2], [2, 0], [2, 1]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"_0_7": np.nan}, "it must hold finite numbers"),
        ({"_1_7": 40.0}, r"must reach 30 mV where .* got 1 other steps of neuron 1: take the file"),
        ({"_2_0": 20.0}, r"must reach 30 mV where .* got 1 other steps of neuron 2"),
    ],
)
def test_voltages_that_do_not_fit_the_spikes_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"v_alltimes\.txt: .*{message}"):
        read_voltages(*in_columns(tmp_path, **changes))


def test_voltages_of_another_size_are_named(tmp_path):
    path, spikes = in_columns(tmp_path)
    path.write_text("1,2\n3,4\n")
    with pytest.raises(ValueError, match=r"its shape must be \(3, 5001\), got \(2, 2\)"):
        read_voltages(path, spikes)


def point_process_fields():
    beta = np.zeros((2, 2, 3))
    beta[0, 1], beta[1, 0] = [0.5, 0.2, 0.1], [-0.4, -0.1, 0.0]  # [pre, post]
    sign = np.sign(beta[:, :, 0]).astype(int)
    return {"dN": np.array([[0.0, 1, 1, 0], [1, 0, 1, 0]]), "beta": beta, "pos_beta": sign}


def in_pickle(folder, content=None, **changes):
    path = folder / "test.p"
    path.write_bytes(pickle.dumps(content or point_process_fields() | changes))
    return path


def test_a_point_process_is_read_with_posts_in_rows(tmp_path):
    network = read_point_process(in_pickle(tmp_path))
    np.testing.assert_allclose(network.spikes.times, [0.5e-3, 1.5e-3, 2.5e-3, 2.5e-3])
    np.testing.assert_array_equal(network.spikes.neurons[:2], [1, 0])
    assert network.spikes.duration == 4e-3 and network.signed
    np.testing.assert_allclose(network.weights, [[0, -0.5], [0.8, 0]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dN": None}, "it must have an array dN"),
        ({"dN": np.full((2, 4), 2.0)}, "dN must be rows of 0 and 1"),
        ({"beta": np.zeros((3, 3, 2))}, "beta must be of 2 x 2 pairs"),
        ({"beta": np.ones((2, 2, 2))}, "beta must be zero from a neuron to itself"),
        ({"beta": np.full((2, 2, 2), np.nan)}, "beta must be finite"),
        ({"pos_beta": np.ones((2, 2), int)}, "pos_beta must have the signs of beta"),
        ({"content": [1, 2]}, "it must be a dictionary"),
    ],
)
def test_a_broken_point_process_names_file_and_field(tmp_path, changes, message):
    with pytest.raises(ValueError, match=rf"test\.p: {message}"):
        read_point_process(in_pickle(tmp_path, **changes))


class Harmful:
    def __reduce__(self):
        return os.getenv, ("HOME",)


@pytest.mark.parametrize("content", [Harmful(), {"dN": Harmful()}, print])
def test_a_pickle_that_runs_something_is_refused(tmp_path, content):
    path = tmp_path / "test.p"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"test\.p must be a pickle of arrays: it asks for"):
        read_point_process(path)
    path.write_bytes(b"no pickle")
    with pytest.raises(ValueError, match=r"test\.p must be a pickle of arrays"):
        read_point_process(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("elsewhere", "", 0), "source must be one of spycon, izhikevich, point process"),
        (("izhikevich", "40 neurons, 20 % connected", 0), "kind must be one of 5 neurons"),
        (("izhikevich", "5 neurons, 20 % connected", 10), "number must lie in 0 to 9, got 10"),
    ],
)
def test_what_there_is_none_of_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        public_network(*arguments)


@pytest.fixture
def mirrored(tmp_path, monkeypatch):
    """A folder of files like the published ones, and a list of their checksums."""
    flag = "data/neuronSpikeSim_woUU_C_6_K_1500_exp_0.p"
    path = tmp_path / "mirror" / "gaurav71531" / "spikeNetwork" / flag
    path.parent.mkdir(parents=True)
    in_pickle(path.parent).rename(path)
    registry = tmp_path / "registry.txt"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    registry.write_text(f"gaurav71531/spikeNetwork/{flag} {digest}\n")
    monkeypatch.setattr(_public_files, "_REGISTRY", registry)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "mirror"))
    return path


def test_a_folder_that_the_variable_names_takes_the_place_of_the_download(mirrored):
    network = public_network("point process", "woUU, 1500 steps", 0)
    assert network.weights[1, 0] == pytest.approx(0.8)
    mirrored.write_bytes(b"other")
    with pytest.raises(ValueError, match="is not the file that was published: SHA-256 must be"):
        public_network("point process", "woUU, 1500 steps", 0)
    with pytest.raises(ValueError, match=r"exp_1\.p is not one of the files in registry\.txt"):
        public_network("point process", "woUU, 1500 steps", 1)


def test_a_file_that_cannot_be_had_names_the_variable(mirrored, monkeypatch):
    mirrored.unlink()
    monkeypatch.setattr(_public_files, "_HOST", "http://127.0.0.1:9")  # nobody answers there
    with pytest.raises(OSError, match=f"set {FOLDER_VARIABLE} to a folder that holds it"):
        public_network("point process", "woUU, 1500 steps", 0)


def test_every_network_has_its_files_in_the_list():
    listed = _public_files._REGISTRY.read_text()
    n_izhikevich = sum(KINDS["izhikevich"].values())
    n_others = 1 + sum(KINDS["point process"].values())
    n_voltages = sum(len(numbers) for numbers in WITH_VOLTAGES.values()) * len(SHARES)
    assert listed.count("v_alltimes") == n_voltages
    assert listed.count("\n") == n_others + 2 * n_izhikevich + n_voltages
    text = (_public_files._REGISTRY.parent / "public_networks.md").read_text()
    assert all(one in text for pair in _public_files._COMMITS.items() for one in pair)


@with_files
def test_the_real_files_are_what_the_page_says():
    for source, kinds in KINDS.items():
        for kind, n in kinds.items():
            for number in {0, n - 1}:
                network = public_network(source, kind, number)
                assert len(network.spikes) > 500
                assert not np.diagonal(network.weights).any()
                full = np.count_nonzero(network.weights) == network.weights.size - len(
                    network.weights
                )
                assert full or source != "point process", "every pair is connected there"


@with_files
def test_the_real_voltages_fit_their_spikes():
    for n, numbers in WITH_VOLTAGES.items():
        network, series = public_voltages(f"{n} neurons, 60 % connected", numbers[-1])
        assert series.shape == (5000, n) and len(network.weights) == n
        assert -110 < series.min() < -60


@with_files
def test_nobody_unseen_drives_the_point_process():
    """The files called wUU are said to have unseen inputs; their couplings are all zero."""
    for kind in KINDS["point process"]:
        flag, length = kind.removesuffix(" steps").split(", ")
        for number in range(5):
            path = f"data/neuronSpikeSim_{flag}_C_6_K_{length}_exp_{number}.p"
            fields = _public_files.unpickled(
                _public_files.fetched("gaurav71531/spikeNetwork", path)
            )
            assert not np.any(fields["gammaUU"])


@with_files
def test_an_excitatory_neuron_is_followed_by_those_it_drives():
    """The orientation, by the spikes themselves: the step after a spike, in columns and in rows."""
    gains = []
    for number in range(5):
        network = public_network("izhikevich", "10 neurons, 20 % connected", number)
        bins = network.spikes.binned(1e-3).astype(float)
        excess = np.zeros((10, 10))
        for lag in (1, 2, 3):
            later, earlier = bins[lag:] - bins.mean(axis=0), bins[:-lag] - bins.mean(axis=0)
            excess += later.T @ earlier
        synapse = network.weights > 0
        gains.append(excess[synapse].mean() - excess.T[synapse & ~synapse.T].mean())
    assert min(gains) > 0
    assert public_networks._STEP == 1e-3
