"""One step of the cells that train in parallel, minGRU and minLSTM; `rnnkit.recurrent.min_rnn` has the layers.

Their gates and candidates see the input and not the state, so a layer computes them for all steps as one product, and
only an elementwise recurrence is left to go through time (Feng, Tung, Ahmed, Bengio and Hajimirsadeghi, "Were RNNs all
we needed?", 2024). There is no recurrent kernel: a unit sees other units in the layer above only, and no gradient
explodes through time, for each step's factor is its forget gate, between 0 and 1.

Legend: `B` batch, `T` steps, `F` features, `H` units, `G` gates.
"""

from typing import Any

import keras
from keras import ops

from rnnkit.recurrent.linear_scan import gated_scan
from rnnkit.recurrent.scan_cells import ScanCell
from rnnkit.recurrent.table import CELLS


class ParallelCell(ScanCell):
    """One step of both cells; they differ in `gates` and `gated`."""

    gates = ""

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def build(self, input_shape: Any):
        width = len(self.gates) * self.units
        self.kernel = self.add_weight(
            shape=(input_shape[-1], width),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                shape=(width,),
                name="bias",
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.built = True

    def project(self, inputs: Any):
        """What goes into each gate: (..., F) -> G of (..., H), a product each over all rows."""
        gates = len(self.gates)
        biases = ops.split(self.bias, gates) if self.use_bias else [None] * gates
        kernels = ops.split(self.kernel, gates, axis=1)
        return [self.product(inputs, kernel, bias) for kernel, bias in zip(kernels, biases, strict=True)]

    def gated(self, projected):
        """Logits of the forget gate and candidates, each (..., H), as `rnnkit.recurrent.linear_scan` takes them."""
        raise NotImplementedError

    def scan(self, inputs: Any, states: Any, counts: Any = None) -> tuple:
        logits, candidates = self.gated(self.project(inputs))
        if counts is not None:  # steps that do not count keep all of the state, whatever stands in them
            logits, candidates = ops.where(counts, logits, float("inf")), ops.where(counts, candidates, 0.0)
        return (gated_scan(*map(self.wide, (logits, candidates, states[0]))),)

    def terms(self, inputs: Any):
        logits, candidates = map(self.wide, self.gated(self.project(inputs)))
        input_gate = ops.sigmoid(-logits)
        return (1 - input_gate,), (input_gate * candidates,)

    def preactivations(self, inputs: Any, hidden: Any):
        """As `rnnkit.recurrent.gates.preactivations`; the keep gate of a minLSTM is the normalised one."""
        projected = self.project(inputs)
        logits, _ = self.gated(projected)
        return {self.gates[0]: (keras.activations.sigmoid, logits), "h": (self.activation, projected[-1])}

    def get_config(self):
        kinds = {"initializer": keras.initializers, "regularizer": keras.regularizers, "constraint": keras.constraints}
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **{
                f"{name}_{kind}": module.serialize(getattr(self, f"{name}_{kind}"))
                for name in ("kernel", "bias")
                for kind, module in kinds.items()
            },
        }


@keras.saving.register_keras_serializable(package="rnnkit")
class MinGRUCell(ParallelCell):
    """One step of a minGRU: `MinGRU` has the equations and arguments.

    Weights: kernel (F, 2 * H) and bias (2 * H,), columns in the order z, h.
    """

    gates = CELLS["mingru"].gates

    def gated(self, projected: Any):
        update, candidate = projected
        return update, self.activation(candidate)


@keras.saving.register_keras_serializable(package="rnnkit")
class MinLSTMCell(ParallelCell):
    """One step of a minLSTM: `MinLSTM` has the equations and arguments.

    Weights: kernel (F, 3 * H) and bias (3 * H,), columns in the order f, i, h.
    """

    gates = CELLS["minlstm"].gates

    def gated(self, projected: Any):
        forget, input_gate, candidate = projected
        logits = ops.softplus(-input_gate) - ops.softplus(-forget)  # log(f / i), also where both are zero in float32
        return logits, self.activation(candidate)
