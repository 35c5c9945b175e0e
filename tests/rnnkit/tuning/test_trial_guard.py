import copy
import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras_tuner.errors import FailedTrialError

from rnnkit.callbacks.gradients.rows import NONFINITE, OVERFLOW, TAKEN, WAITING, Block
from rnnkit.tasks.parts import Baseline
from rnnkit.tuning import TrialGuard


def block(statuses, norms=None):
    """Steps with these statuses and global norms."""
    count = len(statuses)
    norms = np.ones(count) if norms is None else np.asarray(norms, float)
    return Block(0, [], np.arange(count), {}, {"total_before": norms, "status": np.asarray(statuses)})


class Seam:
    """Stands for an installation that has nothing more to hand over."""

    def begin_epoch(self, epoch):
        pass

    def flush(self):
        pass


def ended(guard, epoch=0, *blocks, **logs):
    """The reason for which an epoch ends the trial; None if it continues."""
    guard._seam = Seam()
    try:
        guard.on_epoch_begin(epoch)
        for each in blocks or [block([TAKEN] * 4)]:
            guard.consume(each)
        guard.on_epoch_end(epoch, {"loss": 1.0, **logs})
    except FailedTrialError as error:
        return str(error)
    return None


def test_a_healthy_epoch_goes_on():
    assert ended(TrialGuard(chance=None), 0, block([TAKEN] * 30), val_loss=2.0) is None


def test_steps_in_a_row_that_are_not_finite():
    bad = [NONFINITE, OVERFLOW] * 2
    guard = TrialGuard(refused=5, chance=None)
    assert ended(guard, 0, block([TAKEN, *bad]), block([WAITING, TAKEN, *bad])) is None
    assert (
        ended(guard, 1, block([WAITING]), block([NONFINITE]))
        == "non-finite: 5 steps in a row had gradients that are not finite"
    )


def test_an_epoch_without_a_finite_step_or_loss():
    assert "no step of an epoch" in ended(TrialGuard(chance=None), 0, block([NONFINITE] * 3))
    for name in ("loss", "val_loss"):
        assert ended(TrialGuard(chance=None), **{name: math.nan}) == f"non-finite: {name} is nan"


def test_norms_that_explode_or_vanish_in_most_steps():
    guard = TrialGuard(chance=None, explosion=100.0, vanishing=1e-6)
    assert ended(guard, 0, block([TAKEN] * 3, [1.0, 1.0, 1e9])) is None
    assert ended(guard, 0, block([TAKEN] * 3, [1.0, 1e9, 1e9])).startswith(
        "exploding: the median gradient norm is 1e+09"
    )
    tiny = block([TAKEN] * 3, [1e-9, 1e-9, 1.0])
    assert ended(guard, 0, tiny).startswith("vanished: the median gradient norm is 1e-09")
    assert ended(guard, 0, tiny, loss=1e-5) is None  # solved


@pytest.mark.parametrize(("mode", "better", "worse"), [("max", 0.7, 0.5), ("min", 0.5, 0.7)])
def test_chance(mode, better, worse):
    def guard():
        made = TrialGuard(chance=Baseline(0.6, epochs=2, steps=10), monitor=("val_score", mode))
        optimizer = SimpleNamespace(iterations=keras.Variable(10, dtype="int64"))
        made.set_model(SimpleNamespace(optimizer=optimizer, train_function=None))
        return made

    first = guard()
    assert ended(first, 0, val_score=worse) is None
    assert ended(first, 1, val_score=worse).startswith(f"chance: the best val_score of 2 epochs is {worse}")
    first.model.optimizer.iterations.assign(9)
    assert ended(first, 1, val_score=worse) is None  # too few steps
    second = guard()
    assert ended(second, 0, val_score=better) is None
    assert ended(second, 1, val_score=worse) is None  # it was better once


def test_limits_have_the_side_of_what_they_limit():
    guard = TrialGuard(chance=None, limits={"grad_norm_max": 10.0, "horizon_min": 5.0})
    assert guard.reads_through_time
    assert ended(guard, 0, grad_norm_max=99.0, horizon_min=1.0) is None
    assert ended(guard, 1, grad_norm_max=9.0, horizon_min=6.0) is None
    assert ended(guard, 1, grad_norm_max=11.0) == "limit: grad_norm_max is 11, above 10"
    assert ended(guard, 1, horizon_min=4.0) == "limit: horizon_min is 4, below 5"


def test_a_copy_begins_anew():
    guard = TrialGuard(refused=9, limits={"clip_rate": 0.5})
    assert copy.deepcopy(guard).describe() == guard.describe()
