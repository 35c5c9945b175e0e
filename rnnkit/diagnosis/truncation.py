"""How far back training has to look: the gradient with errors cut off after some steps against the full one.

For TensorFlow. Legend: `n` sequences, `T` steps, `S` size of the full state, `R` rows, all steps of all
sequences that are used.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.replay import Replay, flat

MAX_ROWS = 800
MAX_STEPS = 256
ENOUGH = 0.99


@np.errstate(over="ignore", invalid="ignore")  # what overflows on the way has no cosine
def truncation(replay: Replay, entering: np.ndarray) -> list[dict[str, float]]:
    """The gradient of the cell's weights with every error cut off after k steps.

    Truncated at k, an error reaches the step where it enters and the k - 1 steps before it. That is exact for each
    error, unlike a cut of the sequence into pieces of k steps, where an error reaches from 1 to k steps. It costs a
    pass over all steps for every lag, so only the first sequences are used: 800 steps in all, or one sequence.

    Args:
        replay: of one layer.
        entering: `e_t` of the whole loss, shape (T, n, S).

    Returns:
        A row for k = 1, 2, 4, ... up to 256, and for T: `steps`, k; `cosine`, A(k), between the truncated and the full
        gradient; `norm`, the truncated gradient's norm over that of the full one.
    """
    few = max(1, MAX_ROWS // replay.steps)
    entering = entering[:, :few]
    cell = AllSteps(replay, few)
    logs, directions = replay.gradients(entering)
    full = cell.weight_gradient(np.exp(logs)[:, :, None].astype("float32") * directions)
    cuts = {k: cell.weight_gradient(sums) for k, sums in _windows(cell, entering)}
    return [_compare(k, cut, full) for k, cut in (cuts | {replay.steps: full}).items()]


def credit_horizon(rows: list[dict[str, float]]) -> float:
    """The smallest k measured with A(k) >= 0.99, which is what `bptt_steps` should be; NaN without any gradient."""
    return next((row["steps"] for row in rows if row["cosine"] >= ENOUGH), float("nan"))


class AllSteps:
    """All steps of some sequences as the rows of one call of the cell, which is differentiated many times.

    Args:
        replay: of one layer.
        few: how many sequences to use, the first ones.
    """

    def __init__(self, replay: Replay, few: int):
        self._states = flat(replay.states[:-1, :few])
        self._weights = [weight.value for weight in replay.recording.layer.weights]
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as self._tape:
            self._tape.watch([self._states, *self._weights])
            output, self._new = replay.step(flat(replay.inputs[:, :few]), self._states)
        self._direct = 0.0
        if not replay.output_is_state:  # what the whole loss says to the weights between state and output
            self._direct = self._to_weights(output, np.swapaxes(replay.recording.errors.outputs[:few], 0, 1))

    def back(self, errors: np.ndarray) -> np.ndarray:
        """Errors (T, n, S) at the states after each step, taken to the states before it and filed there."""
        moved = self._tape.gradient(self._new, self._states, _rows(errors), unconnected_gradients="zero")
        moved = np.reshape(moved, errors.shape)
        return np.concatenate([moved[1:], np.zeros_like(moved[:1])])

    def weight_gradient(self, errors: np.ndarray) -> np.ndarray:
        """The gradient of all of the cell's weights in one vector, from errors (T, n, S) at the states."""
        return self._to_weights(self._new, errors) + self._direct

    def _to_weights(self, target, errors):
        gradients = self._tape.gradient(target, self._weights, _rows(errors), unconnected_gradients="zero")
        return np.concatenate([np.ravel(gradient) for gradient in gradients])


def _windows(cell: AllSteps, entering: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """For k = 1, 2, 4, ... the sum of what entered at each step and of what came back to it over up to k - 1 steps."""
    moved, sums = entering, entering.copy()
    for k in range(1, min(len(entering), MAX_STEPS + 1)):
        if k & (k - 1) == 0:
            yield k, sums
        moved = cell.back(moved)
        sums = sums + moved


def _compare(k: int, cut: np.ndarray, full: np.ndarray) -> dict[str, float]:
    norms = np.linalg.norm(cut), np.linalg.norm(full)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"steps": k, "cosine": cut @ full / (norms[0] * norms[1]), "norm": norms[0] / norms[1]}


def _rows(errors: np.ndarray) -> np.ndarray:
    return errors.reshape(-1, errors.shape[-1])
