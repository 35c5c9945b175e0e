"""The recurrence of a selective state space, over a whole sequence, with a gradient written by hand.

    h_t = exp(delta_t A) * h_(t-1) + (delta_t u_t) B_t
    y_t = C_t h_t

The state of a sequence is S numbers for each of D features, so all states would be S times as large as all outputs.
Only those before each block of steps are kept: the others are computed again on the way back, in the cache of a
processor, as the paper does it in the fast memory of a GPU (Gu and Dao, "Mamba: linear-time sequence modeling with
selective state spaces", 2023, section 3.3.2).

Legend: `B` batch, `S` numbers of the state, `D` features, `K` steps of a block, `N` blocks.
"""

from typing import Any

from keras import ops, tree

from rnnkit.recurrent.scan_blocks import BLOCK


def selective_scan(step: Any, u: Any, b: Any, c: Any, rates: Any, initial: Any):
    """The outputs after every step, and the last state.

    Args:
        step: delta, shape (N, K, B, D); the state stays as it is where it is 0.
        u: what is written, of the same shape.
        b, c: where it is written to and what is read, shape (N, K, B, S).
        rates: A, shape (S, D).
        initial: the state before the first step, shape (B, S, D).

    Returns:
        y, shape (N, K, B, D), and the state, shape (B, S, D).
    """

    @ops.custom_gradient
    def run(*arguments):
        *given, rates, initial = arguments
        starts, outputs, last = _forward(given, rates, initial)

        def gradient(*args, upstream=None):
            doutputs, dlast = tree.flatten(args if upstream is None else upstream)
            return _back(given, rates, starts, doutputs, dlast)

        return (outputs, last), gradient

    return run(step, u, b, c, rates, initial)


def after_step(state, step, u, b, rates):
    """The state (B, S, D) after one step, from what `selective_scan` takes at it."""
    factor, added = _terms(step, u, b, rates)
    return factor * state + added


def read(state, c):
    """y, (..., D), of the states (..., S, D) and c (..., S)."""
    return ops.squeeze(ops.matmul(ops.expand_dims(c, -2), state), axis=-2)


def _terms(step, u, b, rates):
    return ops.exp(ops.expand_dims(step, -2) * rates), ops.expand_dims(b, -1) * ops.expand_dims(step * u, -2)


def _states(start, step, u, b, rates):
    """The factors of a block, and its states, each (K, B, S, D)."""
    factors, added = _terms(step, u, b, rates)
    state, states = start, []
    for factor, new in zip(ops.unstack(factors, BLOCK), ops.unstack(added, BLOCK), strict=True):
        state = factor * state + new
        states.append(state)
    return factors, states


def _forward(given, rates, initial):
    """The state that enters each block, (N, B, S, D), the outputs, and the last state."""

    def block(carry, index):
        start, (step, u, b, c) = carry[0], [each[index] for each in given]
        _, states = _states(start, step, u, b, rates)
        outputs = read(ops.stack(states), c)
        return (states[-1], outputs), (start, outputs)

    blocks = ops.arange(ops.shape(given[0])[0])
    (last, _), (starts, outputs) = ops.scan(block, (initial, ops.zeros_like(given[0][0])), blocks)
    return starts, outputs, last


def _back(given, rates, starts, doutputs, dlast):
    """The gradients of what is given at all steps, of the rates, and of the initial state."""

    def block(carry, index):
        back, (step, u, b, c), upstream = carry[0], [each[index] for each in given], doutputs[index]
        factors, states = _states(starts[index], step, u, b, rates)
        dstates = ops.unstack(ops.expand_dims(c, -1) * ops.expand_dims(upstream, -2), BLOCK)
        for place, factor in reversed(list(enumerate(ops.unstack(factors, BLOCK)))):
            dstates[place] = dstates[place] + back
            back = factor * dstates[place]
        dstates, before = ops.stack(dstates), ops.stack([starts[index], *states[:-1]])
        dlogs = dstates * before * factors
        written = read(dstates, b)  # the gradient of delta u
        dstep = ops.sum(dlogs * rates, axis=-2) + u * written
        found = (dstep, step * written, _of_place(dstates, step * u), _of_place(ops.stack(states), upstream))
        after = back, found, ops.sum(ops.expand_dims(step, -2) * dlogs, axis=(0, 1))
        return after, after

    nothing = tuple(ops.zeros_like(each[0]) for each in given), ops.zeros_like(rates)
    blocks = ops.arange(ops.shape(given[0])[0])
    (back, *_), (_, found, drates) = ops.scan(block, (dlast, *nothing), blocks, reverse=True)
    return [*found, ops.sum(drates, axis=0), back]


def _of_place(states, values):
    """(..., S, D) by (..., D) -> (..., S)."""
    return ops.squeeze(ops.matmul(states, ops.expand_dims(values, -1)), axis=-1)
