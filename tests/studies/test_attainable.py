"""What can be known of held-out spikes, and what the GLM knows, on small recordings."""

import numpy as np
import pytest

from lgl_core.experiment import split_tokens
from lgl_core.transformer.training import baselines
from studies.attainable import ATTAINABLE, BINS, STEPS, WHO, WHO_WHEN_TOLD, Attainable
from studies.original import PaperRecording
from studies.points import Recording
from studies.small import SMALL_NETWORK, SMALL_STRIPES

RECORDINGS = [
    Recording(settings=SMALL_NETWORK, duration=40.0),
    PaperRecording(n_spikes=3000, changes=SMALL_STRIPES),
]


@pytest.mark.parametrize("recording", RECORDINGS, ids=["hubs", "stripes"])
def test_who_knows_the_network_knows_more_than_the_glm_and_less_when_told_less(recording):
    point = Attainable(recording=recording, seconds=2.0, n_next=100)
    table = point.rows()
    assert set(table["view"]) == {ATTAINABLE}
    value = table.set_index(["method", "score"])["value"]
    assert value["truth", STEPS] > value["truth", BINS] > value["glm", BINS]
    error = value["truth", f"{WHO}, standard error"]
    assert 0 < value["truth", WHO] < value["truth", WHO_WHEN_TOLD] + 3 * error
    fraction = 0.6 if isinstance(recording, PaperRecording) else 0.8
    losses = baselines(*split_tokens(recording.spikes(), fraction))
    assert value["rates", "held-out neuron"] == pytest.approx(losses["neuron"], abs=1e-5)
    assert np.isfinite(table["value"]).all()
