"""How a task that starts from a language model is trained further (Howard and Ruder, ULMFiT, 2018)."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from rnnkit import compat
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import fraction, is_number, positive, whole
from rnnkit.optimizers import without_scaler


class FineTuning(keras.callbacks.Callback):
    """Scales the learning rate of each layer at each step, so that what was learned before is not soon forgotten.

    Howard and Ruder, "Universal language model fine-tuning for text classification", 2018. Layers are in groups, from
    the outputs down: the output layers with all else that is new, each recurrent layer from the last to the first, and
    the token embeddings. Three factors are multiplied with the optimizer's own learning rate, which stays as it is:

    - discriminative rates: a group's rate is that of the group above it, divided by `decay`;
    - gradual unfreezing: a group is not moved at all before the group above it has been trained for `unfreeze` epochs;
    - the slanted triangle: from 1 / `ratio` the rate rises to 1 over the fraction `rise` of all steps, and falls back.

    They follow from the number of the step alone, so that a resumed training has the same.

    Args:
        decay: 1 gives all groups the same rate.
        unfreeze: epochs; 0 trains all groups from the first step on.
        rise: a fraction in (0, 1).
        ratio: 1 keeps the rate constant.
        epochs: length of the triangle, after which the rate stays at its lowest; None takes those of `fit`, and 10 for
            `epochs="auto"`.

    Raises:
        ArgumentError: an argument out of its range; in `fit`, an optimizer with `weight_decay`, which would move
            layers that are frozen.

    Examples:
        >>> from rnnkit.tasks import FineTuning
        >>> [round(FineTuning(rise=0.5).triangle(step, 4), 3) for step in range(4)]
        [0.031, 0.516, 1.0, 0.516]
    """

    def __init__(
        self,
        decay: float = 2.6,
        unfreeze: int = 1,
        rise: float = 0.1,
        ratio: float = 32.0,
        epochs: int | None = None,
    ):
        super().__init__()
        self.decay, self.ratio = _at_least_one("decay", decay), _at_least_one("ratio", ratio)
        self.unfreeze = whole("unfreeze", unfreeze, least=0)
        self.rise = positive("rise", fraction("rise", rise))
        self.epochs = None if epochs is None else whole("epochs", epochs)
        self._factors: Any = None

    @contextlib.contextmanager
    def installed(self, model: Any, epochs: int) -> Iterator[None]:
        """For as long as a `fit` of a compiled task runs, each update of its optimizer is scaled.

        Args:
            model: has `layer_groups()`, lists of variables from the outputs down.
            epochs: those of the `fit`.
        """
        optimizer = without_scaler(model.optimizer)
        if optimizer.weight_decay:
            raise ArgumentError("fine_tuning: weight_decay would move layers that are frozen. Leave one of them out.")
        self._length = self.epochs or epochs
        self._group = _groups(model.layer_groups(), compat.variables_of(optimizer))
        self._factors = keras.Variable(np.zeros(len(self._group)), trainable=False, name="rates")
        update = optimizer.update_step

        def scaled(gradient, variable, learning_rate):
            update(gradient, variable, learning_rate * self._factors[compat.index_of(optimizer, variable)])

        compat.replace(optimizer, "update_step", scaled)
        model.train_function = None  # it would be one that was traced without
        try:
            yield
        finally:
            compat.restore(optimizer, "update_step")
            model.train_function = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        steps = self.params["steps"]
        triangle = self.triangle(self._epoch * steps + batch, self._length * steps)
        unfrozen = self._epoch >= self._group * self.unfreeze
        self._factors.assign(triangle * unfrozen / self.decay**self._group)

    def triangle(self, step: int, steps: int) -> float:
        """The factor at a step, from 0, of a training of `steps`."""
        top = max(1.0, self.rise * steps)
        height = step / top if step < top else max(0.0, (steps - step) / max(1.0, steps - top))
        return (1 + height * (self.ratio - 1)) / self.ratio


def find_fine_tuning(given: Any) -> FineTuning | None:
    """What `fit` was given as `fine_tuning`, as a `FineTuning`; None for False."""
    if isinstance(given, bool):
        return FineTuning() if given else None
    if not isinstance(given, FineTuning):
        raise ArgumentError(f"fine_tuning: expected True, False or a FineTuning, got {given!r}.")
    return given


def _groups(groups: Sequence[Sequence[Any]], variables: Sequence[Any]) -> np.ndarray:
    """The number of each variable's group."""
    numbers = {id(variable): number for number, group in enumerate(groups) for variable in group}
    return np.array([numbers[id(variable)] for variable in variables])


def _at_least_one(name: str, value) -> float:
    if not (is_number(value) and 1 <= value < float("inf")):
        raise ArgumentError(f"{name}: expected a number of at least 1, got {value!r}.")
    return float(value)
