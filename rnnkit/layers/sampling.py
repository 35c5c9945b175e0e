"""Draws from log-probabilities. Legend: `B` rows, `n` choices."""

from keras import ops

from rnnkit.layers.sequence import FORBIDDEN


def filtered(scores, temperature, top_k, top_p):
    """Log-probabilities (B, n) at a temperature, with those that top-k and top-p leave out forbidden."""
    allowed = scores > FORBIDDEN / 2
    scores = ops.where(allowed, scores / temperature, FORBIDDEN)
    ordered = ops.flip(ops.sort(scores, axis=-1), axis=-1)
    probability = ops.softmax(ordered, axis=-1)
    more_probable = ops.cumsum(probability, axis=-1) - probability
    rank = ops.arange(ops.shape(scores)[-1])
    kept = ops.logical_and(rank < top_k, more_probable < top_p)
    least = ops.min(ops.where(kept, ordered, -FORBIDDEN), axis=-1, keepdims=True)
    return ops.where(scores >= least, scores, FORBIDDEN)


def drawn(scores, uniforms):
    """The place, int32 (B,), that a uniform number in (0, 1] draws from unnormalised log-probabilities (B, n)."""
    reached = ops.cumsum(ops.softmax(scores, axis=-1), axis=-1)
    return ops.sum(ops.cast(reached < uniforms[:, None] * reached[:, -1:], "int32"), axis=-1)
