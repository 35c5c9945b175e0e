"""A copy of a model's weights and optimizer, to go back to."""

import numpy as np

from rnnkit.callbacks.resuming.training_state import assign


class Snapshot:
    """The values of a model's weights and of its optimizer's variables at one moment, in host memory.

    Args:
        model: a built model; its optimizer is built if it is not yet.
        values: those of an earlier snapshot; None takes the present ones.
    """

    def __init__(self, model, values=None):
        if not model.optimizer.built:
            with model.distribute_strategy.scope():
                model.optimizer.build(model.trainable_variables)
        self.variables = [*model.weights, *model.optimizer.variables]
        self.values = [variable.numpy() for variable in self.variables] if values is None else values

    @property
    def finite(self) -> bool:
        """Whether every value is a finite number."""
        return all(np.all(np.isfinite(value)) for value in self.values)

    def restore(self) -> None:
        """Assigns the values."""
        assign(self.variables, self.values, "weights and optimizer")
