"""Recurrent cells over a whole sequence on a CPU, with a gradient written by hand. For TensorFlow.

Backpropagation through time (Werbos, "Backpropagation through time: what it does and how to do it", 1990), arranged as
in Appleyard, Kocisky and Blunsom, "Optimizing performance of recurrent neural networks on GPUs", 2016: what does not
depend on the state leaves the loop. The inputs' products come before it, and those for the gradients of weights, biases
and inputs after it, one of each over all steps. A step is left with the product of the state, the gates and what they
pass on; the way back reads what the way forward kept of each step. A slice along the first axis copies nothing in
TensorFlow, so time comes first; and a few steps make one round of the loop, whose own cost is that of several small
operations.

A recurrent kernel of blocks, one for each head, is multiplied block by block: inside the loop heads are rows of the
batch, and so its steps know of none.

Legend: `B` batch, `T` steps, `F` features, `H` units, `G` gates, `K` heads, `D` units of a head, H / K.
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
        weights: a list: kernel (F, G * H), recurrent kernel (H, G * H), or (K, D, G * D) where each head sees itself
            only, or (H,) where each unit does, and the biases (G * H,) of both products, of the first one, or none;
            of the first one at most where there are heads.

    Returns:
        A list: the outputs, shape (B, T, H), and the last states.
    """
    states, weights = ([tf.convert_to_tensor(each) for each in given] for given in (states, weights))
    inputs = tf.transpose(inputs, (1, 0, 2))
    if training:
        outputs, *last = _with_gradient(cell, len(states))(inputs, *states, *weights)
    else:
        outputs, last, _ = _forward(cell, inputs, states, weights, keep=False)
    outputs.set_shape((*inputs.shape[:2], _units(weights[1])))
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
    projected, *states = _head_rows(recurrent, projected, *states)
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
    shown, *states = _joined_heads(recurrent, outputs[1:], *states)
    return shown, states, (outputs, before, needed)


def _back(cell, inputs, weights, kept, doutputs, dstates):
    """The gradients of inputs, first states and weights, from those of the outputs and of the last states."""
    kernel, recurrent, *biases = weights
    outputs, before, needed = kept
    steps = ops.shape(inputs)[0]
    transposed = recurrent if len(recurrent.shape) == 1 else tf.linalg.matrix_transpose(recurrent)
    doutputs, *dstates = _head_rows(recurrent, doutputs, *dstates)

    def step(number, carry):
        (dstate, *others), found = carry
        t = steps - 1 - number
        kept, states = ([array.read(t) for array in arrays] for arrays in (needed, before))
        new, dstates = cell.back(kept, states, [dstate + doutputs[t], *others], lambda d: _of_state(d, transposed))
        return dstates, _written(found, t, new)

    width = recurrent.shape[-1]
    dstates, found = _loop(steps, cell.steps_a_round, step, (dstates, _arrays(cell.gradients, steps, width)))
    found = [array.stack() for array in found]
    of_recurrent = _of_recurrent(recurrent, outputs[:-1], found[-1])
    joined, *dstates = _joined_heads(recurrent, found[0], *dstates)
    rows = _rows(joined)
    of_inputs = tf.reshape(tf.matmul(rows, kernel, transpose_b=True), tf.shape(inputs))
    of_kernel = tf.matmul(_rows(inputs), rows, transpose_a=True)
    of_biases = [_total(each) for each, _ in zip([rows, _rows(found[-1])], biases, strict=False)]
    return [of_inputs, *dstates, of_kernel, of_recurrent, *of_biases]


def _units(recurrent):
    return recurrent.shape[0] if len(recurrent.shape) < 3 else recurrent.shape[0] * recurrent.shape[1]


def _of_recurrent(recurrent, before, found):
    """The gradient of the recurrent kernel, from the outputs before each step and the gradients of the products."""
    if len(recurrent.shape) == 1:
        return _total(_rows(before) * _rows(found))
    if len(recurrent.shape) == 2:
        return tf.matmul(_rows(before), _rows(found), transpose_a=True)
    heads = recurrent.shape[0]
    before, found = (tf.reshape(each, (tf.shape(each)[0], heads, -1, each.shape[-1])) for each in (before, found))
    return tf.einsum("tkbd,tkbe->kde", before, found)


def _head_rows(recurrent, *values):
    """(..., B, G * H) -> (..., K * B, G * D): heads as rows, where the kernel has some."""
    if len(recurrent.shape) < 3:
        return list(values)
    heads, size, _ = recurrent.shape

    def moved(value):
        shape, width = tf.shape(value), value.shape[-1]
        parts = tf.reshape(value, (-1, shape[-2], width // (heads * size), heads, size))
        rows = tf.transpose(parts, (0, 3, 1, 2, 4))
        return tf.reshape(rows, tf.concat([shape[:-2], (heads * shape[-2], width // heads)], axis=0))

    return [moved(each) for each in values]


def _joined_heads(recurrent, *values):
    """The way back: (..., K * B, G * D) -> (..., B, G * H)."""
    if len(recurrent.shape) < 3:
        return list(values)
    heads, size, _ = recurrent.shape

    def moved(value):
        shape, width = tf.shape(value), value.shape[-1]
        parts = tf.reshape(value, (-1, heads, shape[-2] // heads, width // size, size))
        units = tf.transpose(parts, (0, 2, 3, 1, 4))
        return tf.reshape(units, tf.concat([shape[:-2], (shape[-2] // heads, heads * width)], axis=0))

    return [moved(each) for each in values]


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
    if len(recurrent.shape) == 1:
        return state * recurrent
    if len(recurrent.shape) == 2:
        return _product(state, recurrent, bias)
    heads, size, width = recurrent.shape
    return tf.reshape(tf.matmul(tf.reshape(state, (heads, -1, size)), recurrent), (-1, width))


def _product(rows, kernel, bias=None):
    product = tf.matmul(rows, kernel)
    return product if bias is None else tf.nn.bias_add(product, bias)


def _rows(sequences):
    """(T, B, F) -> (T * B, F)."""
    return tf.reshape(sequences, (-1, sequences.shape[-1]))
