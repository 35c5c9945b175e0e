"""Label sequences scored as a whole. Legend: `B` batch, `T` steps, `K` labels."""

from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole
from rnnkit.layers.crf_paths import padding_potentials
from rnnkit.layers.sequence import FORBIDDEN, assert_right_padded, valid_steps


@keras.saving.register_keras_serializable(package="rnnkit")
class CRF(keras.layers.Layer):
    """Linear-chain conditional random field over right-padded sequences.

    Adds to the score of each label at each step what the label before it says (Lafferty, McCallum and Pereira,
    "Conditional random fields", 2001; on recurrent networks: Lample et al., "Neural architectures for named entity
    recognition", 2016). A path y scores `start[y_1] + sum_t emissions[t, y_t] + sum_t transitions[y_(t-1), y_t] +
    end[y_T]`. The output carries all of it, so `CRFLoss` and the functions of `crf_paths` need nothing else:

        potentials = CRF(9)(keras.layers.Dense(9)(x), lengths)
        model = keras.Model([x, lengths], potentials)
        model.compile(loss=CRFLoss())
        labels, scores = rnnkit.layers.crf_paths.viterbi(model(inputs))

    The three weights start at zero, where the layer is an independent softmax at each step; the emissions break all
    symmetry. It computes in float32 under every dtype policy, since sums over many steps do not fit float16.

    Args:
        labels: int, the number of labels K.
        allowed: None, or which labels may start and end a sequence and which may follow each other: a dict of
            booleans, `{"start": (K,), "end": (K,), "pairs": (K, K)}`, with `pairs[i][j]` for j right after i.
        constrain_training: train with the constraint too. By default it holds outside training only, and the network
            learns from all paths. A true path that breaks a constraint in force costs about 1e9 nats.

    Raises:
        ArgumentError: an argument, or the width of the emissions, does not fit.

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> from rnnkit.layers import CRF, CRFLoss
        >>> emissions, lengths = keras.Input((None, 4)), keras.Input((), dtype="int32")
        >>> model = keras.Model([emissions, lengths], CRF(4)(emissions, lengths))
        >>> model.compile("adam", CRFLoss())
        >>> x = [np.ones((2, 6, 4)), np.array([6, 3])]
        >>> history = model.fit(x, np.zeros((2, 6), "int32"), epochs=1, verbose=0)
        >>> sorted(history.history)
        ['loss']
    """

    def __init__(self, labels: int, allowed: Any = None, constrain_training: bool = False, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.labels = whole("labels", labels)
        self.allowed = None if allowed is None else _checked(allowed, labels)
        self.constrain_training = constrain_training
        self.supports_masking = True

    def build(self, emissions_shape: Any, lengths_shape: Any = None):
        if emissions_shape[-1] != self.labels:
            raise ArgumentError(
                f"emissions: expected one score per label, shape (B, T, {self.labels}), got {tuple(emissions_shape)}. "
                f"Put a Dense({self.labels}) before the layer."
            )
        self.transitions = self._scores("transitions", (self.labels, self.labels))
        self.start = self._scores("start", (self.labels,))
        self.end = self._scores("end", (self.labels,))
        self.built = True

    def _scores(self, name, shape):
        return self.add_weight(name=name, shape=shape, initializer="zeros")

    def call(self, emissions: Any, lengths: Any = None, training: bool = False, mask: Any = None):
        """Joins all scores.

        Args:
            emissions: shape (B, T, K), the log score of each label at each step; their padding never counts.
            lengths: int32, shape (B,); None goes by the mask.
            training: whether the constraint is left out, unless `constrain_training`.
            mask: bool, shape (B, T), true up to the end of each sequence, as Keras hands on from an
                `Embedding(mask_zero=True)`; None means that every sequence fills all T steps. One that is true
                anywhere else, as with padding on the left, is an error, which TensorFlow raises at the first batch.

        Returns:
            Potentials, float32, shape (B, T, K, K): the log score of label i at step t - 1 followed by label j at
            step t. All rows of the first step are equal, for nothing comes before it. Padding is the identity, 0 on
            the diagonal and `FORBIDDEN` (-1e9) off it; a sequence of length 0 is all padding, and its loss is 0.
        """
        emissions = ops.cast(emissions, "float32")
        steps = ops.shape(emissions)[1]
        if lengths is None and mask is not None:
            lengths = ops.sum(ops.cast(mask, "int32"), axis=1)
        elif lengths is None:
            lengths = ops.broadcast_to(steps, (ops.shape(emissions)[0],))
        lengths = ops.cast(lengths, "int32")
        if mask is not None:
            lengths = assert_right_padded(lengths, mask)
        start, end, transitions = self.constrained(training)
        step = ops.arange(steps, dtype="int32")[:, None]
        scores = emissions + ops.where(step == 0, start, 0.0)
        scores = scores + ops.where(step == lengths[:, None, None] - 1, end, 0.0)
        moves = ops.where(step[:, :, None] == 0, 0.0, transitions)
        valid = valid_steps(lengths, steps)[:, :, None, None]
        return ops.where(valid, scores[:, :, None, :] + moves, padding_potentials(self.labels))

    def constrained(self, training: bool = False):
        """The weights `start`, `end` and `transitions`, with `FORBIDDEN` in place of what is not allowed."""
        weights = (self.start, self.end, self.transitions)
        if self.allowed is None or (training and not self.constrain_training):
            return weights
        allowed = (self.allowed[name] for name in ("start", "end", "pairs"))
        return tuple(ops.where(ops.array(a), w, FORBIDDEN) for a, w in zip(allowed, weights, strict=True))

    def compute_mask(self, emissions: Any, previous_mask: Any):
        return None  # the potentials' padding says it

    def compute_output_shape(self, emissions_shape: Any, lengths_shape: Any = None):
        return (*emissions_shape, self.labels)

    def get_config(self):
        return {
            **super().get_config(),
            "labels": self.labels,
            "allowed": self.allowed,
            "constrain_training": self.constrain_training,
        }


def _checked(allowed, labels):
    """The constraint as plain lists, for the config."""
    shapes = {"start": (labels,), "end": (labels,), "pairs": (labels, labels)}
    if not isinstance(allowed, dict) or set(allowed) != set(shapes):
        got = sorted(map(str, allowed)) if isinstance(allowed, dict) else repr(allowed)
        raise ArgumentError(f"allowed: expected a dict with the keys start, end and pairs, got {got}.")
    return {name: _booleans(name, allowed[name], shape) for name, shape in shapes.items()}


def _booleans(name, values, shape):
    try:
        values = np.asarray(values)
    except ValueError:
        raise ArgumentError(f"allowed[{name!r}]: expected shape {shape}, got rows of different lengths.") from None
    if values.shape != shape or values.dtype != bool:
        raise ArgumentError(
            f"allowed[{name!r}]: expected booleans of shape {shape}, got {values.dtype} of shape {values.shape}."
        )
    return values.tolist()
