"""Gates that have stopped listening. For TensorFlow. Legend: `R` rows (steps of sequences), `F` features, `H` units."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.calls import cells_of
from rnnkit.diagnosis.replay import Replay, states_of
from rnnkit.recurrent.cells import cell_of
from rnnkit.recurrent.gates import preactivations as of_cell

TINY_DERIVATIVE = 0.01
TINY_VARIANCE = 1e-3
OPEN = 0.5


class Gate(NamedTuple):
    """A gate on the probe: `function` of what goes into it, `z` of shape (R, H); `keeps` if it keeps the state."""

    name: str
    keeps: bool
    function: Callable
    z: tf.Tensor


def gates(replay: Replay) -> list[dict]:
    """How the gates of a cell of the table stand on the probe.

    A unit is stuck when its derivative is tiny and its activation hardly varies over the inputs; a unit of the gate
    that keeps the state (f of an LSTM, z of a GRU) is not when it is held open, since remembering is what it is there
    for (Tallec and Ollivier, "Can recurrent neural networks warp time?", 2018). A gate is saturated when more than
    half of its units are stuck.

    Returns:
        A row for each gate: `gate`, its letter (`h` for SimpleRNN's only activation; minLSTM's `f` is the normalised
        one, of which `i` is the rest; with the cell before it, where there are several on top of each other), `mean`
        activation, mean `derivative`, `variance` over the inputs (mean over the units), fraction of `stuck` units, and
        `saturated`. No rows for other cells.
    """
    rows = []
    for gate in preactivations(replay):
        with tf.GradientTape() as tape:
            tape.watch(gate.z)
            values = gate.function(gate.z)
        derivative = np.abs(tape.gradient(values, gate.z)).mean(axis=0)
        values = values.numpy()
        variance = values.var(axis=0)
        stuck = (derivative < TINY_DERIVATIVE) & (variance < TINY_VARIANCE)
        if gate.keeps:
            stuck &= values.mean(axis=0) < OPEN
        rows.append(
            {
                "gate": gate.name,
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
    kept = [np.ravel(gate.function(gate.z)).astype("float64") for gate in preactivations(replay) if gate.keeps]
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(np.concatenate(kept)).mean())) if kept else float("nan")


def preactivations(replay: Replay) -> Iterator[Gate]:
    """The gates of a layer's cells, as far as the table knows them, without the padding."""
    valid = np.arange(replay.steps)[:, None] < replay.recording.lengths
    x, states = replay.inputs[valid], tf.split(replay.states[:-1][valid], replay.sizes, axis=-1)
    for name, cell in cells_of(replay.recording.layer).items():
        own, states = states[: states_of(cell)], states[states_of(cell) :]
        entry = cell_of(cell)
        if entry is None:
            return
        for letter, (function, z) in of_cell(cell, x, own[0]).items():
            yield Gate(f"{name} {letter}".strip(), letter == entry.keep_gate, function, z)
        x, _ = cell.call(x, own)
