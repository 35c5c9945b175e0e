"""Elementwise recurrences over a whole sequence, with a gradient written by hand; `scan_blocks` runs them.

Their factors do not depend on the state, so a sequence needs no matrix product step by step.

Legend: `B` batch, `T` steps, `H` units, `K` steps of a block, `N` blocks.
"""

from typing import Any

import keras
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.recurrent.devices import gpu_in_use
from rnnkit.recurrent.scan_blocks import Recurrence, conjugate, from_blocks, scan_blocks, summed, times, to_blocks


def linear_scan(a: Any, b: Any, initial: Any = None, lengths: Any = None, *, side_by_side: bool | None = None):
    """The states of an elementwise linear recurrence after every step.

        h_t = a_t h_(t-1) + b_t

    The gradient is written by hand and exact; it keeps the states and nothing else, so memory grows with T. Any `a`
    will do, of modulus 0, 1 or more. In half precision the state is summed in float32 and rounded at the end.

    Complex numbers are pairs of tensors, the real and the imaginary part: then `a`, `b` and `initial` are pairs, and
    so are the states.

    Args:
        a: the factors, shape (B, T, H), or (H,) where they are the same at all steps.
        b: what is added, shape (B, T, H).
        initial: the state before the first step, shape (B, H); None is zero.
        lengths: int32, shape (B,): from a sequence's end on its state stays as it is, whatever stands in the padding.
            None means that every sequence fills all T steps.
        side_by_side: True runs blocks of steps at once, for a GPU, False one after the other, for a CPU; None looks
            for a GPU.

    Returns:
        The states, shape (B, T, H), of the dtype of `b`.

    Raises:
        ArgumentError: one of `a`, `b` and `initial` is a pair and another is not.

    Examples:
        >>> import numpy as np
        >>> from rnnkit.ops import linear_scan
        >>> halves = np.full((1, 4, 1), 0.5, "float32")
        >>> np.array(linear_scan(halves, np.ones((1, 4, 1), "float32"))).ravel().tolist()
        [1.0, 1.5, 1.75, 1.875]
    """
    factors, added = _number(a), _number(b)
    first = tuple(ops.zeros_like(each[:, 0]) for each in added) if initial is None else _number(initial)
    if not len(factors) == len(added) == len(first):
        raise ArgumentError(
            f"a, b, initial: expected tensors, or a pair of tensors (real, imaginary) each, got {len(factors)}, "
            f"{len(added)} and {len(first)} tensors. Give an imaginary part of zeros where a number is real."
        )
    dtype, steps = added[0].dtype, ops.shape(added[0])[1]
    wide = keras.backend.result_type(dtype, "float32")
    factors, added, first = (tuple(ops.cast(each, wide) for each in number) for number in (factors, added, first))
    if lengths is not None:
        counts = ops.arange(steps) < ops.cast(ops.expand_dims(lengths, 1), "int32")
        factors, added = hold(factors, added, ops.expand_dims(counts, -1))
    in_time = [each if len(each.shape) == 1 else to_blocks(each) for each in factors]
    states = scan_terms(in_time, [to_blocks(each) for each in added], first, side_by_side=side_by_side)
    states = tuple(ops.cast(from_blocks(each, steps), dtype) for each in states)
    return states if len(states) == 2 else states[0]


def hold(factors, added, counts):
    """Factors and what is added, with 1 and 0 at the steps that do not count, so that the state stays as it is."""
    ones = (1.0, *[0.0] * (len(factors) - 1))
    kept = tuple(ops.where(counts, each, one) for each, one in zip(factors, ones, strict=True))
    return kept, tuple(ops.where(counts, each, 0.0) for each in added)


def scan_terms(factors, added, initial, *, side_by_side: bool | None = None):
    """As `linear_scan`, in blocks (N, K, B, H), of numbers as `scan_blocks` has them."""
    wide = gpu_in_use() if side_by_side is None else side_by_side
    if len(factors[0].shape) == 1:
        return scan_blocks(CONSTANT, tuple(added), tuple(factors), tuple(initial), side_by_side=wide)
    return scan_blocks(LINEAR, (*factors, *added), (), tuple(initial), side_by_side=wide)


def gated_scan(logits, candidates, initial, *, side_by_side: bool | None = None):
    """The recurrence of a forget gate, a_t = sigmoid(k_t) and b_t = (1 - a_t) c_t.

    Args:
        logits: k, shape (N, K, B, H). Infinity is a logit as well: it keeps the whole state.
        candidates: c, of the same shape.
        initial: the state before the first step, shape (B, H), of the same dtype.
        side_by_side: as in `linear_scan`.

    Returns:
        Shape (N, K, B, H).
    """
    wide = gpu_in_use() if side_by_side is None else side_by_side
    input_gate = ops.sigmoid(-logits)  # 1 - sigmoid(logits) would round long memories away
    return scan_blocks(GATED, (input_gate, candidates), (), (initial,), side_by_side=wide)[0]


def _number(value) -> tuple:
    parts = value if isinstance(value, (list, tuple)) else (value,)
    return tuple(ops.convert_to_tensor(each) for each in parts)


def _linear_terms(given, constant):
    return given[: len(given) // 2], given[len(given) // 2 :]


def _linear_gradients(given, constant, before, dstates):
    return (*times(conjugate(before), dstates), *dstates), ()


def _constant_gradients(given, constant, before, dstates):
    return dstates, [summed(each) for each in times(conjugate(before), dstates)]


def _gated_terms(given, constant):
    input_gate, candidates = given
    return (1 - input_gate,), (input_gate * candidates,)


def _gated_gradients(given, constant, before, dstates):
    input_gate, candidates = given
    return (dstates[0] * (candidates - before[0]), input_gate * dstates[0]), ()


LINEAR = Recurrence(_linear_terms, _linear_gradients)
CONSTANT = Recurrence(lambda given, constant: (constant, given), _constant_gradients)
GATED = Recurrence(_gated_terms, _gated_gradients)
