"""Watching the recurrent layers of a model during one forward pass. For TensorFlow.

Keras has no hook for what a layer gets and gives, and a subclassed model can call its layers from anywhere. So for the
time of one forward pass each recurrent layer carries a `call` of its own instance that notes both; `preserved` takes it
away again.

Legend: `B` batch, `T` steps, `F` features, `H` size of one state.
"""

import functools
import inspect
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from rnnkit.layers import RecurrentStack
from rnnkit.recurrent.kernel_choice import recurrent_layers


@dataclass
class Call:
    """One call of a recurrent layer.

    Attributes:
        layer: the layer.
        name: its path, with a number from the second call on.
        backward: whether it reads its sequences from their end.
        inputs: shape (B, T, F), as the layer got them.
        mask: bool, shape (B, T), or None.
        lengths: shape (B,), from the `RecurrentStack` around the layer, which reverses by them; or None.
        initial: the states that it started from, each (B, H), in the cell's own structure.
        outputs: what it returned, one tensor each: the output, then any states.
    """

    layer: keras.layers.RNN
    name: str
    backward: bool
    inputs: tf.Tensor
    mask: tf.Tensor | None
    lengths: tf.Tensor | None
    initial: Any
    outputs: list[tf.Tensor]


class Recorder:
    """Notes the calls of a model's recurrent layers, and has the tape watch what they return.

    Args:
        model: any Keras model.
        tape: the tape under which the model is about to be called.

    Attributes:
        calls: the calls, in the order in which they ended.
    """

    def __init__(self, model: keras.Model, tape: tf.GradientTape):
        self.calls: list[Call] = []
        self._tape = tape
        self._lengths: tf.Tensor | None = None
        stacks = [layer for layer in model._flatten_layers() if isinstance(layer, RecurrentStack)]
        self._reversed = {id(block["backward"]) for stack in stacks for block in stack.blocks if stack.bidirectional}
        for stack in stacks:
            stack.__dict__["call"] = self._with_lengths(stack.call)
        for layer in recurrent_layers(model):
            layer.__dict__["call"] = self._recorded(layer, layer.call)

    def _with_lengths(self, call):
        @functools.wraps(call)
        def stack_call(*args, **kwargs):
            self._lengths = _arguments(call, args, kwargs).get("lengths")
            outputs = call(*args, **kwargs)
            self._lengths = None
            return outputs

        return stack_call

    def _recorded(self, layer, call):
        @functools.wraps(call)
        def recorded_call(*args, **kwargs):
            if not tf.executing_eagerly():  # inside a tf.function, where there is nothing to be seen
                return call(*args, **kwargs)
            given = _arguments(call, args, kwargs)
            initial = _initial(layer, given)
            results = keras.tree.map_structure(tf.identity, call(*args, **kwargs))
            outputs = keras.tree.flatten(results)
            self._tape.watch(outputs)
            if _replayable(given["sequences"], initial):
                times = 1 + sum(call.layer is layer for call in self.calls)
                self.calls.append(
                    Call(
                        layer,
                        name=layer.path if times == 1 else f"{layer.path}#{times}",
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


def _arguments(call, args, kwargs) -> dict[str, Any]:
    return inspect.signature(call).bind(*args, **kwargs).arguments


def _initial(layer, given):
    if given.get("initial_state") is not None:
        return keras.tree.map_structure(tf.identity, _listed(given["initial_state"]))
    if layer.stateful:
        return keras.tree.map_structure(tf.convert_to_tensor, _listed(layer.states))
    return layer.get_initial_state(tf.shape(given["sequences"])[0])


def _listed(states) -> list:
    return list(states) if keras.tree.is_nested(states) else [states]


def _replayable(sequences, initial) -> bool:
    """Whether the layer steps over vectors; convolutional recurrences are left out."""
    return len(sequences.shape) == 3 and all(len(state.shape) == 2 for state in keras.tree.flatten(initial))
