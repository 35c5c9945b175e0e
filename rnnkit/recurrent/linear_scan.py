"""The recurrence of the parallel cells over a whole sequence, with a gradient written by hand.

    h_t = a_t h_(t-1) + (1 - a_t) c_t,    a_t = sigmoid(k_t)

The keep logits k_t and candidates c_t do not depend on the state, so a sequence needs no matrix product step by step.
Time is cut into blocks of `BLOCK` steps, and there are two ways through them. In turn: one block after the other, each
small enough for the cache of a processor. Side by side: all blocks at once from a state of zero, and then the state
that enters each, which is such a recurrence again over an eighth of the steps (Blelloch, "Prefix sums and their
applications", 1990); it is more work in far fewer rounds, for devices that are wide. Neither divides or takes logs,
so gates that are exactly 0 or 1 are as good as any.

Legend: `B` batch, `T` steps, `F` features, `H` units, `K` steps of a block, `N` blocks.
"""

from keras import ops

BLOCK = 8
LEVELS = 2  # of blocks within blocks; what is left of the steps then, 64 of 4096, goes one by one


def to_blocks(sequences):
    """(B, T, F) -> (N, K, B, F): time first, with zeros after the end."""
    shape = ops.shape(sequences)
    rows = _whole_blocks(ops.transpose(sequences, (1, 0, 2)))
    return ops.reshape(rows, (-1, BLOCK, shape[0], shape[2]))


def from_blocks(blocks, steps):
    """The way back, (N, K, B, F) -> (B, T, F), for T `steps`."""
    return ops.transpose(_rows(blocks)[:steps], (1, 0, 2))


def gated_scan(packed, initial, *, side_by_side=False):
    """The states after every step; those after the sequence's end mean nothing.

    Args:
        packed: shape (N, K, B, 2 * H), keep logits and then candidates. Infinity is a logit as well: it keeps all.
        initial: the state before the first step, shape (B, H), of the same dtype.
        side_by_side: the way through the blocks.

    Returns:
        Shape (N, K, B, H).
    """
    forward, backward = (_side_by_side, _side_by_side_back) if side_by_side else (_in_turn, _in_turn_back)

    @ops.custom_gradient
    def run(packed, initial):
        starts, states = forward(packed, initial)

        def gradient(*args, upstream=None):
            return backward(packed, starts, states, args[0] if upstream is None else upstream)

        return states, gradient

    return run(packed, initial)


def _in_turn(packed, initial):
    """The state that enters each block, (N, B, H), and all states."""

    def block(carry, index):
        state = start = carry[0]
        keep, write, candidates = _gates(packed[index])
        states = []
        for kept, written in zip(ops.unstack(keep, BLOCK), ops.unstack(write * candidates, BLOCK), strict=True):
            state = kept * state + written
            states.append(state)
        states = ops.stack(states)
        return (state, states), (start, states)

    empty = ops.zeros((BLOCK, *ops.shape(initial)), dtype=initial.dtype)
    return ops.scan(block, (initial, empty), ops.arange(ops.shape(packed)[0]))[1]


def _in_turn_back(packed, starts, states, upstream):
    """The gradients of `packed` and of the initial state."""

    def block(carry, index):
        back = carry[0]
        gates = _gates(packed[index])
        errors = []
        pairs = zip(ops.unstack(gates[0], BLOCK), ops.unstack(upstream[index], BLOCK), strict=True)
        for kept, entering in reversed(list(pairs)):
            errors.append(entering + back)
            back = kept * errors[-1]
        before = ops.concatenate([starts[index][None], states[index][:-1]], axis=0)
        after = (back, _to_packed(gates, before, ops.stack(errors[::-1])))
        return after, after

    nothing = (ops.zeros_like(starts[0]), ops.zeros_like(packed[0]))
    (back, _), (_, gradients) = ops.scan(block, nothing, ops.arange(ops.shape(packed)[0]), reverse=True)
    return gradients, back


def _side_by_side(packed, initial):
    """As `_in_turn`."""
    keep, write, candidates = _gates(packed)
    states = ops.reshape(_linear(_rows(keep), _rows(write * candidates), initial), ops.shape(write))
    return ops.concatenate([initial[None], states[:-1, -1]], axis=0), states


def _side_by_side_back(packed, starts, states, upstream):
    """As `_in_turn_back`; errors go through time as states do, from the end, each step by the next one's gate."""
    gates = _gates(packed)
    kept = _rows(gates[0])
    later = ops.concatenate([kept[1:], ops.zeros_like(kept[:1])], axis=0)
    nothing = ops.zeros_like(starts[0])
    errors = ops.flip(_linear(ops.flip(later, axis=0), ops.flip(_rows(upstream), axis=0), nothing), axis=0)
    before = ops.concatenate([starts[:, None], states[:, :-1]], axis=1)
    return _to_packed(gates, before, ops.reshape(errors, ops.shape(states))), kept[0] * errors[0]


def _linear(kept, written, state, levels=LEVELS):
    """h_t = kept_t h_(t-1) + written_t over the first axis, (T, B, H); `state` is what it starts from, (B, H)."""
    steps = ops.shape(kept)[0]
    if not levels:

        def step(state, index):
            state = kept[index] * state + written[index]
            return state, state

        return ops.scan(step, state, ops.arange(steps))[1]
    shape = (-1, BLOCK, *ops.shape(kept)[1:])
    inside = [ops.unstack(ops.reshape(_whole_blocks(rows), shape), BLOCK, axis=1) for rows in (kept, written)]
    products, states = [inside[0][0]], [inside[1][0]]
    for factor, new in list(zip(*inside, strict=True))[1:]:
        products.append(factor * products[-1])
        states.append(factor * states[-1] + new)
    ends = _linear(products[-1], states[-1], state, levels - 1)
    starts = ops.concatenate([state[None], ends[:-1]], axis=0)
    return _rows(ops.stack(states, axis=1) + ops.stack(products, axis=1) * starts[:, None])[:steps]


def _gates(packed):
    """What each step keeps, a_t, what it writes, 1 - a_t, and its candidates."""
    logits, candidates = ops.split(packed, 2, axis=-1)
    write = ops.sigmoid(-logits)  # 1 - sigmoid(logits) would round long memories away
    return 1 - write, write, candidates


def _to_packed(gates, before, errors):
    """The gradient of `packed` from the errors at the states after each step, and the states before it."""
    keep, write, candidates = gates
    written = write * errors
    return ops.concatenate([keep * written * (before - candidates), written], axis=-1)


def _rows(blocks):
    return ops.reshape(blocks, (-1, *ops.shape(blocks)[2:]))


def _whole_blocks(rows):
    """Zeros after the end, up to a whole number of blocks."""
    missing = -ops.shape(rows)[0] % BLOCK
    if isinstance(missing, int) and not missing:
        return rows
    return ops.pad(rows, ((0, missing), (0, 0), (0, 0)))
