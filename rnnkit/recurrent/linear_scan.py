"""The recurrence of the parallel cells over a whole sequence, with a gradient written by hand.

    h_t = a_t h_(t-1) + (1 - a_t) c_t,    a_t = sigmoid(k_t)

The forget gate a_t, with logits k_t, and the candidates c_t do not depend on the state, so a sequence needs no matrix
product step by step. Time is cut into blocks of `BLOCK` steps, and there are two ways through them. In turn: one block
after the other, each small enough for the cache of a processor. Side by side: all blocks at once from a state of zero,
and then the state that enters each, which is such a recurrence again over an eighth of the steps (Blelloch, "Prefix
sums and their applications", 1990); it is more work in far fewer rounds, for devices that are wide. Neither divides or
takes logs, so gates that are exactly 0 or 1 are as good as any.

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
    return ops.transpose(step_range(blocks, 0, steps), (1, 0, 2))


def step_range(blocks, start, count):
    """Some steps of blocks, (N, K, B, F) -> (count, B, F)."""
    rows = _rows(blocks)
    return ops.slice(rows, (start, 0, 0), (count, *ops.shape(rows)[1:]))  # whose gradient costs less than that of [:]


def gated_scan(logits, candidates, initial, *, side_by_side=False):
    """The states after every step; those after the sequence's end mean nothing.

    Args:
        logits: k, shape (N, K, B, H). Infinity is a logit as well: it keeps the whole state.
        candidates: c, of the same shape.
        initial: the state before the first step, shape (B, H), of the same dtype.
        side_by_side: the way through the blocks.

    Returns:
        Shape (N, K, B, H).
    """
    forward, backward = (_side_by_side, _side_by_side_back) if side_by_side else (_in_turn, _in_turn_back)

    @ops.custom_gradient
    def run(logits, candidates, initial):
        input_gate = ops.sigmoid(-logits)  # 1 - sigmoid(logits) would round long memories away
        starts, states = forward(input_gate, candidates, initial)

        def gradient(*args, upstream=None):
            return backward(input_gate, candidates, starts, states, args[0] if upstream is None else upstream)

        return states, gradient

    return run(logits, candidates, initial)


def _in_turn(input_gate, candidates, initial):
    """The state that enters each block, (N, B, H), and all states; `input_gate` is 1 - a_t."""

    def block(carry, index):
        state = start = carry[0]
        pairs, states = (1 - input_gate[index], input_gate[index] * candidates[index]), []
        for forget, added in zip(*(ops.unstack(each, BLOCK) for each in pairs), strict=True):
            state = forget * state + added
            states.append(state)
        states = ops.stack(states)
        return (state, states), (start, states)

    empty = ops.zeros((BLOCK, *ops.shape(initial)), dtype=initial.dtype)
    return ops.scan(block, (initial, empty), ops.arange(ops.shape(input_gate)[0]))[1]


def _in_turn_back(input_gate, candidates, starts, states, upstream):
    """The gradients of logits, candidates and the initial state."""

    def block(carry, index):
        back = carry[0]
        dstates, given = [], (1 - input_gate[index], upstream[index])
        pairs = zip(*(ops.unstack(each, BLOCK) for each in given), strict=True)
        for forget, entering in reversed(list(pairs)):
            dstates.append(entering + back)
            back = forget * dstates[-1]
        before = ops.concatenate([starts[index][None], states[index][:-1]], axis=0)
        after = (back, *_gradients(input_gate[index], candidates[index], before, ops.stack(dstates[::-1])))
        return after, after

    nothing = (ops.zeros_like(starts[0]), *[ops.zeros_like(input_gate[0])] * 2)
    (back, *_), (_, *gradients) = ops.scan(block, nothing, ops.arange(ops.shape(input_gate)[0]), reverse=True)
    return *gradients, back


def _side_by_side(input_gate, candidates, initial):
    """As `_in_turn`."""
    states = ops.reshape(_linear(_rows(1 - input_gate), _rows(input_gate * candidates), initial), ops.shape(input_gate))
    return ops.concatenate([initial[None], states[:-1, -1]], axis=0), states


def _side_by_side_back(input_gate, candidates, starts, states, upstream):
    """As `_in_turn_back`; gradients go through time as states do, from the end, each step by the next one's gate."""
    forget = _rows(1 - input_gate)
    later = ops.concatenate([forget[1:], ops.zeros_like(forget[:1])], axis=0)
    nothing = ops.zeros_like(starts[0])
    dstates = ops.flip(_linear(ops.flip(later, axis=0), ops.flip(_rows(upstream), axis=0), nothing), axis=0)
    before = ops.concatenate([starts[:, None], states[:, :-1]], axis=1)
    found = _gradients(input_gate, candidates, before, ops.reshape(dstates, ops.shape(states)))
    return *found, forget[0] * dstates[0]


def _linear(forget, added, state, levels=LEVELS):
    """h_t = forget_t h_(t-1) + added_t over the first axis, (T, B, H); `state` is what it starts from, (B, H)."""
    steps = ops.shape(forget)[0]
    if not levels:

        def step(state, index):
            state = forget[index] * state + added[index]
            return state, state

        return ops.scan(step, state, ops.arange(steps))[1]
    shape = (-1, BLOCK, *ops.shape(forget)[1:])
    inside = [ops.unstack(ops.reshape(_whole_blocks(rows), shape), BLOCK, axis=1) for rows in (forget, added)]
    products, states = [inside[0][0]], [inside[1][0]]
    for factor, new in list(zip(*inside, strict=True))[1:]:
        products.append(factor * products[-1])
        states.append(factor * states[-1] + new)
    ends = _linear(products[-1], states[-1], state, levels - 1)
    starts = ops.concatenate([state[None], ends[:-1]], axis=0)
    return _rows(ops.stack(states, axis=1) + ops.stack(products, axis=1) * starts[:, None])[:steps]


def _gradients(input_gate, candidates, before, dstates):
    """Those of logits and candidates, from those of the states after each step and the states before it."""
    added = input_gate * dstates
    return (1 - input_gate) * added * (before - candidates), added


def _rows(blocks):
    return ops.reshape(blocks, (-1, *ops.shape(blocks)[2:]))


def _whole_blocks(rows):
    """Zeros after the end, up to a whole number of blocks."""
    missing = -ops.shape(rows)[0] % BLOCK
    if isinstance(missing, int) and not missing:
        return rows
    return ops.pad(rows, ((0, missing), (0, 0), (0, 0)))
