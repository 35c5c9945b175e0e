"""Recurrent cells over a whole sequence on a CPU, with a gradient written by hand. For TensorFlow.

Backpropagation through time (Werbos, "Backpropagation through time: what it does and how to do it", 1990), arranged as
in Appleyard, Kocisky and Blunsom, "Optimizing performance of recurrent neural networks on GPUs", 2016: what does not
depend on the state leaves the loop. The inputs' products come before it, and those for the gradients of weights, biases
and inputs after it, one of each over all steps. A step is left with the product of the state, the gates and what they
pass on; the way back reads what the way forward kept of each step. A slice along the first axis copies nothing in
TensorFlow, so time comes first; and a few steps make one round of the loop, whose own cost is that of several small
operations.

Legend: `B` batch, `T` steps, `F` features, `H` units, `G` gates.
"""

import tensorflow as tf
from keras import ops

ONCE = (
    "rnnkit's recurrent layers have no second derivative in training. Give their cell to keras.layers.RNN, or take "
    "Keras' own layer."
)


def run(cell, inputs, states, weights, *, training):
    """A cell over time.

    In training the gradient is ours, once and no further: a second derivative is refused. Otherwise nothing is kept for
    it, and TensorFlow finds it by itself where somebody asks.

    Args:
        cell: its steps, one of `rnnkit.recurrent.fused_steps`.
        inputs: float32, shape (B, T, F).
        states: those before the first step, each (B, H); a list.
        weights: a list: kernel (F, G * H), recurrent kernel (H, G * H), or (H,) where each unit sees itself only, and
            the biases (G * H,) of both products, of the first one, or none.

    Returns:
        A list: the outputs, shape (B, T, H), and the last states.
    """
    states, weights = ([tf.convert_to_tensor(each) for each in given] for given in (states, weights))
    inputs = tf.transpose(inputs, (1, 0, 2))
    if training:
        outputs, *last = _with_gradient(cell, len(states))(inputs, *states, *weights)
    else:
        outputs, last, _ = _forward(cell, inputs, states, weights, keep=False)
    outputs.set_shape((*inputs.shape[:2], weights[1].shape[0]))
    for state in last:
        state.set_shape(outputs.shape[1:])
    return [tf.transpose(outputs, (1, 0, 2)), *last]


def _with_gradient(cell, number):
    """The cell over time, as a function of its inputs, this number of states, and the weights."""

    @tf.custom_gradient
    def trained(inputs, *rest):
        outputs, last, kept = _forward(cell, inputs, rest[:number], rest[number:], keep=True)

        def gradient(doutputs, *dlast):
            found = _back(cell, inputs, rest[number:], kept, doutputs, list(dlast))
            return [tf.raw_ops.PreventGradient(input=each, message=ONCE) for each in found]

        return (outputs, *last), gradient

    return trained


def _forward(cell, inputs, states, weights, *, keep):
    """The outputs, the last states, and what `_back` needs to `keep`."""
    kernel, recurrent, *biases = weights
    steps, batch, _ = ops.shape(inputs)
    projected = tf.reshape(_product(_rows(inputs), kernel, *biases[:1]), (steps, batch, kernel.shape[1]))
    rows = projected.__getitem__ if keep else _unstacked(projected).read

    def step(t, carry):
        states, before, needed = carry
        states, kept = cell.forward(rows(t), states, lambda h: _of_state(h, recurrent, *biases[1:]))
        return states, _written(before, t + 1, states), _written(needed, t, kept)

    seen = states if keep else states[:1]
    units = states[0].shape[-1]
    before = _written(_arrays(len(seen), steps + 1, units), 0, seen)
    needed = _arrays(cell.keeps if keep else 0, steps, units)
    states, before, needed = _loop(steps, cell.steps_a_round, step, (list(states), before, needed))
    outputs = before[0].stack()
    return outputs[1:], states, (outputs, before, needed)


