"""The models that come with the book: complete, small, and honestly trained."""

import numpy as np
import pandas as pd
import pytest

from lgl_core.experiment import split_tokens, train_models
from lgl_core.transformer.shipped import MODELS, record_of
from lgl_core.transformer.training import TrainConfig, first_steps
from studies import models as studies_models
from studies.models import PAGE_MODELS, apart, the_shipped, written
from studies.points import Model, Recording
from tests.disk.test_provenance import is_in_history

each_model = pytest.mark.parametrize("name", PAGE_MODELS)

# In nats. Another processor moves the losses of the first steps by less than a millionth; another
# batch, seed or learning rate moves them by hundredths.
TOLERANCE = 1e-5
N_STEPS = 20

QUICK = Model(
    recording=Recording(settings={"n_neurons": 15, "n_hubs": 1}, duration=20.0),
    time_embedding="rotary",
    size="tiny",
    training={"epochs": 1, "batch_size": 8},
)


@each_model
def test_weights_and_record_are_there_and_small(name):
    weights = MODELS / f"{name}.safetensors"
    assert weights.stat().st_size <= 3 * 2**20
    record = record_of(MODELS / f"{name}.json")
    assert record["clean"] and is_in_history(record["commit"])
    assert record["machine"]["processor"]
    history = record["history"]
    assert len(history["epoch"]) == record["training"]["epochs"] + 1
    assert history["valid_neuron"][-1] < history["valid_neuron"][0]
    assert len(record["steps"]["neuron"]) == len(record["steps"]["interval"]) > 100


def test_nothing_else_is_shipped():
    assert {path.stem for path in MODELS.iterdir()} == set(PAGE_MODELS)


@pytest.mark.slow
@each_model
def test_the_first_steps_of_its_training_give_the_recorded_losses(name):
    wanted = PAGE_MODELS[name]
    model = the_shipped(wanted)
    assert model is not None, "the simulation gives other spikes on this machine"
    tokens, _ = split_tokens(wanted.recording.spikes())
    config = TrainConfig(**wanted.training, seed=wanted.seed)
    again = first_steps(tokens, model.model.config, config, n_steps=N_STEPS)
    recorded = model.steps[:N_STEPS]
    np.testing.assert_allclose(again, recorded, rtol=0, atol=TOLERANCE)
    assert recorded.std().min() > 100 * TOLERANCE, "losses that move say something"


@pytest.mark.slow
def test_whoever_asks_for_a_page_model_gets_the_shipped_one(monkeypatch):
    monkeypatch.setattr("lgl_core.experiment.train_ensemble", None)  # nothing may be trained
    wanted = PAGE_MODELS["small_rotary"]
    first, again = (wanted.members()[0] for _ in range(2))
    recorded = record_of(MODELS / "small_rotary.json")["history"]["valid_neuron"]
    assert first.history["valid_neuron"].tolist() == recorded
    assert apart(first, again, wanted.recording.spikes())[["first steps", "weights"]].tolist() == [
        0,
        0,
    ]


@pytest.mark.slow
def test_another_member_of_the_ensemble_is_trained(cold_cache, monkeypatch, tmp_path):
    monkeypatch.setattr("lgl_core.transformer.shipped.MODELS", tmp_path)
    spikes = QUICK.recording.spikes()
    settings = {"size": "tiny", "config": TrainConfig(**QUICK.training)}
    before = train_models(spikes, ["rotary"], n_models=2, **settings)["rotary"]
    written(before[0], QUICK, "quick", tmp_path)
    after = train_models(spikes, ["rotary"], n_models=2, **settings)["rotary"]
    fresh = train_models(spikes, ["rotary"], n_models=2, use_shipped=False, **settings)["rotary"]
    for other in (after, fresh):
        for one, two in zip(before, other, strict=True):
            pd.testing.assert_frame_equal(one.steps, two.steps, atol=1e-6)
    assert not np.allclose(before[0].steps, before[1].steps, atol=1e-3)


def test_the_command_trains_what_is_missing_and_compares_what_is_not(
    cold_cache, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("lgl_core.transformer.shipped.MODELS", tmp_path)
    monkeypatch.setattr(studies_models, "PAGE_MODELS", {"quick": QUICK})
    studies_models.main([])
    written = (tmp_path / "quick.safetensors").stat().st_mtime_ns
    assert "quick: written to" in capsys.readouterr().out
    studies_models.main(["quick"])
    assert "quick: shipped" in capsys.readouterr().out
    studies_models.main(["--retrain"])
    said = capsys.readouterr().out
    assert "first steps" in said and "co-input, layer 2" in said
    assert (tmp_path / "quick.safetensors").stat().st_mtime_ns == written
    studies_models.main(["--retrain", "--replace"])
    assert (tmp_path / "quick.safetensors").stat().st_mtime_ns > written


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["nobody"], "no such model: nobody"), (["--replace"], "--replace keeps what --retrain")],
)
def test_the_command_refuses(arguments, said, capsys):
    with pytest.raises(SystemExit):
        studies_models.main(arguments)
    assert said in capsys.readouterr().err
