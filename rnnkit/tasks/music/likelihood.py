"""How likely music is under a network, and how much of it the network predicts.

`y_true` is the roll, shape (B, T, 88), 0 and 1, with -1 in all keys of a frame that does not count; `y_pred` the
log-odds of its keys. Legend: `B` batch, `T` frames.
"""

import keras
from keras import ops


def frame_nll(y_true, y_pred):
    """Negative log likelihood of each frame, summed over its keys, in nats: shape (B, T), 0 where it does not count."""
    y_pred = ops.cast(y_pred, "float32")
    nats = ops.softplus(y_pred) - ops.cast(y_true, "float32") * y_pred
    return ops.sum(ops.where(y_true >= 0, nats, 0.0), axis=-1)


def frame_hits(y_true, y_pred):
    """How many keys of each frame sound and have odds above one, and how many do one or the other: two of (B, T)."""
    counts = y_true >= 0
    sounds, predicted = y_true > 0, ops.logical_and(counts, y_pred > 0)
    both, either = ops.logical_and(sounds, predicted), ops.logical_or(sounds, predicted)
    return tuple(ops.sum(ops.cast(keys, "float32"), axis=-1) for keys in (both, either))


def counted_frames(y_true):
    """1 for frames that count, 0 for the others: float32, shape (B, T)."""
    return ops.cast(y_true[..., 0] >= 0, "float32")


@keras.saving.register_keras_serializable(package="rnnkit")
class RollLoss(keras.losses.Loss):
    """Negative log likelihood of a piece in nats per frame: the mean over all its frames, the first one included."""

    def call(self, y_true, y_pred):
        frames = ops.sum(counted_frames(y_true), axis=-1)
        return ops.sum(frame_nll(y_true, y_pred), axis=-1) / ops.maximum(frames, 1.0)


class _FrameRatio(keras.metrics.Metric):
    """A sum over the predicted frames of all pieces by another; exact however the pieces are batched.

    The first frame of a piece does not count, as in the benchmarks of the field: frame t + 1 is predicted from the
    frames up to t.
    """

    def __init__(self, name, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.sums = self.add_variable((2,), "zeros", dtype="float32", name="sums")

    def update_state(self, y_true, y_pred, sample_weight=None):
        parts = self.parts(y_true[:, 1:], y_pred[:, 1:])
        self.sums.assign_add(ops.stack([ops.sum(part) for part in parts]))

    def result(self):
        return ops.divide_no_nan(self.sums[0], self.sums[1])

    def parts(self, y_true, y_pred):
        """Numerator and denominator of each frame, two of shape (B, T)."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="rnnkit")
class FrameNLL(_FrameRatio):
    """Negative log likelihood, summed over the keys, in nats per frame (Boulanger-Lewandowski et al. 2012)."""

    def __init__(self, name="nll", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def parts(self, y_true, y_pred):
        return frame_nll(y_true, y_pred), counted_frames(y_true)


@keras.saving.register_keras_serializable(package="rnnkit")
class FrameAccuracy(_FrameRatio):
    """True positives by the sum of true positives, false positives and false negatives, keys with odds above one.

    M. Bay, A. F. Ehmann and J. S. Downie, "Evaluation of multiple-F0 estimation and tracking systems", ISMIR 2009. A
    joint head's odds are those given the true keys below, so its figure and an independent head's do not compare.
    """

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def parts(self, y_true, y_pred):
        return frame_hits(y_true, y_pred)


def piece_scores(roll, odds) -> dict[str, float]:
    """The metrics of one piece, which leave out its first frame."""
    scores: dict[str, float] = {"frames": len(roll)}
    for metric in (FrameNLL(), FrameAccuracy()):
        metric.update_state(roll[None], odds[None])
        scores[metric.name] = float(metric.result())
    return scores
