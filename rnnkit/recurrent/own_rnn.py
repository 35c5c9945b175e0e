"""What the recurrent cells of rnnkit's own have in common: arguments, weights, and the layer that runs them over time.

Legend: `B` batch, `T` steps, `F` features, `H` units, `G` gates.
"""

import inspect
from typing import Any, ClassVar

import keras
from keras import ops

from rnnkit.errors.checks import whole
from rnnkit.recurrent.cell_arguments import CellArguments
from rnnkit.recurrent.fused_rnn import FusedRNN

KINDS = {"initializer": keras.initializers, "regularizer": keras.regularizers, "constraint": keras.constraints}


class OwnCell(keras.layers.Layer):
    """One step: arguments as those of `keras.layers.SimpleRNNCell`, with an input kernel (F, G * H) and one bias."""

    gates: ClassVar[int] = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.units = self.output_size = whole("units", units)
        self.state_size: Any = self.units
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.recurrent_constraint = keras.constraints.get(recurrent_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def build(self, input_shape: Any):
        width = self.gates * self.units
        self.kernel = self._weight("kernel", "kernel", (input_shape[-1], width))
        self.recurrent_kernel = self.make_recurrent_kernel()
        self.bias = self._weight("bias", "bias", (width,)) if self.use_bias else None
        self.built = True

    def make_recurrent_kernel(self):
        """The variable."""
        raise NotImplementedError

    def _weight(self, name, prefix, shape, **options):
        given = {kind: getattr(self, f"{prefix}_{kind}") for kind in KINDS}
        return self.add_weight(shape=shape, name=name, **{**given, **options})

    def project(self, inputs: Any):
        """The inputs' part of what goes into the gates, (B, F) -> (B, G * H)."""
        product = ops.matmul(inputs, self.kernel)
        return product if self.bias is None else product + self.bias

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **{
                f"{prefix}_{kind}": module.serialize(getattr(self, f"{prefix}_{kind}"))
                for prefix in ("kernel", "recurrent", "bias")
                for kind, module in KINDS.items()
            },
        }


class OwnRNN(CellArguments, FusedRNN):
    """`keras.layers.RNN` over an `OwnCell`, through `fused_loops` on a CPU; it takes the arguments of both.

    In half precision that loop keeps its states in float32, where the cell's own steps round them every time.
    """

    cell_class: type[OwnCell]
    dtypes = ("float32", "float16", "bfloat16")

    def __init__(self, units: int, **kwargs: Any):
        arguments = {name for cls in (self.cell_class, OwnCell) for name in inspect.signature(cls).parameters}
        of_cell = {name: kwargs.pop(name) for name in arguments & kwargs.keys()}
        shared = {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}
        super().__init__(self.cell_class(units, **of_cell, **shared, name="own_cell"), **kwargs)

    def obstacles(self):
        return {}

    def loop_weights(self):
        bias = self.cell.bias
        return [self.cell.kernel, self.recurrent_kernel(), *([] if bias is None else [bias])]

    def recurrent_kernel(self):
        """As `fused_loops.run` takes it."""
        return self.cell.recurrent_kernel
