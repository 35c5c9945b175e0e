"""The model shapes, each as users of Keras write it."""

import keras
import numpy as np
import tensorflow as tf

import rnnkit
from failing_models import data as tasks
from rnnkit.constraints import SpectralCap
from rnnkit.initializers import Chrono
from rnnkit.regularizers import SoftOrthogonality

L, ops = keras.layers, keras.ops
PENALTIES = {
    "": dict,
    "l2": lambda: {"recurrent_regularizer": "l2"},
    "strong l2": lambda: {"recurrent_regularizer": keras.regularizers.L2(1.0)},
    "soft orthogonality": lambda: {"recurrent_regularizer": SoftOrthogonality(0.01)},
    "spectral cap": lambda: {"recurrent_constraint": SpectralCap(1.0)},
}
GATES = {"LSTM": "ifco", "GRU": "zrh", "MinGRU": "zh", "MinLSTM": "fih"}
OURS = ("MinGRU", "MinLSTM")


def build(setting, data):
    """A model of the setting's shape, not compiled."""
    keras.utils.set_random_seed(setting.seed % 2**31)
    return SHAPES["residual" if setting.residual else setting.shape](setting, data)


def _recurrent_options(setting):
    kernel = {
        "wide": lambda: keras.initializers.RandomNormal(stddev=setting.gain / np.sqrt(setting.units)),
        "narrow": lambda: keras.initializers.Orthogonal(setting.gain),
        "rank one": lambda: keras.initializers.Constant(setting.gain / setting.units),
        "zeros": keras.initializers.Zeros,
    }
    options = {"activation": setting.activation}
    if setting.kernel in kernel:
        options["recurrent_initializer"] = kernel[setting.kernel]()
    if setting.kernel == "zeros":
        options["kernel_initializer"] = "zeros"
    options |= PENALTIES[setting.penalty]()
    if setting.kernel == "chrono":
        options["bias_initializer"] = Chrono(GATES[setting.cell], max_lag=setting.lag or setting.length)
    if setting.bias:
        options["bias_initializer"] = lambda shape, dtype: _signs(shape, dtype) * setting.bias
    if setting.one_holds:
        options["bias_initializer"] = lambda shape, dtype: _one_holds(setting, shape, dtype)
    if setting.cell in OURS:
        options = {"bias_initializer": options["bias_initializer"]} if "bias_initializer" in options else {}
    if setting.cell == "LSTM" and (setting.bias or setting.one_holds or setting.kernel in ("chrono", "forgetful")):
        options["unit_forget_bias"] = False
    return options


def _signs(shape, dtype):
    """A random sign for each unit and gate; a GRU's two biases add up."""
    return ops.broadcast_to(ops.sign(keras.random.normal(shape[-1:], dtype=dtype)), shape)


