"""The diagnosis of a run, over its training and at its end: whatever goes wrong with it costs the run nothing else."""

from rnnkit.callbacks.through_time import NOTHING, ThroughTime
from rnnkit.datasets import Dataset
from rnnkit.diagnosis import Diagnosis

PROBES = (64, 8)  # examples; eight, where 64 are too long for one batch


class RunDiagnosis(ThroughTime):
    """`ThroughTime` on a few of the validation examples, without an error: where it cannot measure, it says why.

    Args:
        valid: the validation data of a run.
        health: the `GradientHealth` that watches the training.

    Attributes:
        reason: why there is no diagnosis; empty while there is one.
    """

    def __init__(self, valid: Dataset, health=None):
        super().__init__(None, health=health)
        self.probes = [valid.sample(examples) for examples in PROBES]
        self.reason = ""

    @property
    def outcome(self) -> "Diagnosis | str":
        """The diagnosis of the trained model, or why there is none."""
        return self.reason or self.diagnosis

    def get_state(self):
        return {**super().get_state(), "reason": self.reason}

    def set_state(self, state):
        super().set_state(state)
        self.reason = state["reason"]

    def _measure(self, **options):
        self.reason, self._numbers = "", dict(NOTHING)
        for probe in self.probes:
            self.probe = probe
            try:
                super()._measure(**options)
            except Exception as error:  # the training, or the trained model, must not be lost for it
                self.reason = self.reason or str(error) or type(error).__name__
            else:
                self.reason = ""
                return
