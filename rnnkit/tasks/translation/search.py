"""From a step function to sentences: greedily, drawn at random, or by beam. Pure functions in `keras.ops`.

A step says what could come next: `step(tokens, states) -> (logits, weights, states)` with `tokens` int32 (B, K), the
last subword of each hypothesis; `logits` (B, K, V); `weights` (B, K, T), their attention to the source; and `states`
any nest of tensors with B * K rows.

Each sentence has a limit: its translation has at most that many subwords, and in the last of these places it can only
end. Marks that no text has are never chosen. A score is a sum of log probabilities, in nats.

Legend: `B` sentences, `K` hypotheses of each, `V` subwords, `T` steps of the source, `L` places to write in.
"""

import keras
import numpy as np
from keras import ops

from rnnkit.layers.sequence import FORBIDDEN
from rnnkit.text.tokenization import BEGIN, END
from rnnkit.text.vocabulary import PADDING, UNKNOWN


def greedy(step, states, limits, steps):
    """The most probable subword at each place, until the end.

    Args:
        step, states: see the module; K is 1.
        limits: int32, shape (B,): subwords of each translation at most, its end included.
        steps: L, the largest limit.

    Returns:
        Subwords, int32 (B, L), with padding after the end, and scores (B,).
    """
    return _one_by_one(step, states, limits, steps, lambda gains, t: ops.argmax(gains, axis=-1))


def draw(step, states, limits, uniforms, temperature=1.0):
    """A random subword at each place, until the end.

    Args:
        step, states, limits: as for `greedy`.
        uniforms: shape (B, L), numbers in [0, 1) that decide.
        temperature: positive; log probabilities are divided by it before they are drawn from.

    Returns:
        As `greedy`; the scores are those of the model itself, at temperature 1.
    """

    def pick(gains, t):
        shares = ops.cumsum(ops.softmax(gains / temperature, axis=-1), axis=-1)
        mark = ops.take(uniforms, t, axis=1)[:, None] * shares[:, -1:]
        return ops.minimum(ops.sum(ops.cast(shares <= mark, "int32"), axis=-1), gains.shape[-1] - 1)

    return _one_by_one(step, states, limits, ops.shape(uniforms)[1], pick)


def _one_by_one(step, states, limits, steps, pick):
    """Follows one hypothesis a sentence; `pick(log probabilities (B, V), place) -> subwords (B,)`."""

    def body(t, token, states, written, scores, finished):
        logits, _, states = step(token[:, None], states)
        gains = _log_probabilities(logits, t, limits)[:, 0]
        token = ops.where(finished, PADDING, ops.cast(pick(gains, t), "int32"))
        gain = ops.take_along_axis(gains, token[:, None], axis=1)[:, 0]
        scores = ops.where(finished, scores, scores + gain)
        return t + 1, token, states, _write(written, t, token), scores, ops.logical_or(finished, token == END)

    def goes_on(t, token, states, written, scores, finished):
        return ops.logical_and(t < steps, ops.any(ops.logical_not(finished)))

    written = ops.zeros((ops.shape(limits)[0], steps), dtype="int32")
    scores = ops.zeros_like(limits, dtype="float32")
    start = (0, ops.full_like(limits, BEGIN), states, written, scores, limits < 1)
    _, _, _, written, scores, _ = ops.while_loop(goes_on, body, start)
    return written, scores


