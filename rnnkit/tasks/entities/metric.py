"""Entity F1 inside `fit` and `evaluate`.

Legend: `B` batch, `T` steps, `K` tags, `N` = B (T + 1): a batch's sentences in one row, each with an `O` after it.
"""

import keras
import numpy as np
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.layers.crf_paths import padding_steps, viterbi
from rnnkit.tasks.entities.spans import OUTSIDE, ends_span, parse_tags, starts_span


@keras.saving.register_keras_serializable(package="rnnkit")
class EntityF1(keras.metrics.Metric):
    """Entity F1, precision and recall from one decoding of the model's output, with the counts of `score_entities`.

    Give it to `compile(metrics=[...])`. Its result is a dict, so that `evaluate(return_dict=True)` and the logs of
    `fit` hold three fractions: F1 under the metric's name, `precision` and `recall`.

    `y_true` is int (B, T): the number of each token's tag, -1 in the padding on the right. `y_pred` is either logits
    (B, T, K), where each token takes its best tag, or the potentials (B, T, K, K) of a CRF, decoded by Viterbi; these
    know what is padding, whatever `y_true` has there.

    Args:
        tags: the K tags in the order of their numbers, of any scheme.
        name: the name of F1 in the logs.

    Raises:
        ArgumentError: `y_pred` has another number of tags, or sample weights are given: spans have no weight.
        DataError: one of `tags` is no tag.
    """

    def __init__(self, tags, name="f1", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.tags = list(tags)
        self._starts, self._ends, self._types = _tables(self.tags)
        # float32 wherever the metric runs: whole numbers are exact up to 2**24 spans
        self.counts = self.add_variable((3,), "zeros", dtype="float32", name="gold_found_correct")

    def update_state(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            raise ArgumentError(
                "sample_weight: spans have none. Give this metric to `metrics`, not `weighted_metrics`."
            )
        if y_pred.shape[-1] != len(self.tags):
            raise ArgumentError(f"y_pred: expected one output for each of {len(self.tags)} tags, got {y_pred.shape}.")
        padding = ops.cast(y_true, "int32") < 0
        if len(y_pred.shape) == 4:
            padding = ops.logical_or(padding, padding_steps(y_pred))
        gold = self._in_one_row(y_true, padding)
        found = self._in_one_row(_decode(y_pred), padding)
        self.counts.assign_add(ops.cast(self._count(gold, found), "float32"))

    def result(self):
        gold, found, correct = ops.unstack(self.counts, 3)
        return {
            self.name: ops.divide_no_nan(2 * correct, gold + found),
            "precision": ops.divide_no_nan(correct, found),
            "recall": ops.divide_no_nan(correct, gold),
        }

    def get_config(self):
        return {**super().get_config(), "tags": list(self.tags)}

    def _in_one_row(self, labels, padding):
        """Label numbers (B, T) as int32 (N,), with the number K for what is outside of the sentences."""
        labels = ops.where(padding, len(self.tags), ops.cast(labels, "int32"))
        return ops.reshape(ops.pad(labels, ((0, 0), (0, 1)), constant_values=len(self.tags)), (-1,))

    def _count(self, gold, found):
        """How many spans are in gold, in found and in both: int32, shape (3,)."""
        gold_starts, gold_ends = self._edges(gold)
        found_starts, found_ends = self._edges(found)
        same_type = ops.take(self._types, gold) == ops.take(self._types, found)
        starts_together = gold_starts * found_starts * ops.cast(same_type, "int32")
        # Cut the row wherever a span starts in either: a piece that both starts and ends together is a correct span.
        piece = ops.cumsum(ops.maximum(gold_starts, found_starts))
        marks = ops.segment_sum(starts_together + 2 * gold_ends * found_ends, piece, ops.shape(piece)[0] + 1)
        correct = ops.sum(ops.cast(marks == 3, "int32"))
        return ops.stack([ops.sum(gold_starts), ops.sum(found_starts), correct])

    def _edges(self, labels):
        """1 where a span starts, and 1 where one ends: two int32 of shape (N,)."""
        size = len(self.tags) + 1
        # the last label is outside, so what rolls over the ends of the row is right
        starts = ops.take(self._starts, ops.roll(labels, 1) * size + labels)
        ends = ops.take(self._ends, labels * size + ops.roll(labels, -1))
        return starts, ends


def _decode(outputs):
    if len(outputs.shape) == 3:
        return ops.argmax(outputs, axis=-1)
    return viterbi(outputs)[0]


def _tables(tags):
    """Whether a span starts, and whether one ends, at `tag * (K + 1) + next tag` of each pair; and one number per type.

    Tag number K is the outside.
    """
    parsed = [*parse_tags(tags, where="tags"), OUTSIDE]
    types = sorted({tag.label for tag in parsed})
    pairs = [(previous, tag) for previous in parsed for tag in parsed]
    return (
        np.array([starts_span(*pair) for pair in pairs], dtype="int32"),
        np.array([ends_span(*pair) for pair in pairs], dtype="int32"),
        np.array([types.index(tag.label) for tag in parsed], dtype="int32"),
    )
