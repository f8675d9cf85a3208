"""The list of connections: what is in it, at which rate of false ones, and where it is saved."""

import sys

import networkx
import numpy as np
import pandas as pd
import pytest

import lgl_core as lgl
from lgl_core.glm.config import GLMConfig
from lgl_core.metrics.decisions import decision_scores
from lgl_core.recordings.session import Session
from lgl_core.simulation.lif import LIFParams, simulate
from lgl_core.spikes import SpikeTrains
from lgl_core.wiring import COLUMNS, _untold, connections, main, write_connections
from tests.glm.test_inference import independent

NETWORK = lgl.hub_network(n_neurons=30, seed=2)
METHODS = ("glm", "ccg")


def listed(spikes, **options):
    return connections(spikes, cache=False, progress=False, **options)


def called(table, n_neurons):
    graph = np.zeros((n_neurons, n_neurons))
    graph[table["post"], table["pre"]] = table["sign"]
    return graph


@pytest.fixture(scope="module")
def spikes():
    return simulate(NETWORK, LIFParams(), duration=60.0, seed=2, progress=False)


@pytest.fixture(scope="module", params=METHODS)
def found(request, spikes):
    return listed(spikes, method=request.param)


def test_a_list_has_a_row_per_connection_the_surest_first(found):
    assert list(found) == COLUMNS
    assert found["p"].is_monotonic_increasing and (found["q"] <= 0.05).all()
    assert (found["q"] >= found["p"]).all() and not found.duplicated(["pre", "post"]).any()
    assert (found["sign"] == np.sign(found["strength"])).all() and (found["se"] > 0).all()
    assert (found["pre"] != found["post"]).all()
    assert found.attrs == {"fdr": 0.05, "n_pairs": 870, "n_neurons": 30, "duration": 60.0}


def test_hubs_and_whom_they_reach_are_found_with_their_sign(found):
    scores = decision_scores(called(found, 30), NETWORK.weights)
    assert scores["right_sign"] > 0.95 and scores["mcc"] > 0.2
    assert set(NETWORK.hubs) <= set(found["pre"])


def test_all_pairs_can_be_listed_and_the_rate_cuts_the_list(spikes, found):
    method = found["method"].iloc[0]
    every = listed(spikes, method=method, every_pair=True)
    assert len(every) == 870
    pd.testing.assert_frame_equal(every[every["q"] <= 0.05], found)
    strict = listed(spikes, method=method, fdr=1e-6)
    assert 0 < len(strict) < len(found)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_where_nobody_is_connected_hardly_a_list_has_an_entry(method):
    """Of lists at 5 % one in twenty has an entry, if the rate is what it says."""
    lists = [
        listed(independent(seed, n_neurons=10, n_bins=60_000), method=method) for seed in range(40)
    ]
    assert sum(len(one) > 0 for one in lists) <= 7  # binomial: P(> 7 of 40 at 5 %) = 0.1 %


@pytest.mark.slow
def test_any_function_of_spikes_makes_a_list(spikes):
    found = listed(spikes, method=lgl.correlogram_z)
    assert set(found["method"]) == {"correlogram_z"} and found["latency"].isna().all()
    assert set(NETWORK.hubs) <= set(found["pre"])
    scores = decision_scores(called(found, 30), NETWORK.weights)
    assert scores["right_sign"] > 0.95
    nothing = [
        len(listed(independent(seed, n_neurons=8, n_bins=20_000), method=lgl.correlogram_z))
        for seed in range(20)
    ]
    assert sum(n > 0 for n in nothing) <= 4  # binomial: P(> 4 of 20 at 5 %) = 0.3 %


@pytest.mark.slow
def test_the_rate_is_kept_on_networks():
    """The mean share of false ones over networks lies below the rate, or within its error of it."""
    shares = []
    for seed in range(5):
        network = lgl.erdos_renyi(n_neurons=40, weight=3.0, seed=seed)
        spikes = simulate(network, LIFParams(), duration=60.0, seed=seed, progress=False)
        scores = decision_scores(called(listed(spikes, fdr=0.1), 40), network.weights)
        assert scores["recall"] > 0.3
        shares.append(scores["fdr"])
    assert np.mean(shares) < 0.1 + 2 * np.std(shares, ddof=1) / np.sqrt(len(shares))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("delay", [1.5e-3, 3e-3])
