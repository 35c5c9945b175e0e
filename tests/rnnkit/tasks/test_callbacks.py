"""When `epochs="auto"` ends training, and which epoch it keeps."""

import keras
import numpy as np
import pytest

from rnnkit.errors import ArgumentError
from rnnkit.tasks import TASKS
from rnnkit.tasks.callbacks import BestEpoch, Halving, check_checkpoints


def trained(scores, losses=None, *, floor=0.0, mode="max", patience=2, halve_after=None):
    """Epochs with these scores: the `BestEpoch`, after how many epochs it stopped, and the learning rates."""
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(1.0))
    model.floor, model.stop_training = floor, False
    best = BestEpoch("val_score", mode, patience)
    callbacks = [best] if halve_after is None else [best, Halving(best, halve_after)]
    rates = []
    for each in callbacks:
        each.set_model(model)
        each.on_train_begin()
    for epoch, score in enumerate(scores):
        model.set_weights([np.full((1, 1), epoch)])
        logs = {"val_score": score, "val_loss": losses[epoch] if losses else 1.0}
        for each in callbacks:
            each.on_epoch_end(epoch, dict(logs))
        rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    best.on_train_end()
    assert model.get_weights()[0] == best.best_epoch
    return best, epoch + 1, rates


@pytest.mark.parametrize("after", [[0.2, 0.1, 0.1], [0.0, 0.0, 0.0]])
@pytest.mark.parametrize(("floor", "below"), [(0.0, 0.0), (0.15, 0.15), (0.15, 0.05)])
def test_patience_begins_when_the_score_leaves_its_floor(after, floor, below):
    best, epochs, _ = trained([*[below] * 5, 0.3, *after], floor=floor)
    assert (best.best_epoch, epochs, best.model.ended_at_floor) == (5, 8, False)


def test_a_floor_in_float32_is_not_left_by_rounding():
    best, epochs, _ = trained([np.float32(0.96)] * 6, floor=0.96)
    assert (epochs, best.model.ended_at_floor) == (6, True)


def test_a_loss_leaves_its_floor_downwards_and_without_a_floor_patience_begins_at_once():
    assert trained([1.0, 1.1, 1.0, 0.9, 0.95, 0.95], floor=1.0, mode="min")[:2][1] == 6
    assert trained([1.0, 1.1, 1.0, 0.9], floor=None, mode="min")[1] == 3


def test_ties_go_to_the_lower_loss_and_do_not_prolong_training():
    best, epochs, _ = trained([0.0] * 4, [4.0, 2.0, 3.0, 2.5])
    assert (best.best_epoch, epochs, best.model.ended_at_floor) == (1, 4, True)
    best, epochs, _ = trained([0.5, 0.7, 0.7, 0.7, 0.7], [5.0, 4.0, 3.0, 2.0, 1.0])
    assert (best.best_epoch, epochs) == (3, 4)


def test_a_loss_that_is_no_number_is_not_the_best():
    best, _, _ = trained([float("nan"), 0.2, 0.1], [float("nan"), 1.0, 0.5])
    assert best.best_epoch == 1


def test_the_rate_is_not_halved_at_the_floor():
    scores = [0.0] * 6 + [0.3, 0.2, 0.2]
    assert trained(scores, halve_after=1, patience=9)[2] == [1.0] * 7 + [0.5, 0.25]


def test_without_the_score_the_validation_loss_decides():
    best = BestEpoch("val_other", "max", 2)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.floor, model.stop_training = 0.5, False
    best.set_model(model)
    best.on_train_begin()
    for epoch, loss in enumerate([3.0, 2.0, 2.5, 2.6]):
        best.on_epoch_end(epoch, {"val_loss": loss})
        assert model.stop_training == (epoch == 3)
    best.on_epoch_end(4, {"loss": 0.0})  # an epoch without validation
    assert best.best_epoch == 1


def test_its_state_is_that_of_a_training_that_goes_on():
    first, _, _ = trained([0.0, 0.0, 0.3, 0.2])
    again = BestEpoch("val_score", "max", 2)
    again.set_model(first.model)
    again.on_train_begin()
    again.set_state(first.get_state())
    assert again.get_state() == first.get_state()
    first.model.stop_training = False
    again.on_epoch_end(4, {"val_score": 0.1, "val_loss": 1.0})
    assert first.model.stop_training


def test_the_floor_of_each_task_is_what_a_model_scores_that_has_learned_nothing():
    tasks = {name: TASKS[name](units=2) for name in ("ner", "translation")}
    assert {name: each.score_floor({}) for name, each in tasks.items()} == {"ner": 0.0, "translation": 0.0}
    assert TASKS["music"](units=2).score_floor({}) is None
    targets = {"target": [0.0, 1.0, 2.0, 3.0]}
    assert TASKS["memory"]("number", units=2).score_floor(targets) == pytest.approx(0.95 * np.var([0, 1, 2, 3]))
    classes = {"target": [0] * 500 + [1] * 500}
    assert TASKS["memory"]("class", units=2).score_floor(classes) == pytest.approx(0.95 * np.log(2), rel=1e-4)


def test_a_checkpoint_that_could_not_be_read_back_is_refused():
    with pytest.raises(ArgumentError, match=r"ModelCheckpoint: expected a path that ends in .keras, got .*best.h5"):
        check_checkpoints(keras.callbacks.ModelCheckpoint("best.h5"))
    check_checkpoints([keras.callbacks.ModelCheckpoint("best.keras")])
    check_checkpoints([keras.callbacks.ModelCheckpoint("best.weights.h5", save_weights_only=True)])
