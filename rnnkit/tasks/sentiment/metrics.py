"""Keras metrics on class numbers (B,) and class probabilities (B, C), whatever form they were made for."""

import keras
from keras import ops

metrics = keras.metrics
SECOND_OF_TWO = (
    *(metrics.AUC, metrics.Precision, metrics.Recall, metrics.PrecisionAtRecall, metrics.RecallAtPrecision),
    *(metrics.SensitivityAtSpecificity, metrics.SpecificityAtSensitivity),
    *(metrics.TruePositives, metrics.TrueNegatives, metrics.FalsePositives, metrics.FalseNegatives),
    *(metrics.BinaryAccuracy, metrics.BinaryCrossentropy),
)
ONE_HOT = (
    *(metrics.FBetaScore, metrics.CategoricalAccuracy, metrics.TopKCategoricalAccuracy),
    *(metrics.CategoricalCrossentropy, metrics.MeanSquaredError, metrics.KLDivergence),
)
FOUND_BY_KERAS = ("accuracy", "acc", "crossentropy", "ce", "auto")  # by the shapes of targets and predictions


@keras.saving.register_keras_serializable(package="rnnkit")
class ClassMetric(keras.metrics.Metric):
    """A metric that gets targets as it wants them: one-hot, or of two classes whether it is the second.

    Args:
        metric: a Keras metric that takes targets of the shape of its predictions.
    """

    def __init__(self, metric, **kwargs):
        metric = keras.saving.deserialize_keras_object(metric) if isinstance(metric, dict) else metric
        super().__init__(**{"name": metric.name, **kwargs})
        self.metric = metric

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes class numbers (B,) and probabilities (B, C)."""
        if y_pred.shape[-1] == 2 and isinstance(self.metric, SECOND_OF_TWO):
            self.metric.update_state(ops.reshape(y_true, (-1, 1)), y_pred[:, 1:], sample_weight)
        else:
            targets = ops.one_hot(ops.reshape(y_true, (-1,)), y_pred.shape[-1], dtype=y_pred.dtype)
            self.metric.update_state(targets, y_pred, sample_weight)

    def result(self):
        """That of the metric."""
        return self.metric.result()

    def reset_state(self):
        """Forgets what was seen."""
        self.metric.reset_state()

    def get_config(self):
        return {**super().get_config(), "metric": keras.saving.serialize_keras_object(self.metric)}


def macro_f1() -> ClassMetric:
    """The mean of the F1 of all classes, each counting the same."""
    return ClassMetric(keras.metrics.F1Score(average="macro", name="macro_f1"))


def for_classes(given):
    """The metrics of `compile`, those that need targets of another form wrapped."""
    if isinstance(given, (list, tuple)):
        return [for_classes(each) for each in given]
    if isinstance(given, str) and given not in FOUND_BY_KERAS:
        found = keras.metrics.get(given)
        return for_classes(found) if isinstance(found, keras.metrics.Metric) else given
    return ClassMetric(given) if isinstance(given, (*SECOND_OF_TWO, *ONE_HOT)) else given
