"""What a configuration declares is what it holds."""

import importlib
import json
import pickle
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Literal, get_type_hints

import numpy as np
import pytest

from lgl_core.baselines.masked import MaskedConfig
from lgl_core.baselines.voltages import VoltageConfig
from lgl_core.fields import check_fields
from lgl_core.glm.config import GLMConfig
from lgl_core.networks.network import Network
from lgl_core.recordings.session import Session
from lgl_core.simulation.izhikevich import IzhikevichParams
from lgl_core.simulation.lif import LIFParams
from lgl_core.spikes import SpikeTrains
from lgl_core.sweep.sweep import Sweep
from lgl_core.transformer._run import TrainConfig
from lgl_core.transformer.coupling import CouplingConfig
from lgl_core.transformer.model import TransformerConfig
from lgl_core.transformer.tokens import IntervalVocabulary
from studies.outside import OutsideRecording
from studies.unconnected import UnconnectedRecording
from studies.voltages import Voltages
from tests.house import MODULES

SPIKES = SpikeTrains(times=[0.5], neurons=[0], n_neurons=1, duration=1.0)
EXAMPLES = [
    GLMConfig(), LIFParams(), MaskedConfig(), IzhikevichParams(), OutsideRecording(),
    UnconnectedRecording(), VoltageConfig(),
    Voltages(simulator="lif", n_neurons=5, share=40),
    IntervalVocabulary(), TrainConfig(), TransformerConfig(n_neurons=3, n_classes=4),
    CouplingConfig(), SPIKES, Network(weights=[[0, 1], [0, 0]]),
    Session(spikes=SPIKES, units=("a",)), Sweep(folder=Path(), points=[{"seed": 0}]),
]  # fmt: skip
NUMBERLESS = [float("nan"), float("inf"), -float("inf"), np.nan, True, np.True_, "1", [1], 1j]
HOSTILE = {
    int: [*NUMBERLESS, 1.5, 2.0, np.float64(3), np.array(3)],
    float: [*NUMBERLESS, np.float32("inf"), np.array(0.5)],
    bool: [0, 1, 0.0, "False", np.int64(1)],
    str: [0, None, b"lif", Path("lif")],
}

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: type(e).__name__)


def declared(example, kind):
    hints = get_type_hints(type(example))
    return [f.name for f in fields(example) if hints[f.name] in (kind, kind | None)]


def test_every_class_that_checks_itself_is_here():
    found = set()
    for module in map(importlib.import_module, MODULES):
        found |= {
            thing.__name__
            for thing in vars(module).values()
            if is_dataclass(thing) and "__post_init__" in vars(thing)
        }
    assert found == {type(example).__name__ for example in EXAMPLES}


@each_example
def test_what_is_not_declared_is_refused_by_name(example):
    tried = 0
    for kind, values in HOSTILE.items():
        for name in declared(example, kind):
            for value in values:
                with pytest.raises(ValueError, match=rf"^{type(example).__name__}\.{name} must be"):
                    replace(example, **{name: value})
                tried += 1
    assert tried


@each_example
def test_numbers_of_numpy_are_python_s_own(example):
    like_numpy = {
        name: kind(getattr(example, name))
        for declared_kind, kind in ((int, np.int32), (float, np.float64), (bool, np.bool_))
        for name in declared(example, declared_kind)
        if getattr(example, name) is not None
    }
    made = replace(example, **like_numpy)
    plain = {name: getattr(made, name) for name in like_numpy}
    assert plain == {name: getattr(example, name) for name in like_numpy}
    assert {type(value) for value in plain.values()} <= {int, float, bool}
    json.dumps(plain)


def test_a_whole_number_is_a_finite_one_and_stays_as_it_is():
    config = TrainConfig(learning_rate=1, stride=None)
    assert config.learning_rate == 1 and isinstance(config.learning_rate, int)
    assert LIFParams(mu=10**400 // 10**399).mu == 10
    assert pickle.loads(pickle.dumps(config)) == config == TrainConfig(**asdict(config))


@dataclass(frozen=True)
class Choice:
    word: Literal["a", "b"] = "a"
    among: Literal["c"] | None = None
    sizes: dict[str, int] | None = None
    options: Mapping[str, int] | None = None
    part: LIFParams | None = None
    later: float = None

    def __post_init__(self):
        check_fields(self)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"word": "c"}, 'Choice.word must be "a" or "b", got \'c\''),
        ({"word": None}, 'Choice.word must be "a" or "b", got None'),
        ({"among": "a"}, "Choice.among must be \"c\" or None, got 'a'"),
        ({"part": {"mu": 1.0}}, "Choice.part must be a LIFParams or None, got {'mu': 1.0}"),
        ({"options": float("nan")}, "Choice.options must be names and values or None, got nan"),
        ({"later": float("nan")}, "Choice.later must be a finite number or None, got nan"),
    ],
)
def test_the_message_says_what_is_allowed(changes, message):
    with pytest.raises(ValueError) as refused:
        Choice(**changes)
    assert str(refused.value) == message


def test_what_is_declared_is_taken():
    assert Choice(word="b", among="c", sizes={"n": 1}, part=LIFParams(), later=2).later == 2


def test_it_takes_no_time_worth_mentioning():
    TrainConfig()
    start = time.perf_counter()
    for _ in range(1000):
        TrainConfig()
    assert time.perf_counter() - start < 0.5
