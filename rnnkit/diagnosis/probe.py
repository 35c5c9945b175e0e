"""The probe of a diagnosis, and watching a model's layers while it is run on it; the model is left as it was.

Keras has no hook for what a layer gets and gives, and a subclassed model can call its layers from anywhere. So for the
time of one forward pass each layer carries a `call` of its own instance that notes both; `preserved` takes it away
again. For TensorFlow.

Legend: `B` batch, `T` steps, `F` features, `H` size of one state, `O` outputs.
"""

import contextlib
import functools
import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import keras
import numpy as np
import tensorflow as tf

from rnnkit.compat import layers_of
from rnnkit.errors import ArgumentError, DataError
from rnnkit.layers import RecurrentStack
from rnnkit.recurrent.kernel_choice import recurrent_layers


@runtime_checkable
class Task(Protocol):
    """What a model may say about itself to its diagnosis; one that says nothing is a Keras model on arrays."""

    def probe_batch(self, x, y) -> tuple[Any, Any]:
        """Raw data as one batch of what the model and its loss take."""

    def known_lag(self, median_length: float) -> tuple[float, str] | None:
        """The steps back that the task needs, and what that is taken from, in words; None where it is not known."""

    def predicts_each_step_of(self, layer: keras.Layer) -> bool:
        """Whether a recurrent layer's steps are those of the predictions, wherever their numbers agree."""


def probe_arrays(model, x, y):
    """The probe as tensors; `y` is None for a model that needs no targets, as its layers add its loss.

    Raises:
        ArgumentError: the model is not built, or has no recurrent layers.
        DataError: data that cannot be used.
    """
    _check(model)
    if isinstance(model, Task):
        x, y = model.probe_batch(x, y)
    elif y is None and isinstance(x, (tf.data.Dataset, keras.utils.PyDataset)):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(_first_batch(x))
    if y is None and model.loss is not None:
        raise DataError("y: expected the targets of x, since gradients are those of the model's loss, got None.")
    return keras.tree.map_structure(tf.convert_to_tensor, (x, y), none_is_leaf=False)


@contextlib.contextmanager
def preserved(model: keras.Model):
    """Puts back, also after an exception, every attribute of every layer and the value of every state variable.

    State variables are those that calling a model can change: seeds, carried recurrent states, metric sums.
    """
    layers = layers_of(model)
    attributes = [dict(vars(layer)) for layer in layers]
    states = [variable for variable in [*model.variables, *model.metrics_variables] if not variable.trainable]
    for layer in recurrent_layers(model):
        states += keras.tree.flatten(layer.states) if layer.stateful else []
    values = [np.array(variable) for variable in states]
    try:
        yield
    finally:
        for layer, before in zip(layers, attributes, strict=True):
            _restore(vars(layer), before)
        for variable, value in zip(states, values, strict=True):
            if not np.array_equal(np.array(variable), value):
                variable.assign(value)


def _first_batch(batches: Iterable):
    return batches[0] if isinstance(batches, keras.utils.PyDataset) else next(iter(batches))


def _check(model) -> None:
    if not isinstance(model, keras.Model):
        raise ArgumentError(f"model: expected a keras.Model, got {type(model).__name__}.")
    if not model.built:
        raise ArgumentError("model: expected a model that is built, got one without weights. Call it or fit it first.")
    if not recurrent_layers(model):
        raise ArgumentError(
            f"model: {model.name} has no recurrent layers (keras.layers.RNN and its subclasses, such as LSTM)."
        )


def _restore(attributes: dict, before: dict) -> None:
    for name in attributes.keys() - before.keys():
        del attributes[name]
    attributes.update(before)


@dataclass
class Call:
    """One call of a recurrent layer.

    Attributes:
        layer: the layer.
        backward: whether it reads its sequences from their end.
        inputs: shape (B, T, ...), as the layer got them.
        mask: bool, shape (B, T), or None.
        lengths: shape (B,), from the `RecurrentStack` around the layer, which reverses by them; or None.
        initial: the states that it started from, each (B, ...), in the cell's own structure.
        outputs: what it returned, one tensor each: the output, then any states.
    """

    layer: keras.layers.RNN
    backward: bool
    inputs: tf.Tensor
    mask: tf.Tensor | None
    lengths: tf.Tensor | None
    initial: Any
    outputs: list[tf.Tensor]


@dataclass
class Passage:
    """One call of a layer that is not recurrent and holds no others: the numbers that went in and came out."""

    layer: keras.Layer
    inputs: list[tf.Tensor]
    outputs: list[tf.Tensor]


