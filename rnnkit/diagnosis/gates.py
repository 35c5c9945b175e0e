"""Gates that have stopped listening. For TensorFlow. Legend: `R` rows (steps of sequences), `F` features, `H` units."""

import keras
import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.replay import Replay
from rnnkit.recurrent.min_cells import MinGRUCell, MinLSTMCell

TINY_DERIVATIVE = 0.01
TINY_VARIANCE = 1e-3
OPEN = 0.5
KEEPING = {"lstm": "f", "gru": "z", "min_gru": "z", "min_lstm": "f"}
KINDS = {
    "lstm": keras.layers.LSTMCell,
    "gru": keras.layers.GRUCell,
    "simple_rnn": keras.layers.SimpleRNNCell,
    "min_gru": MinGRUCell,
    "min_lstm": MinLSTMCell,
}


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
    cell = replay.recording.layer.cell
    keeping = KEEPING.get(_kind(cell))
    rows = []
    for letter, (function, z) in preactivations(replay).items():
        with tf.GradientTape() as tape:
            tape.watch(z)
            values = function(z)
        derivative = np.abs(tape.gradient(values, z)).mean(axis=0)
        values = values.numpy()
        variance = values.var(axis=0)
        stuck = (derivative < TINY_DERIVATIVE) & (variance < TINY_VARIANCE)
        if letter == keeping:
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
    keeping = KEEPING.get(_kind(replay.recording.layer.cell))
    if keeping is None:
        return float("nan")
    function, z = preactivations(replay)[keeping]
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(function(z).numpy().astype("float64")).mean()))


def _kind(cell) -> str:
    return next((name for name, kind in KINDS.items() if type(cell) is kind), "")


def preactivations(replay: Replay) -> dict:
    """Each gate's letter -> (its activation function, what goes into it, shape (R, H)), without the padding."""
    cell = replay.recording.layer.cell
    kind = _kind(cell)
    if not kind:
        return {}
    valid = np.arange(replay.steps)[:, None] < replay.recording.lengths
    x, h = replay.inputs[valid], replay.states[:-1][valid][:, : replay.sizes[0]]
    return {"lstm": _lstm, "gru": _gru, "simple_rnn": _simple}.get(kind, _parallel)(cell, x, h)


def _simple(cell, x, h):
    z = x @ cell.kernel + h @ cell.recurrent_kernel
    return {"h": (cell.activation, z + cell.bias if cell.use_bias else z)}


def _lstm(cell, x, h):
    z = x @ cell.kernel + h @ cell.recurrent_kernel
    i, f, c, o = tf.split(z + cell.bias if cell.use_bias else z, 4, axis=-1)
    gate, activation = cell.recurrent_activation, cell.activation
    return {"i": (gate, i), "f": (gate, f), "c": (activation, c), "o": (gate, o)}


def _gru(cell, x, h):
    units = cell.units
    bias = tf.zeros((2, 3 * units)) if not cell.use_bias else tf.convert_to_tensor(cell.bias)
    bias = bias if cell.reset_after or not cell.use_bias else tf.stack([bias, tf.zeros_like(bias)])
    from_x = tf.split(x @ cell.kernel + bias[0], 3, axis=-1)
    from_h = tf.split(h @ cell.recurrent_kernel + bias[1], 3, axis=-1)
    z, r = from_x[0] + from_h[0], from_x[1] + from_h[1]
    reset = cell.recurrent_activation(r)
    if cell.reset_after:
        candidate = from_x[2] + reset * from_h[2]
    else:
        candidate = from_x[2] + (reset * h) @ cell.recurrent_kernel[:, 2 * units :]
    return {"z": (cell.recurrent_activation, z), "r": (cell.recurrent_activation, r), "h": (cell.activation, candidate)}


def _parallel(cell, x, h):
    projected = cell.project(x)
    keep, _ = cell.gated(projected)
    return {KEEPING[_kind(cell)]: (keras.activations.sigmoid, keep), "h": (cell.activation, projected[-1])}
