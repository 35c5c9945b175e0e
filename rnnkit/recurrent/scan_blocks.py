"""A linear recurrence in blocks of steps, two ways, with the gradient of both.

    h_t = a_t h_(t-1) + b_t

Time is cut into blocks of `BLOCK` steps. In turn: one block after the other, each small enough for the cache of a
processor. Side by side: all blocks at once from a state of zero, and then the state that enters each, which is such a
recurrence again over an eighth of the steps (Blelloch, "Prefix sums and their applications", 1990); it is more work in
far fewer rounds, for devices that are wide. Neither divides or takes logs, so factors of exactly 0 or 1 are as good as
any.

A number is a tuple here: of one tensor, or of two where it is complex, its real and its imaginary part.

Legend: `B` batch, `T` steps, `H` units, `K` steps of a block, `N` blocks.
"""

from collections.abc import Callable
from typing import NamedTuple

from keras import ops, tree

BLOCK = 8
LEVELS = 2  # of blocks within blocks; the rest of the steps, 64 of 4096, is computed one by one


class Recurrence(NamedTuple):
    """How what is given at some steps, each (..., B, H), becomes a and b, and the gradient's way back.

    Attributes:
        terms: (given, constant) -> a, b; `a` of shape (H,) is the same at all steps.
        gradients: (given, constant, before, dstates) -> those of all that is given, and those of the constants summed
            over the steps, from the states before each step and the gradients of those after it.
    """

    terms: Callable
    gradients: Callable


def scan_blocks(kind: Recurrence, given, constant, initial, *, side_by_side: bool):
    """The states after every step, each part (N, K, B, H).

    Args:
        kind: the recurrence.
        given: tensors of shape (N, K, B, ...), which `kind` takes apart.
        constant: tensors that are the same at all steps, of shape (H,).
        initial: the state before the first step, each part (B, H), of the same dtype.
        side_by_side: the way through the blocks.
    """
    forward, backward = (_side_by_side, _side_by_side_back) if side_by_side else (_in_turn, _in_turn_back)
    ends = len(given), len(given) + len(constant)

    @ops.custom_gradient
    def run(*arguments):
        given, constant, initial = arguments[: ends[0]], arguments[ends[0] : ends[1]], arguments[ends[1] :]
        starts, states = forward(kind, given, constant, initial)

        def gradient(*args, upstream=None):
            upstream = tuple(tree.flatten(args if upstream is None else upstream))
            return [each for found in backward(kind, given, constant, starts, states, upstream) for each in found]

        return states, gradient

    return run(*given, *constant, *initial)


def times(one, other):
    """The product of two numbers."""
    if len(one) == 1:
        return (one[0] * other[0],)
    (a, b), (c, d) = one, other
    return a * c - b * d, a * d + b * c


def plus(one, other):
    """The sum of two numbers."""
    return tuple(a + b for a, b in zip(one, other, strict=True))


def conjugate(number):
    """The complex conjugate: gradients go back through a product by it."""
    return (number[0], *[-each for each in number[1:]])


def _in_turn(kind, given, constant, initial):
    """The state that enters each block, (N, B, H), and all states."""

    def block(carry, index):
        state = start = carry[0]
        states = []
        for factor, added in zip(*map(_steps, kind.terms(_at(given, index), constant)), strict=True):
            state = plus(times(factor, state), added)
            states.append(state)
        states = _stacked(states)
        return (state, states), (start, states)

    empty = tuple(ops.zeros((BLOCK, *ops.shape(each)), dtype=each.dtype) for each in initial)
    return ops.scan(block, (tuple(initial), empty), ops.arange(ops.shape(given[0])[0]))[1]


def _in_turn_back(kind, given, constant, starts, states, upstream):
    """The gradients of what is given, of the constants, and of the initial state."""

    def block(carry, index):
        back, here = carry[0], _at(given, index)
        factors, _ = kind.terms(here, constant)
        dstates = []
        for factor, entering in reversed(list(zip(_steps(factors), _steps(_at(upstream, index)), strict=True))):
            dstates.append(plus(entering, back))
            back = times(conjugate(factor), dstates[-1])
        before = _before(_at(starts, index), _at(states, index), 0)
        after = (back, *map(tuple, kind.gradients(here, constant, before, _stacked(dstates[::-1]))))
        return after, after

    like = _at(starts, 0), _at(given, 0), constant
    nothing = tuple(tuple(ops.zeros_like(each) for each in tensors) for tensors in like)
    (back, *_), (_, found, parts) = ops.scan(block, nothing, ops.arange(ops.shape(given[0])[0]), reverse=True)
    return found, [ops.sum(each, axis=0) for each in parts], back


def _side_by_side(kind, given, constant, initial):
    """As `_in_turn`."""
    factors, added = kind.terms(given, constant)
    states = _linear(_rows(factors), _rows(added), tuple(initial))
    shape = (*ops.shape(given[0])[:2], *ops.shape(initial[0]))
    states = tuple(ops.reshape(each, shape) for each in states)
    starts = [
        ops.concatenate([first[None], each[:-1, -1]], axis=0) for first, each in zip(initial, states, strict=True)
    ]
    return tuple(starts), states


