"""The model's own loss, of the whole probe or of single positions. For TensorFlow. Legend: `B` batch."""

import numpy as np
import tensorflow as tf

from rnnkit.tasks.translation.model import Translator


class Losses:
    """The model's own loss on the probe: of everything, or of one position a sequence."""

    def __init__(self, model, x, y, predictions):
        self._model, self._x, self._y, self._predictions = model, x, y, predictions
        self._known: dict[bytes, tf.Tensor] = {}
        self.total = self._loss(predictions)

    def by_step(self, layer, inputs) -> bool:
        """Whether there is a prediction, and so a loss, for each step of a layer's inputs (B, T, F).

        A translator's encoder has none: its steps are those of the source, however many the predictions have.
        """
        if isinstance(self._model, Translator) and any(each is layer for each in self._model.stack._flatten_layers()):
            return False
        shape = tuple(getattr(self._predictions, "shape", ()))
        return len(shape) >= 3 and shape[:2] == tuple(inputs.shape[:2])

    def at(self, places: np.ndarray) -> tf.Tensor:
        """The loss with all predictions held fixed but those at `places`, shape (B,)."""
        key = places.tobytes()
        if key not in self._known:
            steps, rest = self._predictions.shape[1], len(self._predictions.shape) - 2
            here = (np.arange(steps) == places[:, None]).reshape(len(places), steps, *[1] * rest)
            held = tf.where(here, self._predictions, tf.stop_gradient(self._predictions))
            self._known[key] = self._loss(held)
        return self._known[key]

    def _loss(self, predictions):
        return self._model.compute_loss(x=self._x, y=self._y, y_pred=predictions, training=False)
