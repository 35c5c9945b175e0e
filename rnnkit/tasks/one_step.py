"""A task's network for one step of a sequence: the state goes in and comes out. Legend: `B` batch, `F` features."""

from typing import Any

import keras
import numpy as np
from keras import ops

from rnnkit import compat
from rnnkit.errors import ArgumentError
from rnnkit.layers import CRF, RecurrentStack, SequencePooling

CHECKED_STEPS = 3
TOLERANCE = 1e-3
POOLED = {"last": [], "max": [1, 0], "mean": [1, 0], "attention": [1, 1, 1, 0]}  # widths of states; 0 stands for F


class OneStep(keras.Model):
    """One step of a functional network with one `RecurrentStack` and at most one `SequencePooling`.

    Everything else in the network must look at a single step; an exception is a `CRF`, which is left out, so that the
    scores are the emissions. The inputs are a dict: those of the network without their axis of time, and without
    `lengths`; and the state before the step, tensors `state_0`, `state_1`, ... of shape (B, F), all zero before the
    first step. The outputs are `scores`, what the network gives for this step or for the sequence so far, and the state
    after the step, `new_state_0`, `new_state_1`, ...

    Args:
        network: the network.

    Raises:
        ArgumentError: the network has no recurrent stack, more than one, or one that cannot be run step by step.

    Attributes:
        inputs_like: for each input but the states its shape without B, and its dtype.
        states_like: the same for the states.
    """

    def __init__(self, network: keras.Model, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.network = network
        self.stack = _only_stack(network)
        pooling = [each for each in network.layers if isinstance(each, SequencePooling)]
        self.pooling = pooling[0] if pooling else None
        shapes = {name: (tuple(each.shape[2:]), each.dtype) for name, each in network.input.items()}
        self.inputs_like = {name: like for name, like in shapes.items() if name != "lengths"}
        states = keras.tree.flatten(self.initial_states(1))
        self.states_like = {
            f"state_{number}": (tuple(state.shape[1:]), keras.backend.standardize_dtype(state.dtype))
            for number, state in enumerate(states)
        }
        if any(np.any(np.array(state, "float32")) for state in states):
            raise ArgumentError(
                f"streaming: the state of {self.stack.cell.name} does not begin at zero. Export without streaming."
            )
        self.has_score_each_step = self.pooling is None and self.stack.return_sequences
        self.built = True

    def initial_states(self, batch_size: Any) -> list:
        """The states of the stack and of the pooling, nested."""
        of_stack = self.stack.initial_states(batch_size)
        widths = [] if self.pooling is None else POOLED[self.pooling.pooling]
        return [of_stack, [ops.zeros((batch_size, width or self.stack.width)) for width in widths]]

    def call(self, inputs: dict[str, Any]):
        states = [inputs[name] for name in self.states_like]
        states = keras.tree.pack_sequence_as(self.initial_states(1), states)
        after: dict[str, list] = {"stack": [], "pooling": []}
        scores = self.read(inputs, states, after)
        flat = keras.tree.flatten([after["stack"], after["pooling"]])
        return {"scores": scores, **{f"new_state_{number}": state for number, state in enumerate(flat)}}

    def read(self, inputs: dict[str, Any], states: list, after: dict[str, list]):
        """The scores of one step; the states after it go into `after`."""

        def call(operation, *arguments, **options):
            if operation is self.stack:
                outputs, after["stack"] = self.stack.step(ops.squeeze(arguments[0], axis=1), states[0])
                return ops.expand_dims(outputs, axis=1) if self.stack.return_sequences else outputs
            if operation is self.pooling:
                pooled, after["pooling"] = pooled_further(self.pooling, ops.squeeze(arguments[0], axis=1), states[1])
                return pooled
            if isinstance(operation, keras.layers.Embedding) and not options:
                return _looked_up(operation, arguments[0])
            return _without_crf(operation, *arguments, **options)

        arrays = {name: ops.expand_dims(inputs[name], axis=1) for name in self.inputs_like}
        arrays["lengths"] = ops.ones((ops.shape(inputs["state_0"])[0],), "int32")
        scores = compat.run_graph(self.network, arrays, call)
        return ops.squeeze(scores, axis=1) if self.has_score_each_step else scores

    def inputs_of(self, example: dict[str, np.ndarray], most: int | None = None) -> dict[str, np.ndarray]:
        """One example of the network's inputs, (T, ...), as those of its first steps."""
        return {name: example[name][:most].astype(dtype) for name, (_, dtype) in self.inputs_like.items()}

    def check(self) -> None:
        """Compares a few steps with the network itself.

        Raises:
            ArgumentError: they differ, for something in the network but the stack looks at several steps.
        """
        rng = np.random.default_rng(0)
        sizes = {name: (1, CHECKED_STEPS, *shape) for name, (shape, _) in self.inputs_like.items()}
        given = {name: rng.integers(0, 2, size).astype(self.inputs_like[name][1]) for name, size in sizes.items()}
        whole = np.array(self._whole({**given, "lengths": np.full(1, CHECKED_STEPS, "int32")}))
        state = self.zeros()
        for step in range(CHECKED_STEPS):
            found = self({**{name: array[:, step] for name, array in given.items()}, **state})
            state = {name: found[f"new_{name}"] for name in state}
        expected = whole[:, -1] if self.has_score_each_step else whole
        if not np.allclose(found["scores"], expected, rtol=TOLERANCE, atol=TOLERANCE):
            raise ArgumentError(
                "streaming: something in this network but its recurrent stack looks at several steps at a time, so it "
                "has no single step. Export without streaming."
            )

    def _whole(self, inputs):
        """What the steps give one by one, of whole sequences: that of the network, without its CRF."""
        inputs = {name: ops.convert_to_tensor(inputs[name]) for name in self.network.input}
        return compat.run_graph(self.network, inputs, _without_crf)

    def signature(self, batch_size: int | None) -> dict[str, keras.InputSpec]:
        """The inputs by name."""
        return {
            name: keras.InputSpec(shape=(batch_size, *shape), dtype=dtype, name=name)
            for name, (shape, dtype) in {**self.inputs_like, **self.states_like}.items()
        }

    def zeros(self, batch_size: int = 1) -> dict[str, np.ndarray]:
        """The state before the first step."""
        return {name: np.zeros((batch_size, *shape), dtype) for name, (shape, dtype) in self.states_like.items()}


def pooled_further(pooling: SequencePooling, steps: Any, states: list):
    """A pooling with one step (B, F) more: what it gives, and its new states.

    It is what `SequencePooling.carry` does, with states that begin at zero and stand apart: in integers all numbers of
    a tensor have one range, and the lowest number that `carry` begins with would leave nothing of it to the others.
    """
    if pooling.pooling == "last":
        return steps, []
    if pooling.pooling == "mean":
        count, mean = states
        mean = mean + (steps - mean) / (count + 1)
        return mean, [count + 1, mean]
    if pooling.pooling == "max":
        begun, largest = states
        largest = ops.where(begun > 0, ops.maximum(largest, steps), steps)
        return largest, [ops.ones_like(begun), largest]
    begun, top, total, weighted = states  # the softmax so far, relative to the largest score so far
    score = pooling.score(pooling.projection(steps))
    before = ops.where(begun > 0, top, score)
    top = ops.maximum(before, score)
    kept, weight = ops.exp(before - top), ops.exp(score - top)
    total, weighted = kept * total + weight, kept * weighted + weight * steps
    return weighted / total, [ops.ones_like(begun), top, total, weighted]


def _looked_up(embedding, numbers):
    """The vectors (B, 1, F) of numbers (B, 1). Keras allows negative ones, by arithmetic that keeps LiteRT's converter
    from int16.
    """
    import tensorflow as tf

    vectors = tf.gather(embedding.embeddings, ops.squeeze(numbers, axis=1))
    return ops.expand_dims(ops.cast(vectors, embedding.compute_dtype), axis=1)


def _without_crf(operation, *arguments, **options):
    return arguments[0] if isinstance(operation, CRF) else operation(*arguments, **options)


def _only_stack(network) -> RecurrentStack:
    stacks = [each for each in network.layers if isinstance(each, RecurrentStack)]
    if len(stacks) != 1:
        raise ArgumentError(
            f"streaming: expected a network with one recurrent stack, got {len(stacks)}. Export without streaming."
        )
    return stacks[0]