def test_a_latency_is_the_delay_of_the_synapse(method, delay):
    found = listed(
        simulate(NETWORK, LIFParams(delay=delay), duration=60.0, seed=2, progress=False),
        method=method,
    )
    hits = found[NETWORK.weights[found["post"], found["pre"]] != 0]
    assert hits["latency"].median() == pytest.approx(delay, abs=1e-3)


def test_neurons_are_called_as_their_recording_calls_them(spikes, found):
    names = [f"unit {number}" for number in range(30)]
    method = found["method"].iloc[0]
    named = listed(Session(spikes=spikes, units=tuple(names)), method=method)
    assert named["pre"].tolist() == [names[number] for number in found["pre"]]
    pd.testing.assert_frame_equal(named.drop(columns=["pre", "post"]),
                                  found.drop(columns=["pre", "post"]))  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_only_pairs_that_may_be_are_asked_and_more_of_them_are_told(spikes, method):
    allowed = np.random.default_rng(0).random((30, 30)) < 0.2
    some = listed(spikes, method=method, allowed=allowed)
    assert allowed[some["post"], some["pre"]].all()
    assert some.attrs["n_pairs"] == (allowed & ~np.eye(30, dtype=bool)).sum()
    every = listed(spikes, method=method)
    told = allowed[every["post"], every["pre"]].sum()
    assert len(some) >= 0.9 * told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"allowed": np.ones((3, 3))}, r"allowed must have the shape \(30, 30\)"),
        ({"allowed": np.eye(30)}, "allowed must hold at least one pair"),
        ({"fdr": 0.0}, "fdr must lie strictly between 0 and 1, got 0.0$"),
        ({"fdr": 5.0}, "between 0 and 1, got 5.0: write 0.05 for 5 %"),
        ({"method": "guess"}, "method must be one of glm, ccg, or a function of spikes, got"),
        ({"n_jittered": 3}, "n_jittered must be at least 10, got 3"),
        ({"method": lambda _: np.full((30, 30), np.nan)}, "finite"),
    ],
)
def test_what_cannot_be_asked_is_refused(spikes, options, message):
    with pytest.raises(ValueError, match=message):
        listed(spikes, **options)


def test_a_single_neuron_has_no_connection():
    one = SpikeTrains(times=[0.1], neurons=[0], n_neurons=1, duration=1.0)
    with pytest.raises(ValueError, match="at least two neurons, got 1"):
        listed(one)


# --- files -------------------------------------------------------------------------------------


