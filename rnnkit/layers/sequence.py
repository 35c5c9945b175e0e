"""Right-padded sequences: what has to know where each one ends.

Legend: `B` batch, `T` steps, `F` features. Lengths are whole numbers of any type, shape (B,): the steps that are not
padding.
"""

from keras import ops

from rnnkit.recurrent.execution import asserted

FORBIDDEN = -1e9  # the score of what cannot be chosen: thousands add up in float32, and -inf makes NaN of 0 * inf
NOT_RIGHT_PADDED = (
    "mask: expected padding on the right, after the steps that lengths counts, got it elsewhere. "
    'Pad with padding="post"; the default of pad_sequences is "pre".'
)


def valid_steps(lengths, steps):
    """True where a step is not padding: bool, shape (B, T)."""
    return ops.arange(steps, dtype="int32")[None, :] < _int32(lengths)[:, None]


def assert_right_padded(lengths, mask):
    """The lengths, unless a mask (B, T) is true elsewhere than in the first steps of each sequence."""
    is_right = ops.all(ops.equal(mask, valid_steps(lengths, ops.shape(mask)[1])))
    return asserted(lengths, is_right, NOT_RIGHT_PADDED)


def zero_padding(sequences, lengths):
    """The sequences (B, T, F) with zeros after each end; NaN in the padding is wiped out too, and gets no gradient."""
    keep = valid_steps(lengths, ops.shape(sequences)[1])[:, :, None]
    return ops.where(keep, sequences, ops.zeros_like(sequences))


def padded_labels(labels):
    """Label numbers with -1 in the padding as int32 with 0 there, and True where there is none; both of their shape."""
    labels = ops.cast(labels, "int32")
    return ops.maximum(labels, 0), labels >= 0


def reverse_by_length(sequences, lengths):
    """Each sequence of (B, T, F) read backwards from its own last step; the padding stays behind it.

    A reversal is its own inverse, so its gradient is the same gather on what comes back: rows move, nothing is added.
    """

    @ops.custom_gradient
    def reverse(inputs):
        def gradient(*args, upstream=None):
            return _reverse_rows(args[0] if upstream is None else upstream, lengths)

        return _reverse_rows(inputs, lengths), gradient

    return reverse(sequences)


def last_step(sequences, lengths):
    """The step at length - 1 of each sequence: (B, T, F) -> (B, F)."""
    batch, steps, features = ops.shape(sequences)
    rows = ops.arange(batch, dtype="int32") * steps + ops.maximum(_int32(lengths) - 1, 0)
    return ops.take(ops.reshape(sequences, (-1, features)), rows, axis=0)


def _reverse_rows(sequences, lengths):
    batch, steps, features = ops.shape(sequences)
    step, end = ops.arange(steps, dtype="int32")[None, :], _int32(lengths)[:, None]
    source = ops.where(step < end, end - 1 - step, step)
    rows = source + ops.arange(batch, dtype="int32")[:, None] * steps
    flat = ops.take(ops.reshape(sequences, (-1, features)), ops.reshape(rows, (-1,)), axis=0)
    return ops.reshape(flat, (-1, steps, features))


def _int32(lengths):
    return ops.cast(lengths, "int32")