def _one_holds(setting, shape, dtype):
    """Biases by which the keeping gate of the first unit is 0.99, and those of all others are 0.01."""
    gates = GATES[setting.cell]
    values = np.zeros((shape[-1] // setting.units, setting.units), "float32")
    values[gates.index("z" if "z" in gates else "f")] = np.where(np.arange(setting.units) == 0, 4.6, -4.6)
    return ops.cast(ops.broadcast_to(values.reshape(-1), shape), dtype)


class LeakyCell(L.Layer):
    """A cell of the user's own: half of the state is kept at each step."""

    def __init__(self, units):
        super().__init__()
        self.units = self.state_size = units
        self.mix = L.Dense(units, activation="tanh")

    def build(self, shape):
        self.mix.build((None, shape[-1] + self.units))

    def call(self, x, states):
        state = 0.5 * states[0] + 0.5 * self.mix(ops.concatenate([x, states[0]], -1))
        return state, [state]


def recurrent(setting, sequences=False):
    if setting.cell == "Leaky":
        return L.RNN(LeakyCell(setting.units), return_sequences=sequences)
    layer = getattr(rnnkit.layers if setting.cell in OURS else L, setting.cell)
    return layer(setting.units, return_sequences=sequences, **_recurrent_options(setting))


def cells(setting):
    if setting.cell == "Leaky":
        return [LeakyCell(setting.units) for _ in range(max(2, setting.layers))]
    cell = getattr(rnnkit.layers if setting.cell in OURS else L, f"{setting.cell}Cell")
    return [cell(setting.units, **_recurrent_options(setting)) for _ in range(max(2, setting.layers))]


class WithoutMask(L.Layer):
    """Adds what each step's place says, and loses the mask."""

    def call(self, x):
        return x + 0.1 * tf.sin(tf.range(tf.shape(x)[1], dtype=x.dtype))[None, :, None]


def front(setting, data):
    """From raw inputs to what the recurrent layer reads."""
    layers = []
    if setting.task in tasks.TEXTS:
        layers.append(L.Embedding(1500 if setting.task == "many words" else 16, 16, mask_zero=setting.mask != "none"))
    elif setting.task == "readings" and setting.mask != "none":
        layers.append(L.Masking(0.0))
    if setting.normalization == "features":
        layers.append(L.Normalization())
        layers[-1].adapt(data.x)
    if setting.ahead:
        ahead = {
            "wide": {"kernel_initializer": keras.initializers.Orthogonal(30.0)},
            "shifted": {"bias_initializer": lambda shape, dtype: 9 * _signs(shape, dtype)},
        }
        layers.append(L.Dense(64, **ahead[setting.ahead]))
    if setting.rescaled:
        layers.append(L.Rescaling(setting.rescaled))
    if setting.normalization == "steps":
        layers.append(L.LayerNormalization())
    if setting.mask == "lost":
        layers.append(WithoutMask())
    return layers + [L.Dropout(setting.dropout)] * bool(setting.dropout)


def middle(setting):
    """What stands between the last recurrent layer and the output."""
    return {
        "": list,
        "round": lambda: [L.Lambda(tf.round)],
        "sign": lambda: [L.Lambda(tf.sign)],
        "stop gradient": lambda: [L.Lambda(tf.stop_gradient)],
        "dead relu": lambda: [L.Dense(8, activation="relu", bias_initializer=keras.initializers.Constant(-8.0))],
        "relu": lambda: [L.Dense(8, activation="relu")],
    }[setting.between]() + [L.Dropout(setting.dropout)] * bool(setting.dropout)


def output(setting, data):
    classes = setting.task in tasks.CLASSES
    return L.Dense(data.y.shape[-1], activation="sigmoid" if classes else setting.answers or None)


def body(setting, sequences=False):
    """The recurrent layers, and the step that the head reads."""
    layers = [recurrent(setting, True) for _ in range(setting.layers - 1)]
    first = [L.Lambda(lambda x: x[:, 0])] if setting.head == "first" and not sequences else []
    return [*layers, recurrent(setting, sequences or bool(first)), *first]


def inputs(data):
    return keras.Input(data.x.shape[1:], dtype=str(data.x.dtype))


def chained(x, layers):
    for layer in layers:
        x = layer(x)
    return x


def window(setting, data):
    layers = [*front(setting, data), *body(setting), *middle(setting), output(setting, data)]
    return keras.Sequential([inputs(data), *layers])


def stacked_layers(setting, data):
    return window(setting.but(layers=max(2, setting.layers)), data)


def with_residuals(setting, data):
    """Stacked layers with a way around each but the first, and normalised inputs: what `residual` stands for."""
    source = inputs(data)
    x = recurrent(setting, True)(chained(source, front(setting, data)))
    for _ in range(setting.layers - 1):
        x = x + recurrent(setting, True)(L.LayerNormalization()(x))
    x = x if setting.task in tasks.EACH_STEP else x[:, -1]
    decoder = decoding(setting, data) if setting.shape == "encoder-decoder" else []
    return keras.Model(source, chained(x, [*decoder, *middle(setting), output(setting, data)]))


def stacked_cells(setting, data):
    source = inputs(data)
    first = setting.head == "first"
    x = L.RNN(cells(setting), return_sequences=first)(chained(source, front(setting, data)))
    return keras.Model(source, chained(x[:, 0] if first else x, [*middle(setting), output(setting, data)]))


class Forecaster(keras.Model):
    """A subclassed model: a recurrent layer and a head."""

    def __init__(self, setting, data):
        super().__init__()
        self.blocks = front(setting, data)
        self.rnn = recurrent(setting, sequences=setting.head == "first")
        self.hidden = middle(setting)
        self.out = output(setting, data)
        self.reads = setting.head

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x, training=training) if isinstance(block, L.Dropout) else block(x)
        state = self.rnn(x)
        state = {"last": lambda: state, "first": lambda: state[:, 0], "inputs": lambda: x[:, -1]}[self.reads]()
        return self.out(chained(state, self.hidden))


def subclassed(setting, data):
    model = Forecaster(setting, data)
    model(data.x[:2])
    return model


def tagger(setting, data):
    layers = [*front(setting, data), *body(setting, True), *middle(setting), L.TimeDistributed(output(setting, data))]
    return keras.Sequential([inputs(data), *layers])


def bidirectional_tagger(setting, data):
    both = L.Bidirectional(recurrent(setting, True))
    layers = [*front(setting, data), both, *middle(setting), L.TimeDistributed(output(setting, data))]
    return keras.Sequential([inputs(data), *layers])


def bidirectional(setting, data):
    both = L.Bidirectional(recurrent(setting, setting.head == "first"))
    source = inputs(data)
    x = both(chained(source, front(setting, data)))
    x = x[:, 0, : setting.units] if setting.head == "first" else x
    return keras.Model(source, chained(x, [*middle(setting), output(setting, data)]))


def decoding(setting, data):
    return [L.RepeatVector(data.y.shape[1]), recurrent(setting, True)]


def encoder_decoder(setting, data):
    layers = [*front(setting, data), *body(setting), *decoding(setting, data), *middle(setting)]
    return keras.Sequential([inputs(data), *layers, L.TimeDistributed(output(setting, data))])


SHAPES = {
    "window": window,
    "stacked layers": stacked_layers,
    "stacked cells": stacked_cells,
    "subclassed": subclassed,
    "tagger": tagger,
    "bidirectional tagger": bidirectional_tagger,
    "bidirectional": bidirectional,
    "encoder-decoder": encoder_decoder,
    "residual": with_residuals,
}
