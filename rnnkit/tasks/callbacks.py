"""The callbacks with which a task trains, beside those of the user."""

import keras

from rnnkit.optimizers import without_scaler


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
    given = given if isinstance(given, (list, tuple)) else [] if given is None else [given]
    return [*own, *given]


def averaging(optimizer) -> list[keras.callbacks.Callback]:
    """An optimizer that averages the weights is measured, and its best epoch kept, with the averages."""
    averages = getattr(without_scaler(optimizer), "use_ema", False)
    return [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if averages else []


def halving(optimizer, monitor: tuple[str, str], patience: int | None) -> list[keras.callbacks.Callback]:
    """Halves the learning rate after so many epochs without a better one, unless it follows a schedule.

    Args:
        optimizer: that of the model, or None if it has none yet.
        monitor: the log to go by, and its direction.
        patience: in epochs; None never halves.
    """
    rate = getattr(without_scaler(optimizer), "_learning_rate", None)
    if patience is None or isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return []
    name, mode = monitor
    return [keras.callbacks.ReduceLROnPlateau(name, mode=mode, factor=0.5, patience=patience)]