def _side_by_side_back(kind, given, constant, starts, states, upstream):
    """As `_in_turn_back`; gradients go through time as states do, from the end, each step by the next one's factor."""
    factors = _rows(conjugate(kind.terms(given, constant)[0]))
    first = later = factors
    if len(factors[0].shape) > 1:
        first = tuple(each[0] for each in factors)
        later = [ops.concatenate([each[1:], ops.zeros_like(each[:1])], axis=0) for each in factors]
        later = tuple(ops.flip(each, axis=0) for each in later)
    nothing = tuple(ops.zeros_like(each[0]) for each in starts)
    dstates = _linear(later, tuple(ops.flip(each, axis=0) for each in _rows(upstream)), nothing)
    dstates = tuple(ops.flip(each, axis=0) for each in dstates)
    shaped = tuple(ops.reshape(each, ops.shape(states[0])) for each in dstates)
    found = kind.gradients(given, constant, _before(starts, states, 1), shaped)
    return *found, times(first, _at(dstates, 0))


def _linear(factors, added, state, levels=LEVELS):
    """h_t over the first axis, (T, B, H); `state` is what it starts from, (B, H)."""
    steps, varies = ops.shape(added[0])[0], len(factors[0].shape) > 1
    if not levels:

        def step(state, index):
            state = plus(times(_at(factors, index) if varies else factors, state), _at(added, index))
            return state, state

        return ops.scan(step, state, ops.arange(steps))[1]
    inside = [_steps(_inside_blocks(each), axis=1) for each in (factors, added)]
    products, states = [inside[0][0]], [inside[1][0]]
    for factor, new in list(zip(*inside, strict=True))[1:]:
        products.append(times(factor, products[-1]))
        states.append(plus(times(factor, states[-1]), new))
    ends = _linear(products[-1], states[-1], state, levels - 1)
    starts = tuple(
        ops.concatenate([first[None], each[:-1]], axis=0)[:, None] for first, each in zip(state, ends, strict=True)
    )
    grown = _stacked(products, axis=1) if varies else tuple(each[:, None] for each in _stacked(products))
    return tuple(each[:steps] for each in _rows(plus(_stacked(states, axis=1), times(grown, starts))))


def summed(values):
    """(..., H) -> (H,)."""
    return ops.sum(values, axis=tuple(range(len(values.shape) - 1)))


def _at(numbers, index):
    return tuple(each[index] for each in numbers)


def _steps(number, axis=0):
    """The steps of a block as a list; a number that is the same at all steps stands there K times."""
    if len(number[0].shape) == 1:
        return [number] * BLOCK
    return list(zip(*(ops.unstack(each, BLOCK, axis=axis) for each in number), strict=True))


def _stacked(numbers, axis=0):
    return tuple(ops.stack(parts, axis=axis) for parts in zip(*numbers, strict=True))


def _before(starts, states, axis):
    """The states before each step, from those after each and those before the first; `axis` is that of the steps."""
    earlier = [each[:-1] if axis == 0 else each[:, :-1] for each in states]
    first = [ops.expand_dims(each, axis) for each in starts]
    return tuple(ops.concatenate(pair, axis=axis) for pair in zip(first, earlier, strict=True))


def _rows(number):
    """(N, K, B, H) -> (T, B, H); what is the same at all steps stays as it is."""
    return tuple(each if len(each.shape) == 1 else join_blocks(each) for each in number)


def _inside_blocks(number):
    if len(number[0].shape) == 1:
        return number
    return tuple(ops.reshape(whole_blocks(each), (-1, BLOCK, *ops.shape(each)[1:])) for each in number)


def to_blocks(sequences):
    """(B, T, F) -> (N, K, B, F): time first, with zeros after the end."""
    shape = ops.shape(sequences)
    rows = whole_blocks(ops.transpose(sequences, (1, 0, 2)))
    return ops.reshape(rows, (-1, BLOCK, shape[0], shape[2]))


def from_blocks(blocks, steps):
    """The way back, (N, K, B, F) -> (B, T, F), for T `steps`."""
    return ops.transpose(step_range(blocks, 0, steps), (1, 0, 2))


def step_range(blocks, start, count):
    """Some steps of blocks, (N, K, B, F) -> (count, B, F)."""
    rows = join_blocks(blocks)
    return ops.slice(rows, (start, 0, 0), (count, *ops.shape(rows)[1:]))  # whose gradient costs less than that of [:]


def join_blocks(blocks):
    """(N, K, ...) -> (N * K, ...)."""
    return ops.reshape(blocks, (-1, *ops.shape(blocks)[2:]))


def whole_blocks(rows):
    """Zeros after the end, up to a whole number of blocks."""
    missing = -ops.shape(rows)[0] % BLOCK
    if isinstance(missing, int) and not missing:
        return rows
    return ops.pad(rows, ((0, missing), *[(0, 0)] * (len(rows.shape) - 1)))
