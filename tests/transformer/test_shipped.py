"""Shipped weights: found for the same spikes and settings only, and checked against themselves."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from lgl_core.spikes import SpikeTrains
from lgl_core.transformer.shipped import MODELS, fingerprint, record_of, ship, shipped
from lgl_core.transformer.training import train
from tests.disk.test_atomic import full_disk
from tests.transformer.test_training import QUICK, chain_spikes, config, same_weights, split_tokens

SPIKES = chain_spikes(2000)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(
        *split_tokens(SPIKES), config(), QUICK, directory=tmp_path_factory.mktemp("a"),
        progress=False,
    )  # fmt: skip


@pytest.fixture
def folder(trained, tmp_path):
    ship(trained, SPIKES, QUICK, name="chain", made_by={"network": "a chain"}, folder=tmp_path)
    return tmp_path


def test_what_was_shipped_is_what_was_trained(trained, folder):
    found = shipped(SPIKES, config(), QUICK, folder)
    assert same_weights(found, trained) and not found.model.training
    assert found.model.config == config()
    pd.testing.assert_frame_equal(found.history, trained.history.astype(float), atol=1e-6)
    pd.testing.assert_frame_equal(found.steps, trained.steps, atol=1e-6)
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}


def test_the_record_says_what_it_was_trained_on_and_where(folder):
    record = record_of(folder / "chain.json")
    assert record["recording"]["network"] == "a chain"
    assert record["recording"]["n_spikes"] == 2000
    assert record["training"]["epochs"] == 3 and record["architecture"]["width"] == 16
    assert set(record) >= {"commit", "clean", "source", "machine", "weights_sha256"}
    # Strictly JSON: what was not measured before the first epoch is null, not NaN.
    json.loads((folder / "chain.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": config(width=20)},
        {"architecture": config(time_embedding="rotary")},
        {"training": replace(QUICK, seed=1)},
        {"training": replace(QUICK, epochs=4)},
    ],
)
def test_another_setting_is_another_model(folder, changes):
    given = {"architecture": config(), "training": QUICK} | changes
    assert shipped(SPIKES, given["architecture"], given["training"], folder) is None


def test_a_record_of_before_a_setting_existed_has_its_default(folder):
    record = record_of(folder / "chain.json")
    del record["training"]["stride"], record["record_sha256"]
    (folder / "chain.json").write_text(json.dumps(record))
    assert shipped(SPIKES, config(), QUICK, folder) is not None
    assert shipped(SPIKES, config(), replace(QUICK, stride=1), folder) is None


def test_a_single_spike_makes_another_recording(folder):
    times = SPIKES.times.copy()
    times[7] = np.nextafter(times[7], 0)
    same = {"neurons": SPIKES.neurons, "n_neurons": 5, "duration": SPIKES.duration}
    assert fingerprint(SpikeTrains(times=SPIKES.times, **same)) == fingerprint(SPIKES)
    assert shipped(SpikeTrains(times=times, **same), config(), QUICK, folder) is None
    others = [
        replace(SPIKES, n_neurons=6),
        replace(SPIKES, duration=SPIKES.duration + 1),
        replace(SPIKES, neurons=SPIKES.neurons[::-1].copy()),
    ]
    assert len({fingerprint(spikes) for spikes in [SPIKES, *others]}) == 4


def test_nothing_is_shipped_where_there_is_no_folder(tmp_path):
    assert shipped(SPIKES, config(), QUICK, tmp_path / "nowhere") is None


def test_weights_that_are_not_those_of_the_record_are_refused(folder):
    path = folder / "chain.safetensors"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="not what chain.json describes: .*git checkout"):
        shipped(SPIKES, config(), QUICK, folder)
    path.unlink()
    with pytest.raises(ValueError, match="chain.safetensors is missing beside its record"):
        shipped(SPIKES, config(), QUICK, folder)


def test_a_record_of_which_a_bit_flips_is_refused(folder):
    path, rng = folder / "chain.json", np.random.default_rng(0)
    whole, record = path.read_bytes(), record_of(path)
    for place in rng.integers(len(whole), size=200):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            read = record_of(path)
        except ValueError as error:
            assert "chain.json is damaged" in str(error) and "git checkout" in str(error)
        else:  # the name of the checksum itself
            (odd,) = set(read) ^ set(record) - {"record_sha256"}
            assert read[odd] == record["record_sha256"]


def test_a_full_disk_leaves_the_older_model(trained, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = dict(name="chain", made_by={"network": "another"}, folder=folder)
    with pytest.raises(OSError, match="File too large"), full_disk(len(before["chain.json"]) - 200):
        ship(trained, SPIKES, QUICK, **again)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_every_model_of_the_book_has_both_checksums():
    records = sorted(MODELS.glob("*.json"))
    assert records and all("record_sha256" in record_of(path) for path in records)
    for path in records:
        weights = path.with_suffix(".safetensors").read_bytes()
        assert hashlib.sha256(weights).hexdigest() == record_of(path)["weights_sha256"]


def test_the_global_generator_is_left_alone(folder):
    before = torch.get_rng_state()
    shipped(SPIKES, config(), QUICK, folder)
    assert torch.equal(before, torch.get_rng_state())
