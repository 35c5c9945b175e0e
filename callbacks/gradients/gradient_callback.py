"""What the gradient callbacks have in common: they join the seam when `fit` begins and leave it at the end."""

import warnings
from typing import Any

import keras

from rnnkit import compat
from rnnkit.callbacks.gradients import seam
from rnnkit.callbacks.gradients.seam_checks import missing
from rnnkit.errors import ArgumentError, RnnkitError


class GradientCallback(keras.callbacks.Callback):
    """Base of the callbacks that see the gradients of a compiled `fit`.

    A subclass says what it needs by the class attributes, and gets the measured steps in `consume`.

    Attributes:
        rule: a clipping rule, or None.
        decides: whether its `decide` may refuse steps.
        drops_nonfinite: whether losses that are not finite stay out of the epoch's `loss`.
        required: whether `fit` must fail where gradients cannot be seen; otherwise it warns once.
        by_gate: whether the gates of recurrent kernels are to be measured apart.
        weights_every: steps between two measurements of the weights, or None.
        flush_every: steps between two transfers to the host.
        state: what the compiled step keeps from step to step, NumPy arrays by name.
        next_step: number of the next step.
        meets_train_function: whether the model was trained before, and not compiled since.
    """

    rule: Any = None
    decides = False
    drops_nonfinite = False
    required = True
    by_gate = False
    weights_every: int | None = None
    flush_every: int = 64
    meets_train_function = False

    def __init__(self):
        super().__init__()
        self.state: dict = self.initial_state()
        self.next_step = 0
        self._seam: seam.Seam | None = None

    def initial_state(self) -> dict:
        """What `state` is before the first step; each optimizer of a model gets one of its own."""
        return {}

    def consume(self, block) -> None:
        """Takes the measured steps (`rnnkit.callbacks.gradients.rows.Block`) since the last call."""

    def epoch_logs(self) -> dict:
        """What goes into the logs of the epoch that ends."""
        return {}

    def set_model(self, model: Any):
        super().set_model(model)
        # `fit` makes one after this and before `on_train_begin`, if there is none from a fit before
        self.meets_train_function = model is not None and model.train_function is not None

    def on_train_begin(self, logs: dict[str, Any] | None = None):
        self._seam = None
        try:
            self._seam = seam.join(self)
        except RnnkitError as error:
            if self.required:
                raise
            reason = missing(self.model) or str(error)
            warnings.warn(f"{type(self).__name__} records nothing: {reason}", stacklevel=2)

    def unseen(self, reason: str) -> None:
        """What acts ends the `fit` if gradients pass it by; what records warns and continues.

        Raises:
            ArgumentError: by `required`.
        """
        message = f"{type(self).__name__} sees no gradients: {reason}."
        if self.required:
            raise ArgumentError(f"callbacks: {message} Leave it out, or call apply of a Keras optimizer in train_step.")
        warnings.warn(message, stacklevel=2)

    def on_epoch_begin(self, epoch, logs=None):
        if self._seam:
            self._seam.begin_epoch(epoch)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None):
        if self._seam:
            self._seam.before_batch(self)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None):
        if self._seam:
            self._seam.flush()
            if logs is not None:
                logs.update(self.epoch_logs())

    def on_train_end(self, logs: dict[str, Any] | None = None):
        if self._seam:
            self._seam.flush()
            self._seam.leave(self)
            self._seam = None

    def get_state(self) -> dict:
        """What is needed to go on after a restart: plain values and NumPy arrays, in lists and dicts."""
        if self._seam:
            self._seam.flush()
        return {"next_step": self.next_step, **self.state}

    def set_state(self, state: dict) -> None:
        """Takes over what `get_state` gave, before `fit` or in it."""
        state = dict(state)
        self.next_step = int(state.pop("next_step"))
        self.state = state
        if self._seam:
            self._seam.go_on_from(self)

    def __getstate__(self):
        """A copy or pickle carries the records and the state, not the model or a running fit."""
        return {**compat.without_model(self), "_seam": None}