def _back(cell, inputs, weights, kept, doutputs, dstates):
    """The gradients of inputs, first states and weights, from those of the outputs and of the last states."""
    kernel, recurrent, *biases = weights
    outputs, before, needed = kept
    steps = ops.shape(inputs)[0]
    transposed = tf.transpose(recurrent)

    def step(number, carry):
        (dstate, *others), found = carry
        t = steps - 1 - number
        kept, states = ([array.read(t) for array in arrays] for arrays in (needed, before))
        new, dstates = cell.back(kept, states, [dstate + doutputs[t], *others], lambda d: _of_state(d, transposed))
        return dstates, _written(found, t, new)

    width = recurrent.shape[-1]
    dstates, found = _loop(steps, cell.steps_a_round, step, (dstates, _arrays(cell.gradients, steps, width)))
    found = [array.stack() for array in found]
    of_recurrent = _of_recurrent(recurrent, _rows(outputs[:-1]), _rows(found[-1]))
    rows = _rows(found[0])
    of_inputs = tf.reshape(tf.matmul(rows, kernel, transpose_b=True), tf.shape(inputs))
    of_kernel = tf.matmul(_rows(inputs), rows, transpose_a=True)
    of_biases = [_total(each) for each, _ in zip([rows, _rows(found[-1])], biases, strict=False)]
    return [of_inputs, *dstates, of_kernel, of_recurrent, *of_biases]


def _of_recurrent(recurrent, before, found):
    """The gradient of the recurrent kernel, from the outputs before each step and the gradients of the products."""
    return _total(before * found) if len(recurrent.shape) == 1 else tf.matmul(before, found, transpose_a=True)


def _loop(steps, steps_a_round, step, carry):
    """`step(t, carry)` for every t, some to a round and those that are left over one by one."""
    invariants = tf.nest.map_structure(_loose, carry)

    def rounds(number):
        def body(t, carry):
            for each in range(number):
                carry = step(t + each, carry)
            return t + number, carry

        return body

    t = tf.constant(0)
    for number, end in ((steps_a_round, steps - steps % steps_a_round), (1, steps)):
        t, carry = tf.while_loop(
            lambda t, _, end=end: t < end,
            rounds(number),
            (t, carry),
            shape_invariants=(t.shape, invariants),
            parallel_iterations=1,
        )
    return carry


def _loose(value):
    """A loop's array, or a tensor (B, H) whose batch may be known on one side of a step only."""
    return tf.TensorShape(None if isinstance(value, tf.TensorArray) else (None, value.shape[-1]))


def _arrays(number, steps, width):
    """Room for `steps` tensors (B, width) in each of this many lists; they are kept by reference."""
    shape = tf.TensorShape((None, width))
    return [
        tf.TensorArray("float32", steps, clear_after_read=False, infer_shape=False, element_shape=shape)
        for _ in range(number)
    ]


def _unstacked(values):
    """An array of tensors (B, width) from (T, B, width): TensorFlow's gradient of a slice would be as long as all."""
    return tf.TensorArray(
        "float32", tf.shape(values)[0], clear_after_read=False, element_shape=(None, values.shape[-1])
    ).unstack(values)


def _written(arrays, t, values):
    """With a value more in each; values that have no array are dropped."""
    return [array.write(t, value) for array, value in zip(arrays, values, strict=False)]


def _total(rows):
    """The sum of rows; a product with ones is several times faster than a sum over the first axis."""
    return tf.matmul(tf.ones((1, tf.shape(rows)[0])), rows)[0]


def _of_state(state, recurrent, bias=None):
    """The state's part of what goes into the gates."""
    return state * recurrent if len(recurrent.shape) == 1 else _product(state, recurrent, bias)


def _product(rows, kernel, bias=None):
    product = tf.matmul(rows, kernel)
    return product if bias is None else tf.nn.bias_add(product, bias)


def _rows(sequences):
    """(T, B, F) -> (T * B, F)."""
    return tf.reshape(sequences, (-1, sequences.shape[-1]))
