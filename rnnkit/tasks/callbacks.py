"""The callbacks with which a task trains, besides those of the user."""

import math

import keras

from rnnkit.errors import ArgumentError
from rnnkit.optimizers import without_scaler

ROUNDING = 1e-6  # of a score in float32
STATE = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights", "left_floor", "_best_rank")


def joined(model, own, given):
    """The callbacks of one `fit`; our own come first, so that the user's find the best epoch's weights at the end.

    Args:
        model: the model that is trained.
        own: a list.
        given: what the user gave to `fit`: a callback, several, a `CallbackList` or None.
    """
    if isinstance(given, keras.callbacks.CallbackList):
        given.callbacks[:0] = own
        given.set_model(model)
        return given
    return [*own, *flat(given)]


def averaging(optimizer) -> list[keras.callbacks.Callback]:
    """An optimizer that averages the weights is measured, and its best epoch kept, with the averages."""
    averages = getattr(without_scaler(optimizer), "use_ema", False)
    return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if averages else []


def check_checkpoints(given) -> None:
    """Refuses a `ModelCheckpoint` that would write what cannot be read back, before training begins.

    Raises:
        ArgumentError: it would write a whole model as HDF5, which has no room for a vocabulary.
    """
    for each in flat(given):
        if isinstance(each, keras.callbacks.ModelCheckpoint) and not each.save_weights_only:
            check_model_path("ModelCheckpoint", each.filepath)


def check_model_path(name: str, path) -> None:
    """Refuses HDF5 as the format of a whole model."""
    if str(path).lower().endswith((".h5", ".hdf5", ".keras.h5")):
        raise ArgumentError(
            f"{name}: expected a path that ends in .keras, got {path}. An HDF5 file cannot hold the vocabulary."
        )


def flat(given) -> list:
    """The callbacks that a user gave to `fit`: one, several, a `CallbackList` or None."""
    if isinstance(given, keras.callbacks.CallbackList):
        return given.callbacks
    return list(given) if isinstance(given, (list, tuple)) else [] if given is None else [given]


class BestEpoch(keras.callbacks.EarlyStopping):
    """Ends training after some epochs without a better score, and keeps the best epoch's weights.

    Better is a better score, or an equal score with a lower validation loss. Patience begins when the score first
    leaves `model.floor`, what a model that has learned nothing reaches: before that, the score says nothing, while the
    loss may fall. Where the score is not among the logs, the validation loss is the score.

    Args:
        monitor: the epoch log that is the score.
        mode: its better end, `"max"` or `"min"`.
        patience: epochs.

    Attributes:
        left_floor: whether the score has left the floor; after training `model.ended_at_floor` is the opposite,
            and `model.kept_epoch` is the number of the best epoch.
    """

    def __init__(self, monitor: str, mode: str, patience: int):
        super().__init__(monitor, mode=mode, patience=patience, restore_best_weights=True)
        self.wait, self.best_weights = 0, None

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._best_rank = (-math.inf, -math.inf)
        self.left_floor = getattr(self.model, "floor", None) is None

    def on_epoch_end(self, epoch, logs=None):
        rank = self._rank(logs or {})
        if rank is None:
            return
        self.left_floor = self.left_floor or self.monitor not in logs or self._above_floor(logs[self.monitor])
        self.wait = 0 if rank[0] > self._best_rank[0] or not self.left_floor else self.wait + 1
        if self.best_weights is None or rank > self._best_rank:
            self._best_rank = rank if rank > self._best_rank else self._best_rank  # NaN is not above anything
            self.best, self.best_epoch = logs.get(self.monitor), epoch
            self.best_weights = self.model.get_weights()
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        self.model.ended_at_floor = not self.left_floor
        self.model.kept_epoch = self.best_epoch

    def _rank(self, logs) -> tuple[float, float] | None:
        """What to sort epochs by; None for one that was not validated."""
        loss = logs.get("val_loss", logs.get(self.monitor))
        if loss is None:
            return None
        score = logs.get(self.monitor)
        return (-loss if score is None else self._sign * score, -loss)

    def _above_floor(self, score) -> bool:
        return self._sign * (score - self.model.floor) > ROUNDING

    @property
    def _sign(self) -> int:
        return 1 if self.mode == "max" else -1

    def get_state(self) -> dict:
        """What an exact resume needs."""
        return {name: getattr(self, name) for name in STATE}

    def set_state(self, state: dict) -> None:
        """Takes over what `get_state` gave."""
        for name, value in {**state, "_best_rank": tuple(state["_best_rank"])}.items():
            setattr(self, name, value)


class Halving(keras.callbacks.ReduceLROnPlateau):
    """Halves the learning rate after some epochs without a better score, once the score has left its floor.

    Args:
        best: the `BestEpoch` of the same training, which comes before this callback.
        patience: epochs.
    """

    def __init__(self, best: BestEpoch, patience: int):
        super().__init__(best.monitor, mode=best.mode, factor=0.5, patience=patience)
        self.stopping = best

    def on_epoch_end(self, epoch, logs=None):
        if not self.stopping.left_floor:
            self.wait = -1  # which is 0 after this epoch
        super().on_epoch_end(epoch, logs)


def follows_schedule(optimizer) -> bool:
    """Whether an optimizer's learning rate follows a schedule."""
    return optimizer is not None and not isinstance(without_scaler(optimizer).get_config()["learning_rate"], float)
