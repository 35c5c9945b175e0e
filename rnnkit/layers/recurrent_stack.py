"""The recurrent stack that every task shares. Legend: `B` batch, `T` steps, `F` features, `H` units."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit.constraints import find_constraint
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import fraction, one_of, strength, whole
from rnnkit.initializers import find_initializer
from rnnkit.layers.blocks import Block
from rnnkit.layers.gated_blocks import BLOCKS
from rnnkit.layers.sequence import zero_padding
from rnnkit.layers.stream import StackStream, piecewise
from rnnkit.recurrent.cells import find_cell
from rnnkit.recurrent.fused_rnn import FusedRNN
from rnnkit.recurrent.omega import OmegaRNN
from rnnkit.recurrent.own_rnn import KINDS
from rnnkit.recurrent.parallel_rnn import ParallelRNN
from rnnkit.recurrent.truncated import TruncatedRNN, check_stepwise, loop_options
from rnnkit.regularizers import find_regularizer

AROUND = ("bidirectional", "dropout", "residual", "layer_norm")
SAVED = (*AROUND, "units", "bptt_steps", "omega", "gradient_penalty", "block", "project_inputs", "return_sequences")


@keras.saving.register_keras_serializable(package="rnnkit")
class RecurrentStack(keras.layers.Layer):
    """One or more recurrent layers over right-padded sequences, exact for every length.

    No mask reaches a recurrent kernel: each layer runs over the padding too, and what it says there is thrown away.
    Since padding comes last it cannot touch the steps before it; for the backward direction each sequence is
    reversed by its own length first. The result equals each sequence run alone, unpadded, on CPU and GPU, and padding
    keeps no kernel from cuDNN; `bptt_steps`, `omega`, `gradient_penalty` and activations other than the cell's own do.

    Each layer computes `y = rnn(dropout(norm(x)))`, plus `x` where `residual` is on and the widths agree.

    Args:
        cell: a name of the cell table, or a Keras recurrent layer or cell class (see `rnnkit.recurrent.cells`).
        units: int, the width of each direction, or a list with one width a layer.
        layers: how many layers; ignored when `units` is a list.
        bidirectional: also run backwards, and join both outputs: the width is then 2 * units.
        activation: of the cell; None keeps the cell's own.
        dropout: fraction of each layer's input features dropped in training, in [0, 1).
        residual: add a layer's input to its output where the widths agree.
        layer_norm: normalise each layer's input (Ba, Kiros and Hinton, "Layer normalization", 2016).
        recurrent_initializer: `"orthogonal"`, `"gate_orthogonal"` (each gate by itself), `"identity"`, `"chrono"`
            (gated cells only), or a Keras initializer, such as `rnnkit.initializers.Chrono(max_lag=99)`; None: its own.
        recurrent_regularizer: a penalty on the recurrent kernels: `"l1"`, `"l2"`, `"orthogonal"`,
            `"soft_orthogonality"`, or a Keras regularizer (see `rnnkit.regularizers`).
        recurrent_constraint: a limit on the recurrent kernels: `"spectral_cap"`, or a Keras constraint. Scans, without
            such a kernel, take none of the three, but `min_gru` and `min_lstm` the initializer `"chrono"`.
        bptt_steps: int, the gradient stays within chunks of this many steps (see `TruncatedRNN`); None leaves it whole.
        omega: strength of the penalty on gradients that shrink or grow through time (see `OmegaRNN`); 0 is none.
        gradient_penalty: strength of the penalty, in training, on the squared norm of the Jacobian of all outputs for
            all inputs, for each step, estimated along a random direction (Hoffman, Roberts and Yaida, "Robust learning
            with Jacobian regularization", 2019); needs TensorFlow, and triples the time of a step; 0 is none.
        block: what stands around each layer (see `rnnkit.layers.gated_blocks`): `"plain"`, the equation above, or
            `"residual"`, `"glu"`, `"griffin"`, `"pre_up"` or `"post_up"`. None: that of the cell's paper.
        project_inputs: a dense layer before a first layer whose width is not that of the inputs, for the norm of a few
            features leaves little of them. None is True for all blocks but `"plain"`, as their papers have it.
        return_sequences: True gives all steps, shape (B, T, width); False the last one, shape (B, width).

    Attributes:
        directions: in how many directions each layer reads.
        width: features of one output step.

    Raises:
        ArgumentError: an unknown cell, or an argument out of its range.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.layers import RecurrentStack
        >>> stack = RecurrentStack("gru", units=8, layers=2, bidirectional=True, residual=True)
        >>> tuple(stack(np.ones((2, 5, 3)), np.array([5, 2], "int32")).shape)  # inputs and lengths
        (2, 5, 16)
    """

    def __init__(
        self,
        cell: Any = "lstm",
        units: int | Sequence[int] = 64,
        layers: int = 1,
        bidirectional: bool = False,
        activation: Any = None,
        dropout: float = 0.0,
        residual: bool = False,
        layer_norm: bool = False,
        recurrent_initializer: Any = None,
        recurrent_regularizer: Any = None,
        recurrent_constraint: Any = None,
        bptt_steps: int | None = None,
        omega: float = 0.0,
        gradient_penalty: float = 0.0,
        block: str | None = None,
        project_inputs: bool | None = None,
        return_sequences: bool = True,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.cell = find_cell(cell)
        self.units = _widths(units, layers)
        self.bidirectional, self.directions = bidirectional, 2 if bidirectional else 1
        self.width = self.units[-1] * self.directions
        self.activation = activation
        self.dropout = fraction("dropout", dropout)
        self.block = one_of("block", block or self.cell.block, BLOCKS)
        self.project_inputs = self.block != "plain" if project_inputs is None else project_inputs
        self.projection: Any = None
        self.residual, self.layer_norm = residual, layer_norm
        self.recurrent_initializer = find_initializer(recurrent_initializer)
        self.recurrent_regularizer = find_regularizer(recurrent_regularizer)
        self.recurrent_constraint = find_constraint(recurrent_constraint)
        if bptt_steps is not None and omega:
            raise ArgumentError(f"bptt_steps, omega: expected one of them, got {bptt_steps} and {omega}. Drop one.")
        self.bptt_steps, self.omega = bptt_steps, omega
        self.gradient_penalty = strength("gradient_penalty", gradient_penalty)
        if gradient_penalty and keras.backend.backend() != "tensorflow":
            got = keras.backend.backend()
            raise ArgumentError(f"gradient_penalty: expected the TensorFlow backend, got {got}. Leave it out.")
        self._directions = keras.random.SeedGenerator() if gradient_penalty else None
        self.return_sequences = return_sequences
        options = {name: getattr(self, name) for name in AROUND}
        options.update(recurrent=self._direction, dtype=self.dtype_policy)
        last = len(self.units) - 1
        self._around = [
            BLOCKS[self.block](index, width, last=index == last, **options) for index, width in enumerate(self.units)
        ]
        self.blocks = [block.layers for block in self._around]  # by which Keras finds them
        self.read_piece = functools.cache(
            lambda: piecewise(self.carry, np.zeros((1, 1, self._features), self.compute_dtype), self.initial_states(1))
        )

    def _direction(self, name: str, width: int) -> keras.layers.RNN:
        own_policy = self.dtype_policy != keras.config.dtype_policy()
        options = {each: getattr(self, each) for each in ("activation", *(f"recurrent_{kind}" for kind in KINDS))}
        options["projected"] = (BLOCKS[self.block].projects and self.cell.accepts("projected")) or None
        layer = self.cell.layer(width, name=name, dtype=self.dtype_policy if own_policy else None, **options)
        if isinstance(layer, (FusedRNN, ParallelRNN)):
            layer.directions = self.directions
        if self.bptt_steps is not None:
            return TruncatedRNN.around(layer, self.bptt_steps)
        if self.gradient_penalty:  # neither cuDNN's kernels nor a scan of our own have a second derivative
            layer = keras.layers.RNN(layer.cell, **loop_options(layer, "gradient_penalty"))
        return OmegaRNN.around(layer, self.omega) if self.omega else layer

    def set_dropout(self, rate: float) -> None:
        """Sets the rate of a stack that was made with dropout, before it is first called."""
        self.dropout = rate
        for block in self.blocks:
            if "dropout" in block:
                block["dropout"].rate = rate

    def build(self, inputs_shape: Any, lengths_shape: Any = None):
        self._features = features = inputs_shape[-1]
        if self.project_inputs and features != self._around[0].width:
            features = self._around[0].width
            self.projection = keras.layers.Dense(features, name="projection", dtype=self.dtype_policy)
            self.projection.build((None, None, self._features))
        for block in self._around:
            block.build(features)
            features = block.width
        self.built = True

    def call(self, inputs: Any, lengths: Any = None, initial_states: Any = None, training: bool = False):
        """Runs the stack.

        Args:
            inputs: shape (B, T, F), padded on the right.
            lengths: int32, shape (B,); None means that every sequence fills all T steps.
            initial_states: a list with a list of states (B, H) for each layer, as `initial_states()` gives it; None
                starts from the cells' own, which is zero. Not with `bidirectional`.
            training: whether dropout is on.

        Returns:
            Outputs of shape (B, T, width), zero in the padding; or (B, width), the last valid step of the forward
            direction joined with the first of the backward one, for `return_sequences=False`.
        """
        if lengths is None:
            lengths = ops.broadcast_to(ops.shape(inputs)[1], (ops.shape(inputs)[0],))
        lengths = ops.cast(lengths, "int32")
        if initial_states is not None:
            self._check_causal()
        inputs = zero_padding(inputs, lengths)  # else NaN in the padding would reach the kernels' gradients as 0 * NaN
        if not (training and self.gradient_penalty):
            return self._outputs(inputs, lengths, initial_states, training)
        from rnnkit.recurrent.gradient_penalties import penalised, random_direction

        run = functools.partial(self._outputs, lengths=lengths, initial_states=initial_states, training=True)
        outputs, penalty = penalised(run, inputs, lengths, random_direction(self._directions))
        self.add_loss(self.gradient_penalty * penalty)
        return outputs

    def _outputs(self, inputs, lengths, initial_states, training):
        outputs = inputs if self.projection is None else self.projection(inputs)
        for block, states in zip(self._around, initial_states or [None] * len(self._around), strict=True):
            last_only = block is self._around[-1] and not self.return_sequences
            outputs = block.sequence(outputs, lengths, states, training, last_only)
        return outputs

    def initial_states(self, batch_size: int) -> list[list]:
        """The states before the first step: for each layer a list of tensors (B, H).

        Raises:
            ArgumentError: the stack is bidirectional, or a layer of it cannot be run step by step.
        """
        self._check_causal()
        for block in self.blocks:
            check_stepwise("step", block["forward"])
        return [block.initial_states(batch_size) for block in self._around]

    def step(self, inputs: Any, states: Any, training: bool = False):
        """One time step with the state carried by the caller, for a loop that writes its own next input.

        Args:
            inputs: shape (B, F).
            states: as `initial_states` gives them.
            training: whether dropout is on.

        Returns:
            The output, shape (B, width), and the new states. Over the steps of a sequence the outputs are those of
            `call`.
        """
        return self._carried(Block.step, inputs, states, training)

    def carry(self, inputs: Any, states: Any, training: bool = False):
        """A piece of a sequence, from the states after the piece before it.

        Args:
            inputs: shape (B, T, F), without padding.
            states: as `initial_states` gives them, or as the piece before gave them.
            training: whether dropout is on.

        Returns:
            Outputs of shape (B, T, width), and the states after the last step. Over the pieces of a sequence, however
            it is cut, the outputs are those of `call`.

        Raises:
            ArgumentError: the stack is bidirectional.
        """
        self._check_causal()
        if inputs.shape[1] == 1:  # without a loop
            output, after = self.step(inputs[:, 0], states, training)
            return output[:, None], after
        return self._carried(Block.piece, inputs, states, training)

    def _carried(self, run, inputs, states, training):
        after, outputs = [], inputs if self.projection is None else self.projection(inputs)
        for block, before in zip(self._around, states, strict=True):
            outputs, own = run(block, outputs, before, training)
            after.append(own)
        return outputs, after

    def stream(self, batch_size: int = 1) -> StackStream:
        """`batch_size` sequences that come piece by piece: `push` takes (B, T, F) and gives the outputs, (B, T, width).

        Raises:
            ArgumentError: the stack is bidirectional, or a layer of it cannot be run step by step.

        Examples:
            >>> import numpy as np
            >>> from rnnkit.layers import RecurrentStack
            >>> stream = RecurrentStack("lstm", units=4).stream()
            >>> [stream.push(np.ones((1, steps, 3))).shape for steps in (2, 1, 5)]
            [(1, 2, 4), (1, 1, 4), (1, 5, 4)]
        """
        return StackStream(self, whole("batch_size", batch_size))

    def _check_causal(self) -> None:
        if self.bidirectional:
            raise ArgumentError(
                "bidirectional: a stack that reads backwards too has seen the whole sequence before its first output, "
                "and carries no state from step to step. Make it with bidirectional=False."
            )

    def compute_output_shape(self, inputs_shape: Any, lengths_shape: Any = None):
        batch, steps, _ = inputs_shape
        return (batch, steps, self.width) if self.return_sequences else (batch, self.width)

    def get_config(self):
        modules = {"activation": keras.activations, **{f"recurrent_{kind}": module for kind, module in KINDS.items()}}
        given = {name: getattr(self, name) for name in (*SAVED, *modules)}
        for name, module in modules.items():
            if given[name] is not None and not isinstance(given[name], (str, dict)):
                given[name] = module.serialize(given[name])
        return {**super().get_config(), "cell": self.cell.name, **given}

    @classmethod
    def from_config(cls, config: dict[str, Any]):
        return super().from_config({"project_inputs": False, **config})  # as of files that are older than projections


def _widths(units, layers) -> list[int]:
    if isinstance(units, (list, tuple)) and units:
        return [whole("units", width) for width in units]
    return [whole("units", units, also=", or a list of them")] * whole("layers", layers)
