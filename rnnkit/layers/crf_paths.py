"""What a linear-chain CRF can answer, each a pure function of its potentials.

Legend: `B` batch, `T` steps, `K` labels, `N` paths asked for.

Potentials, (B, T, K, K), hold the log score of label i at step t - 1 followed by label j at step t; see
`rnnkit.layers.CRF`, which makes them. Of the first step only row 0 is read, since nothing comes before it. Padding is
the identity, 0 on the diagonal and `FORBIDDEN` off it: a path stands still there, its label is the last one repeated,
and nothing here needs lengths. Callers cut labels by length. An empty sequence has one path, the empty one: score 0,
log partition 0.

Paths that break a constraint score about `FORBIDDEN`, a number and not -inf, so that no gradient is 0 * inf. Everything
runs in `ops.scan` over one tensor: T and B may be unknown when traced, and XLA compiles it. Called eagerly the loop is
tens of times slower, so decode in a model's `call` (a `keras.layers.Lambda(viterbi)` will do) and use `predict`.
"""

from keras import ops

from rnnkit.errors.checks import whole
from rnnkit.layers.sequence import FORBIDDEN


def log_partition(potentials):
    """The log of the summed exponential scores of all paths, (B, T, K, K) -> (B,), in nats.

    Its gradient is the probability of each move, by forward-backward (Rabiner, "A tutorial on hidden Markov models",
    1989); it is written by hand, and has no gradient of its own.
    """

    @ops.custom_gradient
    def run(potentials):
        log_z, chances = _forward_backward(potentials)

        def gradient(*args, upstream=None):
            upstream = args[0] if upstream is None else upstream
            return upstream[:, None, None, None] * chances

        return log_z, gradient

    return run(potentials)


def path_score(potentials, labels):
    """The score of one path per sequence, in nats: potentials (B, T, K, K), int labels (B, T) -> (B,).

    Labels in the padding do not count, whatever they are.
    """
    count = potentials.shape[-1]
    labels = ops.where(padding_steps(potentials), -1, labels)
    before = ops.pad(labels[:, :-1], ((0, 0), (1, 0)))
    # -1 is a row of zeros; a product with one-hot rows is exact where a GPU would round a matrix product
    before, after = (ops.one_hot(each, count, dtype=potentials.dtype) for each in (before, labels))
    return ops.sum(potentials * before[:, :, :, None] * after[:, :, None, :], axis=(1, 2, 3))


def padding_steps(potentials):
    """Where a step is padding: (B, T, K, K) -> bool, (B, T)."""
    return ops.all(potentials == padding_potentials(potentials.shape[-1]), axis=(2, 3))


def padding_potentials(labels):
    """The potentials of a padding step, float32, shape (K, K)."""
    return FORBIDDEN * (1.0 - ops.eye(labels, dtype="float32"))


def marginals(potentials):
    """The probability of each label at each step over all paths: (B, T, K, K) -> (B, T, K)."""
    return ops.sum(pair_marginals(potentials), axis=2)


def pair_marginals(potentials):
    """The probability of label i at step t - 1 followed by label j at t, over all paths: (B, T, K, K), same shape.

    The first step's are in row 0, the one that is read; those of the padding are on the diagonal.
    """
    return _forward_backward(potentials)[1]


def viterbi(potentials):
    """The best path (Viterbi, 1967) and its score in nats: (B, T, K, K) -> int32 labels (B, T), scores (B,).

    The score is -inf where constraints leave no path at all; the labels then break one.
    """
    labels, scores = best_paths(potentials, 1)
    return labels[:, 0], scores[:, 0]


