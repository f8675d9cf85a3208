"""Points of the study that is soon made: one of each kind, on a small network."""

from __future__ import annotations

from studies.against_nulls import Nulls
from studies.attainable import Attainable
from studies.drive import Confusions, PartialRecording
from studies.driven import Driven, DrivenRecording
from studies.fitted import Fitted
from studies.listed import Listed
from studies.methods import Method
from studies.original import Activity, PaperRecording
from studies.original_models import PaperModel
from studies.original_scores import Counted, CoupledGLM
from studies.outside import OutsideRecording
from studies.points import Point, Recording, both_embeddings
from studies.readings import Changed, Constrained, Readings, Timing
from studies.recording_size import WholeRecording
from studies.recurrent import Recurrent, RingRecording
from studies.silenced import Silenced, SilencedInModel
from studies.standing_out import StandingOut
from studies.unconnected import Unconnected, UnconnectedModel, UnconnectedRecording

__all__ = ["SMALL_NETWORK", "SMALL_STRIPES", "SMALL_TRAINING", "small"]

SMALL_NETWORK = {"n_neurons": 40, "n_hubs": 2}
SMALL_TRAINING = {"epochs": 10, "batch_size": 16}
SMALL_STRIPES = {"n_neurons": 30, "source_sd": 1.5, "target_sd": 5.0}


def small() -> list[Point]:
    """Name a point of each kind that the other studies have, in a small network."""
    recording = Recording(settings=SMALL_NETWORK, duration=200.0)
    training = {"epochs": 15, "batch_size": 16, "learning_rate": 3e-3}
    models = both_embeddings(recording, size="tiny", training=training)
    *_, rotary = models
    inside = Constrained(recording=recording, training={"epochs": 2, "batch_size": 16})
    heard_in_part = PartialRecording(settings=SMALL_NETWORK, duration=100.0, fraction=0.5)
    other_neurons = OutsideRecording(settings=SMALL_NETWORK, simulator="izhikevich", duration=20.0)
    stripes = PaperRecording(n_spikes=3000, changes=SMALL_STRIPES)
    heard = DrivenRecording(settings=SMALL_NETWORK, duration=60.0, source="trials")
    unrelated = UnconnectedRecording(n_neurons=10, duration=30.0)
    return [
        recording,
        *models,
        Nulls(recording=recording, models=(rotary,), n=10),
        Readings(model=rotary, n_spikes=200),
        Changed(model=rotary, change="moved", n_spikes=200),
        Timing(model=rotary, n_spikes=100),
        inside,
        StandingOut(of=inside, n_spikes=200),
        Confusions(recording=heard_in_part),
        WholeRecording(recording=recording),
        other_neurons,
        Method(recording=recording, method="tspe", reading="up to 10 ms"),
        Activity(recording=stripes),
        Counted(recording=stripes),
        CoupledGLM(recording=stripes, epochs=3),
        PaperModel(recording=stripes),
        Unconnected(recording=unrelated),
        UnconnectedModel(recording=unrelated, epochs=2),
        Listed(recording=recording),
        Attainable(recording=recording, seconds=5.0, n_next=200),
        Fitted(recording=recording, epochs=5, size="tiny", n_spikes=300, longest=200.0),
        Silenced(recording=recording, n_ordinary=2, seconds=10.0, generated=10.0),
        SilencedInModel(
            recording=recording,
            n_ordinary=2,
            seconds=10.0,
            generated=4.0,
            n_spikes=100,
            training={"epochs": 1, "batch_size": 16},
        ),
        Recurrent(recording=RingRecording(settings={"n_neurons": 30}, duration=20.0)),
        Driven(recording=heard),
    ]
