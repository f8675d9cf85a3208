"""Several processes train one model as one process does."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lgl_core.transformer._devices import add_up, device_named, is_first, join, launched, share
from lgl_core.transformer.model import load_model

TRAINING = """
import sys
from pathlib import Path

from lgl_core.simulation.lif import simulate
from lgl_core.networks.network import hub_network
from lgl_core.transformer.tokens import tokenize
from lgl_core.transformer.training import TrainConfig, train
from lgl_core.transformer.model import preset

spikes = simulate(hub_network(20, n_hubs=1), duration=60.0)
tokens = [tokenize(part) for part in spikes.split()]
model = preset("tiny", n_neurons=20, n_classes=tokens[0].vocabulary.n_classes)
for seed in (1, 0):
    train(*tokens, model, TrainConfig(epochs=3, batch_size=32, seed=seed), progress=False,
          directory=Path(sys.argv[1], str(seed)), checkpoint_every=3, device="cpu")
"""


def trained(folder: Path, *launcher: str) -> tuple[pd.DataFrame, dict[str, torch.Tensor]]:
    script = folder / "training.py"
    script.write_text(TRAINING)
    quiet = {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, *launcher, str(script), str(folder)],
        env=os.environ | quiet, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    model = folder / "0"  # the second one: processes join again for each
    assert not (model / "checkpoint.safetensors").exists()
    return (
        pd.read_csv(model / "history.csv").drop(columns="seconds"),
        load_model(model / "model.safetensors").state_dict(),
    )


@pytest.mark.weekly
def test_two_processes_have_the_losses_of_one(tmp_path):
    """The same global batches, the same dropout; sums are formed in another order."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, weights = trained(tmp_path / "one")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    two, their_weights = trained(tmp_path / "two", *torchrun)
    assert one["valid_interval"].iloc[-1] < one["valid_interval"].iloc[0] - 0.1
    np.testing.assert_allclose(two, one, rtol=1e-4)
    for name, weight in weights.items():
        np.testing.assert_allclose(their_weights[name], weight, atol=1e-3, err_msg=name)


def test_alone_a_process_has_everything_and_writes():
    parts = ["a", "b", "c"]
    numbers, mine = share(parts)
    assert (list(numbers), list(mine)) == ([0, 1, 2], parts)
    total = torch.ones(3)
    add_up([total])
    assert total.tolist() == [1, 1, 1]
    assert launched() == 1 and is_first()
    join(torch.device("cpu"))
    assert not torch.distributed.is_initialized()


def test_two_processes_share_what_there_is(monkeypatch):
    parts = list("abcde")
    shares = {}
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    for rank in range(2):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        shares |= dict(zip(*share(parts), strict=True))
    assert [shares[number] for number in range(5)] == parts


class TestDevices:
    def test_the_processor_is_taken_where_there_is_nothing_else(self, monkeypatch):
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: None)
        assert device_named() == device_named("cpu") == torch.device("cpu")

    def test_an_accelerator_is_taken_where_there_is_one(self, monkeypatch):
        found = torch.device("cuda")
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: found)
        assert device_named("auto") == found
        assert device_named("cuda:1") == torch.device("cuda:1")
        assert device_named("cpu") == torch.device("cpu")

    def test_a_device_that_is_not_there(self, monkeypatch):
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: None)
        with pytest.raises(ValueError, match="there is no device 'cuda' here"):
            device_named("cuda")
        with pytest.raises(ValueError, match="a name of PyTorch, got 'graphics'"):
            device_named("graphics")
