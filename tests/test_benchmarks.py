"""The benchmarks' own machinery, and the plain versions that we are timed against."""

import json

import numpy as np
import pytest
import torch

from benchmarks import extraction, jobs, training
from benchmarks.side_by_side import alone, compare
from lgl_core.transformer.model import Neuroformer, preset


def quick(value):
    return 0.5, value


def slow(value):
    return 2.0, value


def allocate(megabytes):
    block = np.ones(megabytes * 2**17)  # of 8 bytes each
    return 1.0, float(block[-1])


def agree(ours, theirs):
    assert ours == theirs
    return f"both {ours}"


@pytest.mark.slow
def test_a_ratio_is_the_others_time_over_ours():
    record = compare("job", "other", quick, slow, agree, pairs=3, value=7)
    assert record["ratios"] == [4.0] * 3
    assert (record["ratio_min"], record["ratio_median"], record["ratio_max"]) == (4.0,) * 3
    assert (record["ours_s"], record["peer_s"]) == (0.5, 2.0)
    assert record["same_result"] == "both 7"
    assert record["ours_results"] == [7, 7, 7]


@pytest.mark.slow
def test_nothing_is_reported_if_the_results_differ():
    def disagree(ours, theirs):
        raise AssertionError("1 is not 2")

    with pytest.raises(AssertionError, match="1 is not 2"):
        compare("job", "other", quick, slow, disagree, pairs=1, value=7)


@pytest.mark.slow
def test_peak_memory_is_that_of_the_run_itself():
    """Not of this process, which has far more loaded, nor of an earlier run."""
    large, small = (alone(allocate, megabytes=size)["mb"] for size in (300, 1))
    assert large - small == pytest.approx(299, abs=20)


def test_a_job_replaces_its_own_records_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "RESULTS", tmp_path / "new" / "benchmarks.json")
    jobs.keep("glm", [{"file": "glm", "job": "a", "ours_results": [1]}])
    jobs.keep("lif", [{"file": "lif", "job": "b"}])
    jobs.keep("glm", [{"file": "glm", "job": "c"}, {"file": "glm", "job": "d"}])
    records = json.loads(jobs.RESULTS.read_text())
    assert [record["job"] for record in records] == ["b", "c", "d"]  # in the order of the jobs
    assert all(record["machine"]["versions"]["numpy"] == np.__version__ for record in records)
    assert not any("ours_results" in record for record in records)


def test_an_unknown_job_is_named(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", "lift"])
    with pytest.raises(SystemExit):
        jobs.main()
    assert "lift; there are lif, glm" in capsys.readouterr().err


@pytest.mark.slow
def test_the_plain_transformer_is_ours():
    torch.manual_seed(0)
    config = preset("tiny", n_neurons=training.N_NEURONS, n_classes=training.N_CLASSES)
    ours, plain = Neuroformer(config).eval(), training.PlainNeuroformer(config).eval()
    plain.load_state_dict(ours.state_dict())
    neurons, intervals, times, _ = training.batch()
    for a, b in zip(ours(neurons, intervals, times), plain(neurons, intervals), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.slow
def test_operations_of_a_step_are_those_that_pytorch_counts():
    from torch.utils.flop_counter import FlopCounterMode

    config = preset("tiny", n_neurons=training.N_NEURONS, n_classes=training.N_CLASSES, context=128)
    model = training.PlainNeuroformer(config)
    neurons, intervals, _, _ = training.batch()
    with FlopCounterMode(display=False) as counter:
        logits = model(neurons[:, :-1], intervals[:, :-1])
        sum(part.sum() for part in logits).backward()
    counted = counter.get_total_flops() / (training.BATCH * 128)
    # PyTorch counts the masked half of attention too, and no gradient by the intervals.
    masked = 12 * config.n_layers * config.width * (128 - 129 / 2)
    not_needed = 2 * config.width**2
    assert counted == pytest.approx(training.flop_per_token(config) + masked - not_needed, rel=0.01)


@pytest.mark.slow
def test_all_ways_to_extract_agree():
    ways = (
        extraction.ours,
        extraction.one_by_one_einsum,
        extraction.one_by_one,
        extraction.batched,
    )
    results = [way(0.5)[1] for way in ways]
    for other in results[1:]:
        assert "pairs are equal" in extraction.same_result(results[0], other)
    wrong = results[0][0] * 1.01, results[0][1]
    with pytest.raises(AssertionError, match="flow differs"):
        extraction.same_result(wrong, results[1])


@pytest.fixture(scope="module")
def committed():
    return json.loads(jobs.RESULTS.read_text())


def test_committed_results_cover_every_job_and_say_where_they_were_taken(committed):
    assert {record["file"] for record in committed} == set(jobs.JOBS)
    for record in committed:
        assert {"date", "processor", "cores", "versions"} <= set(record["machine"])


def test_committed_ratios_are_of_five_pairs_or_more_that_reached_the_same_result(committed):
    compared = [record for record in committed if "ratios" in record]
    assert compared
    for record in compared:
        assert len(record["ratios"]) >= 5
        assert record["ratio_min"] <= record["ratio_median"] <= record["ratio_max"]
        assert record["same_result"]