def test_tables_can_be_read_back(found, tmp_path):
    write_connections(found, tmp_path / "list.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "list.csv"), found)
    write_connections(found, tmp_path / "list.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "list.parquet"), found)


def test_a_graph_has_an_edge_for_each_row(found, tmp_path):
    write_connections(found, tmp_path / "graph.graphml")
    graph = networkx.read_graphml(tmp_path / "graph.graphml", node_type=int)
    assert graph.is_directed() and graph.number_of_edges() == len(found)
    first = found.iloc[0]
    edge = graph.edges[first["pre"], first["post"]]
    assert edge["sign"] == first["sign"] and edge["q"] == pytest.approx(first["q"])


def test_an_nwb_file_gets_the_list_once(spikes, found, tmp_path):
    pynwb = pytest.importorskip("pynwb")
    path = tmp_path / "session.nwb"
    with pytest.raises(FileNotFoundError, match="session.nwb is not there"):
        write_connections(found, path)
    Session(spikes=spikes, units=tuple(range(30))).write(path)
    write_connections(found, path)
    with pynwb.NWBHDF5IO(path, "r") as file:
        kept = file.read().get_scratch("connections")
        assert list(kept["pre"]) == found["pre"].tolist()
        np.testing.assert_allclose(kept["strength"], found["strength"])
    with pytest.raises(ValueError, match="scratch data called connections already"):
        write_connections(found, path)


def test_another_ending_is_refused(found, tmp_path):
    with pytest.raises(ValueError, match=r"one of .csv, .parquet, .graphml, .nwb, got 'list.xls'"):
        write_connections(found, tmp_path / "list.xls")


def test_one_command_goes_from_a_file_to_a_list(spikes, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    session = Session(spikes=spikes, units=tuple(range(30)))
    session.write(tmp_path / "session.csv")
    target = tmp_path / "list.csv"
    argv = ["lgl connections", str(tmp_path / "session.csv"), "--fdr", "0.01", "--to", str(target)]
    monkeypatch.setattr(sys, "argv", argv)
    main()
    told = capsys.readouterr().out
    assert "of 870 pairs are called connected" in told and "at most 1% are expected" in told
    assert (pd.read_csv(target)["q"] <= 0.01).all()
    monkeypatch.setattr(sys, "argv", [*argv[:2], "--fdr", "2"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1 and "fdr must lie" in capsys.readouterr().err


def test_the_command_names_units_of_which_it_cannot_tell(spikes, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    few = np.array([3.2, 17.5, 18.1, 40.0, 55.3])
    order = np.argsort([*spikes.times, *few], kind="stable")
    quiet = SpikeTrains(
        times=np.array([*spikes.times, *few])[order],
        neurons=np.array([*spikes.neurons, *[30] * 5])[order],
        n_neurons=32,
        duration=spikes.duration,
    )
    with pytest.warns(UserWarning, match="have no spike"):
        Session(spikes=quiet, units=tuple(range(32))).write(tmp_path / "session.csv")
        monkeypatch.setattr(sys, "argv", ["lgl connections", str(tmp_path / "session.csv")])
        main()
        assert capsys.readouterr().out.splitlines()[-1].endswith("middle one: 30 (5), 31 (0)")
        monkeypatch.setattr(sys, "argv", [*sys.argv, "--method", "ccg"])
        main()
        assert "too few spikes" not in capsys.readouterr().out


@pytest.mark.parametrize("target", ["list.xlsx", "none.nwb"])
def test_where_a_list_cannot_be_saved_is_said_before_it_is_made(
    target, tmp_path, monkeypatch, capsys
):
    argv = ["lgl connections", "never_read.csv", "--to", str(tmp_path / target)]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit):
        main()
    assert target in capsys.readouterr().err


def test_no_unit_of_a_sure_list_is_said_to_have_too_few_spikes(spikes):
    """The clearer the list, the smaller its p-values: they are no measure of the next one."""
    every = listed(spikes, every_pair=True)
    sure = every[every["q"] <= 1e-10]
    assert len(sure) > 20
    session = Session(spikes=spikes, units=tuple(range(30)))
    assert _untold(every, sure, session) == []


def test_an_empty_list_says_what_that_means(tmp_path, monkeypatch, capsys):
    silent = independent(0, n_neurons=4)
    Session(spikes=silent, units=tuple("abcd")).write(tmp_path / "session.csv")
    monkeypatch.setattr(sys, "argv", ["lgl connections", str(tmp_path / "session.csv")])
    main()
    told = capsys.readouterr().out
    assert "0 of 12 pairs" in told and "no sign that there are none" in told


def test_a_rate_is_refused_before_the_recording_is_read(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["lgl connections", "never_read.csv", "--fdr", "5"])
    with pytest.raises(SystemExit):
        main()
    assert "write 0.05 for 5 %" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--l2", "cv"], "gain of held-out spikes"),
        (["--l2", "3", "--baseline", "5"], "of 20 pairs are called connected"),
        (["--repair"], "of 20 pairs are called connected"),
    ],
)
def test_the_command_reads_and_fits_as_it_is_told(
    options, told, spikes, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("LGL_CACHE", str(tmp_path / "cache"))
    few = Session(spikes=spikes.select(neurons=range(5), stop=20.0), units=tuple("abcde"))
    few.write(tmp_path / "session.nwb")
    monkeypatch.setattr(sys, "argv", ["lgl connections", str(tmp_path / "session.nwb"), *options])
    main()
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--l2", "often"], "l2 must be a number >= 0, or cv, got 'often'"),
        (["--l2", "-1"], "l2 must be a number >= 0, or cv, got '-1'"),
        (["--baseline", "1000"], "every must be at most half of the"),
        (["--baseline", "5", "--method", "ccg"], "covariates must be None but with method"),
    ],
)
def test_the_command_names_what_is_wrong(options, error, spikes, tmp_path, monkeypatch, capsys):
    few = Session(spikes=spikes.select(neurons=range(5), stop=20.0), units=tuple("abcde"))
    few.write(tmp_path / "session.csv")
    monkeypatch.setattr(sys, "argv", ["lgl connections", str(tmp_path / "session.csv"), *options])
    with pytest.raises(SystemExit):
        main()
    assert error in capsys.readouterr().err


def test_a_group_lasso_is_refused_before_it_is_fitted(spikes, monkeypatch):
    monkeypatch.setattr("lgl_core.wiring.fit_glm", pytest.fail)
    with pytest.raises(ValueError, match="group_lasso must be 0 for a list, got 2"):
        connections(spikes, config=GLMConfig(group_lasso=2.0), progress=False)