def beam_search(step, states, limits, steps, valid, *, width, length_penalty=0.0, coverage_penalty=0.0):
    """The best of a beam of hypotheses that are extended in parallel.

    At each place all continuations of a sentence's hypotheses compete, a finished one with itself alone, and the K
    best by log probability over length penalty stay. When all have ended, they are ranked by

        log P / ((5 + length) / 6) ** length_penalty + coverage_penalty * sum of log(min(seen, 1)) over the source

    where the length counts the end, and `seen` is the attention that a source step got from all places together (Wu
    et al., "Google's neural machine translation system", 2016). A beam of 1 is `greedy`; one with room for all
    hypotheses is exhaustive search.

    Args:
        step, limits, steps: as for `greedy`.
        states: with B * K rows, those of a sentence side by side.
        valid: bool, shape (B, T): where the source is not padding.
        width: K.
        length_penalty: 0 ranks by log probability, which short translations win; 1 by nearly its mean.
        coverage_penalty: 0 ignores what was attended to.

    Returns:
        Subwords, int32 (B, K, L), with padding after the end, and scores (B, K), best first. Where fewer than K
        hypotheses exist, scores of about `FORBIDDEN` fill up.
    """
    batch = ops.shape(limits)[0]
    first_rows = ops.arange(batch, dtype="int32")[:, None] * width

    def body(t, beam, states):
        logits, weights, states = step(_by_sentence(beam["token"], width), states)
        V = logits.shape[-1]
        done = _by_sentence(beam["finished"], width)[:, :, None]
        gains = ops.where(done, _only(PADDING, V), _log_probabilities(logits, t, limits))
        totals = _by_sentence(beam["total"], width)[:, :, None] + gains
        length = beam["length"] + ops.cast(ops.logical_not(beam["finished"]), "int32")
        ranks = totals / _by_sentence(_long(length, length_penalty), width)[:, :, None]
        best = ops.cast(ops.top_k(_in_one_row(ranks, width * V), width)[1], "int32")
        token = ops.reshape(best % V, (-1,))
        parents = ops.reshape(first_rows + best // V, (-1,))
        seen = beam["seen"] + ops.reshape(ops.where(done, 0.0, ops.cast(weights, "float32")), ops.shape(beam["seen"]))
        beam = {**beam, "length": length, "seen": seen}
        beam, states = keras.tree.map_structure(lambda each: ops.take(each, parents, axis=0), (beam, states))
        beam["token"] = token
        beam["total"] = ops.reshape(ops.take_along_axis(_in_one_row(totals, width * V), best, axis=1), (-1,))
        beam["written"] = _write(beam["written"], t, token)
        beam["finished"] = ops.logical_or(beam["finished"], token == END)
        return t + 1, beam, states

    def goes_on(t, beam, states):
        return ops.logical_and(t < steps, ops.any(ops.logical_not(beam["finished"])))

    _, beam, _ = ops.while_loop(goes_on, body, (0, _first_beam(limits, steps, valid, width), states))
    ignored = ops.log(ops.minimum(ops.maximum(beam["seen"], 1e-9), 1.0))
    ignored = ops.sum(ops.where(ops.repeat(valid, width, axis=0), ignored, 0.0), axis=-1)
    scores = beam["total"] / _long(beam["length"], length_penalty) + coverage_penalty * ignored
    scores, order = ops.top_k(_by_sentence(scores, width), width)
    rows = ops.reshape(first_rows + ops.cast(order, "int32"), (-1,))
    return ops.reshape(ops.take(beam["written"], rows, axis=0), (batch, width, steps)), scores


def _first_beam(limits, steps, valid, width):
    """One hypothesis per sentence that has written nothing; the K - 1 others are forbidden, so that none is twice."""
    limits = ops.repeat(limits, width)
    first = ops.arange(ops.shape(limits)[0]) % width == 0
    return {
        "token": ops.full_like(limits, BEGIN),
        "total": ops.where(first, 0.0, FORBIDDEN),
        "length": ops.zeros_like(limits),
        "seen": ops.repeat(ops.zeros_like(valid, dtype="float32"), width, axis=0),
        "written": ops.zeros((ops.shape(limits)[0], steps), dtype="int32"),
        "finished": limits < 1,
    }


def _log_probabilities(logits, t, limits):
    """Of what may stand at place t: (B, K, V) -> (B, K, V)."""
    V = logits.shape[-1]
    marks = np.isin(np.arange(V), (PADDING, UNKNOWN, BEGIN))
    found = ops.log_softmax(ops.where(marks, FORBIDDEN, ops.cast(logits, "float32")), axis=-1)
    return ops.where((t >= limits - 1)[:, None, None], found + _only(END, V), found)


def _only(subword, subwords):
    """0 for one subword and `FORBIDDEN` for all others: float32, shape (V,)."""
    return np.where(np.arange(subwords) == subword, 0, FORBIDDEN).astype("float32")


def _long(length, penalty):
    return ((5 + ops.cast(length, "float32")) / 6) ** penalty


def _write(written, t, token):
    return ops.where(ops.arange(ops.shape(written)[1]) == t, token[:, None], written)


def _by_sentence(rows, width):
    return ops.reshape(rows, (-1, width))


def _in_one_row(values, size):
    return ops.reshape(values, (-1, size))
