"""When the training of a model that finds entities ends."""

import keras


class AfterFirstEntity(keras.callbacks.EarlyStopping):
    """Early stopping whose patience begins when the first entity was found: until then, all epochs score 0."""

    def get_monitor_value(self, logs):
        value = super().get_monitor_value(logs)
        return value if value or self.best_weights is not None else None