class Recorder:
    """Notes the calls of a model's layers, and has the tape watch what the recurrent ones return.

    Args:
        model: any Keras model.
        tape: the tape under which the model is about to be called.
        change: what becomes of each tensor that a recurrent layer returns; None leaves it.

    Attributes:
        calls: the calls of recurrent layers, in the order in which they ended.
        passages: those of other layers.
    """

    def __init__(self, model: keras.Model, tape: tf.GradientTape, change=tf.identity):
        self.calls: list[Call] = []
        self.passages: list[Passage] = []
        self._tape, self._change = tape, change
        self._derived: set[int] = set()  # tensors that come from a recurrent layer, by way of layers
        self._lengths: tf.Tensor | None = None
        layers, recurrent = layers_of(model), recurrent_layers(model)
        stacks = [layer for layer in layers if isinstance(layer, RecurrentStack)]
        self._reversed = {id(block["backward"]) for stack in stacks for block in stack.blocks if stack.bidirectional}
        for stack in stacks:
            object.__setattr__(stack, "call", self._with_lengths(stack.call))
        for layer in recurrent:
            vars(layer)["call"] = self._recorded(layer, layer.call)
        inside = {id(part) for layer in recurrent for part in layers_of(layer)}
        for layer in layers:
            if id(layer) not in inside and len(layers_of(layer)) == 1:
                vars(layer)["call"] = self._passed(layer, layer.call)

    def is_derived(self, tensor) -> bool:
        """Whether a tensor comes from a recurrent layer, by way of layers."""
        return id(tensor) in self._derived

    def _with_lengths(self, call):
        @functools.wraps(call)
        def stack_call(*args, **kwargs):
            self._lengths = _arguments(call, args, kwargs).get("lengths")
            outputs = call(*args, **kwargs)
            self._lengths = None
            return outputs

        return stack_call

    def _passed(self, layer, call):
        @functools.wraps(call)
        def noted_call(*args, **kwargs):
            results = call(*args, **kwargs)
            if tf.executing_eagerly():
                passage = Passage(layer, _tensors((args, kwargs)), _tensors(results))
                self.passages.append(passage)
                if self._derived & set(map(id, passage.inputs)):  # also behind what cuts the tape's chain off
                    self._tape.watch(passage.outputs)
                    self._derived.update(map(id, passage.outputs))
            return results

        return noted_call

    def _recorded(self, layer, call):
        @functools.wraps(call)
        def recorded_call(*args, **kwargs):
            if not tf.executing_eagerly():  # inside a tf.function, where there is nothing to be seen
                return call(*args, **kwargs)
            given = _arguments(call, args, kwargs)
            initial = _initial(layer, given)
            results = keras.tree.map_structure(self._change, call(*args, **kwargs))
            outputs = keras.tree.flatten(results)
            self._tape.watch(outputs)
            self._derived.update(map(id, outputs))
            self.calls.append(
                Call(
                    layer,
                    backward=layer.go_backwards or id(layer) in self._reversed,
                    inputs=given["sequences"],
                    mask=keras.tree.flatten(given.get("mask"))[0],
                    lengths=self._lengths,
                    initial=initial,
                    outputs=outputs,
                )
            )
            return results

        return recorded_call


class Order:
    """Where in a call's tensors the steps of the recurrence are.

    A mask passes over steps wherever they are, and the state waits; so the steps that count come first here, in the
    order in which the recurrence meets them, and padding after them.

    Attributes:
        source: index of each step on the time axis of the layer's inputs, shape (B, T).
        shown: index of each step on the time axis of its outputs, shape (B, T).
        valid: bool along the outputs' time axis, shape (B, T).
        lengths: shape (B,).
        counted: bool along the recurrence, shape (B, T).
        places: index of each step in the text, shape (B, T).
    """

    def __init__(self, call: Call):
        B, T = call.inputs.shape[:2]
        axis = np.arange(T)[::-1] if call.layer.go_backwards else np.arange(T)
        if call.mask is not None:
            valid = np.asarray(call.mask, bool).reshape(B, T)
        else:
            valid = np.arange(T) < (np.full(B, T) if call.lengths is None else np.asarray(call.lengths))[:, None]
        self.valid = valid[:, axis]
        self.shown = np.argsort(~self.valid, axis=1, kind="stable")
        self.source = axis[self.shown]
        self.lengths = self.valid.sum(axis=1)
        self.counted = np.arange(T) < self.lengths[:, None]
        by_stack = call.backward and not call.layer.go_backwards
        self.places = np.maximum(self.lengths[:, None] - 1 - np.arange(T), 0) if by_stack else self.source

    def errors(self, call: Call, errors: np.ndarray) -> np.ndarray:
        """Errors at the outputs (B, T, O), or at the last one (B, O), brought to the steps that made these outputs."""
        if not call.layer.return_sequences:
            at_end = np.zeros((*self.valid.shape, errors.shape[-1]), errors.dtype)
            at_end[:, -1] = errors
            errors = at_end
        owner = np.cumsum(self.valid, axis=1) - 1
        # Without lengths or zeroing, Keras repeats the last valid output over the masked steps after it.
        repeated = call.lengths is None and not (call.layer.zero_output_for_mask and call.layer.return_sequences)
        rows, steps = np.nonzero((self.valid | repeated) & (owner >= 0))
        moved = np.zeros_like(errors)
        np.add.at(moved, (rows, owner[rows, steps]), errors[rows, steps])
        return moved


def cells_of(layer) -> dict[str, keras.Layer]:
    """The cells that a recurrent layer runs, by name: one without a name, or several on top of each other."""
    cell = layer.cell
    if not isinstance(cell, keras.layers.StackedRNNCells):
        return {"": cell}
    return {f"cell {number}": each for number, each in enumerate(cell.cells, 1)}


def _arguments(call, args, kwargs) -> dict[str, Any]:
    return inspect.signature(call).bind(*args, **kwargs).arguments


def _initial(layer, given):
    if given.get("initial_state") is not None:
        return keras.tree.map_structure(tf.identity, _listed(given["initial_state"]))
    if layer.stateful:
        return keras.tree.map_structure(tf.convert_to_tensor, _listed(layer.states))
    return _listed(layer.get_initial_state(given["sequences"].shape[0]))


def _listed(states) -> list:
    return list(states) if keras.tree.is_nested(states) else [states]


def _tensors(nested) -> list[tf.Tensor]:
    return [each for each in keras.tree.flatten(nested) if tf.is_tensor(each) and each.dtype.is_floating]
