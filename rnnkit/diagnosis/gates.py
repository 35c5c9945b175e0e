"""Gates that have stopped listening. For TensorFlow. Legend: `R` rows (steps of sequences), `F` features, `H` units."""

import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.replay import Replay
from rnnkit.recurrent.cells import cell_of
from rnnkit.recurrent.gates import preactivations as of_cell

TINY_DERIVATIVE = 0.01
TINY_VARIANCE = 1e-3
OPEN = 0.5


def gates(replay: Replay) -> list[dict]:
    """How the gates of a cell of the table stand on the probe.

    A unit is stuck when its derivative is tiny and its activation hardly varies over the inputs; a unit of the gate
    that keeps the state (f of an LSTM, z of a GRU) is not when it is held open, since remembering is what it is there
    for (Tallec and Ollivier, "Can recurrent neural networks warp time?", 2018). A gate is saturated when more than
    half of its units are stuck.

    Returns:
        A row for each gate: `gate`, its letter (`h` for SimpleRNN's only activation; minLSTM's `f` is the normalised
        one, of which `i` is the rest), `mean` activation, mean
        `derivative`, `variance` over the inputs (mean over the units), share of `stuck` units, and `saturated`. No
        rows for other cells.
    """
    keep_gate = _keep_gate(replay)
    rows = []
    for letter, (function, z) in preactivations(replay).items():
        with tf.GradientTape() as tape:
            tape.watch(z)
            values = function(z)
        derivative = np.abs(tape.gradient(values, z)).mean(axis=0)
        values = values.numpy()
        variance = values.var(axis=0)
        stuck = (derivative < TINY_DERIVATIVE) & (variance < TINY_VARIANCE)
        if letter == keep_gate:
            stuck &= values.mean(axis=0) < OPEN
        rows.append(
            {
                "gate": letter,
                "mean": float(values.mean()),
                "derivative": float(derivative.mean()),
                "variance": float(variance.mean()),
                "stuck": float(stuck.mean()),
                "saturated": bool(stuck.mean() > 0.5),
            }
        )
    return rows


def forget_gate(replay: Replay) -> float:
    """exp(mean log f), what a cell of the table keeps of its state each step (f, or z of a GRU); NaN for others."""
    keep_gate, found = _keep_gate(replay), preactivations(replay)
    if keep_gate not in found:
        return float("nan")
    function, z = found[keep_gate]
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(function(z).numpy().astype("float64")).mean()))


def preactivations(replay: Replay) -> dict:
    """Each gate's letter -> (its activation function, what goes into it, shape (R, H)), without the padding."""
    valid = np.arange(replay.steps)[:, None] < replay.recording.lengths
    x, h = replay.inputs[valid], replay.states[:-1][valid][:, : replay.sizes[0]]
    return of_cell(replay.recording.layer.cell, x, h)


def _keep_gate(replay: Replay) -> str:
    """The letter of the gate that keeps the state; empty for a cell without one."""
    cell = cell_of(replay.recording.layer.cell)
    return "" if cell is None else cell.keep_gate
