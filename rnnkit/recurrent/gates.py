"""What goes into the gates of a cell at one step. Legend: `R` rows (steps of sequences), `F` features, `H` units."""

import keras
from keras import ops


def preactivations(cell, inputs, hidden) -> dict:
    """Each gate's letter -> (its activation function, what goes into it, shape (R, H)).

    A cell of one's own has gates to look at if it has a method `preactivations(inputs, hidden)` that returns this.

    Args:
        cell: a cell. SimpleRNN's only activation has the letter `h`; other cells that do not say have none.
        inputs: shape (R, F).
        hidden: the cell's first state before the step, shape (R, H).
    """
    if type(cell) in OF_KERAS:
        return OF_KERAS[type(cell)](cell, inputs, hidden)
    return cell.preactivations(inputs, hidden) if hasattr(cell, "preactivations") else {}


def _simple_rnn(cell, x, h):
    z = x @ cell.kernel + h @ cell.recurrent_kernel
    return {"h": (cell.activation, z + cell.bias if cell.use_bias else z)}


def _lstm(cell, x, h):
    z = x @ cell.kernel + h @ cell.recurrent_kernel
    i, f, c, o = ops.split(z + cell.bias if cell.use_bias else z, 4, axis=-1)
    gate, activation = cell.recurrent_activation, cell.activation
    return {"i": (gate, i), "f": (gate, f), "c": (activation, c), "o": (gate, o)}


def _gru(cell, x, h):
    bias = (ops.unstack(cell.bias) if cell.reset_after else (cell.bias, 0.0)) if cell.use_bias else (0.0, 0.0)
    from_x = ops.split(x @ cell.kernel + bias[0], 3, axis=-1)
    from_h = ops.split(h @ cell.recurrent_kernel + bias[1], 3, axis=-1)
    z, r = from_x[0] + from_h[0], from_x[1] + from_h[1]
    reset = cell.recurrent_activation(r)
    if cell.reset_after:
        candidate = from_x[2] + reset * from_h[2]
    else:
        candidate = from_x[2] + (reset * h) @ cell.recurrent_kernel[:, 2 * cell.units :]
    return {"z": (cell.recurrent_activation, z), "r": (cell.recurrent_activation, r), "h": (cell.activation, candidate)}


OF_KERAS = {
    keras.layers.SimpleRNNCell: _simple_rnn,
    keras.layers.LSTMCell: _lstm,
    keras.layers.GRUCell: _gru,
}