def best_paths(potentials, count):
    """The `count` best different paths, best first (list Viterbi; Seshadri and Sundberg, 1994).

    Args:
        potentials: shape (B, T, K, K).
        count: int, at least 1.

    Returns:
        Labels, int32, shape (B, N, T), and scores in nats, shape (B, N). Where a sequence has fewer allowed paths, the
        scores after them are -inf and their labels mean nothing.

    Raises:
        ArgumentError: `count` is not a positive integer.
    """
    whole("count", count)
    batch, steps, labels, _ = ops.shape(potentials)
    moves = ops.transpose(potentials, (1, 0, 3, 2))

    def extended(scores, moves):
        """Each label's candidates: `count` paths to every label before it, (..., K * N) -> (..., K, K * N)."""
        paths = ops.reshape(scores, (-1, 1, labels, count)) + ops.reshape(moves, (-1, labels, labels, 1))
        return ops.reshape(paths, (-1, labels, labels * count))

    def step(scores, move):
        return ops.reshape(ops.top_k(extended(scores, move), count)[0], (-1, labels * count))

    origin = ops.transpose(_origin(labels * count, batch, potentials.dtype))
    before, last, shift = _sweep(step, origin, moves, axis=-1)
    scores, ends = ops.top_k(last, count)
    # the same top_k over all steps at once says where each path came from: a loop over one tensor is enough
    origins = ops.reshape(ops.top_k(extended(before, moves), count)[1], (steps, batch, labels * count))
    scores = scores + shift
    return _trace(origins, ends) // count, ops.where(scores > FORBIDDEN / 2, scores, -float("inf"))


def _trace(origins, ends):
    """Follows each path back to its start: origins (T, B, S), the state before each state, and last states (B, N).

    Returns the states on the way, (B, N, T).
    """
    steps, batch, states = ops.shape(origins)
    rows = ops.arange(batch, dtype="int32")[:, None] * states
    flat = ops.reshape(ops.cast(origins, "int32") + rows, (steps, batch * states))
    _, path = ops.scan(
        lambda state, origin: (ops.take(origin, state), state), ops.cast(ends, "int32") + rows, ops.flip(flat, axis=0)
    )
    return ops.transpose(ops.flip(path, axis=0), (1, 2, 0)) % states


def _forward_backward(potentials):
    """The log partition (B,) and the probability of each move (B, T, K, K).

    The batch comes last, so that a step works on long rows, and holds both directions: the backward one is the forward
    one over reversed time and transposed moves.
    """
    batch, _, labels, _ = ops.shape(potentials)
    moves = ops.transpose(potentials, (1, 2, 3, 0))
    both = ops.concatenate([moves, ops.flip(ops.swapaxes(moves, 1, 2), axis=0)], axis=-1)
    origin = _origin(labels, batch, potentials.dtype)
    before, last, shift = _sweep(
        lambda scores, move: ops.logsumexp(scores[:, None, :] + move, axis=0),
        ops.concatenate([origin, ops.zeros_like(origin)], axis=-1),
        both,
        axis=-2,
    )
    forward, backward = before[:, :, :batch], ops.flip(before[:, :, batch:], axis=0)
    joint = forward[:, :, None, :] + moves + backward[:, None, :, :]
    # normalised at each step and not by the partition: no rounding of a long sum, and no overflow where no path is left
    weights = ops.exp(joint - ops.max(joint, axis=(1, 2), keepdims=True))
    chances = weights / ops.sum(weights, axis=(1, 2), keepdims=True)
    return (ops.logsumexp(last, axis=0) + shift[0])[:batch], ops.transpose(chances, (3, 0, 1, 2))


def _origin(states, batch, dtype):
    """Scores before the first step, (states, B): every path comes from state 0."""
    here = ops.arange(states)[:, None] == 0
    return ops.broadcast_to(ops.where(here, ops.cast(0.0, dtype), ops.cast(FORBIDDEN, dtype)), (states, batch))


def _sweep(step, scores, moves, axis):
    """Runs `scores = step(scores, move)` over moves (T, ...), shifted each time so that the largest score is 0.

    Returns the shifted scores before each step (T, ...), the last scores, and the sum of all shifts, to add to them.
    """

    def body(scores, move):
        return step(scores - ops.max(scores, axis=axis, keepdims=True), move), scores

    last, before = ops.scan(body, scores, moves)
    shifts = ops.max(before, axis=axis, keepdims=True)
    return before - shifts, last, ops.sum(shifts, axis=0)
