"""From a window to a forecast: normalisation, recurrent stack, and three ways to decode.

Legend: `B` windows, `L` steps looked back on, `H` steps ahead, `F` features of a step, `M` width of the stack, `w`
steps of a segment, `P` numbers that describe a step.
"""

import keras
import numpy as np
from keras import ops

from rnnkit.layers import RecurrentStack
from rnnkit.layers.state_bridge import StateBridge
from rnnkit.tasks.forecasting.heads import Head
from rnnkit.tasks.forecasting.windows import covariate_width

DECODERS = ("segments", "direct", "recursive")
NORMALIZATIONS = ("last", "instance", "mean", "none")
CHUNK = 1e-5  # the least scale of a window
EMBEDDING = 16  # numbers for a label, at most
CAUSAL = {  # what a decoder's stack has in place of its encoder's own
    "bidirectional": False,
    "return_sequences": True,
    "dropout": 0.0,
    "name": "decoder",
    "bptt_steps": None,
    "omega": 0.0,
    "gradient_penalty": 0.0,
}


def forecast_network(task, learned) -> keras.Model:
    """The functional model of a `Forecaster` for what was learned of its training data."""
    policy, head = task.dtype_policy, task.head
    past, known = covariate_width(learned)
    inputs = {"history": keras.Input((task.lookback,), name="history")}
    normalize = WindowNormalization(task.normalization, name="normalization", dtype="float32")
    values, observed, shift, scale = normalize(inputs["history"])
    steps = [values, observed] if learned["missing"] else [values]
    if past:
        inputs["covariates"] = keras.Input((task.lookback, past), name="covariates")
        steps.append(inputs["covariates"])
    future = None
    if known:
        inputs["future"] = future = keras.Input((task.horizon, known), name="future")
    context = _context(inputs, learned, policy)
    steps = keras.layers.Concatenate(name="steps")(steps) if len(steps) > 1 else steps[0]
    make = {"segments": _segments, "direct": _direct, "recursive": _recursive}[task.decoder]
    raw = make(task, steps, values, future, context)
    forecast = HeadLayer(head, name="forecast", dtype="float32")(raw, shift, scale)
    return keras.Model(inputs, forecast, name="network")


@keras.saving.register_keras_serializable(package="rnnkit")
class WindowNormalization(keras.layers.Layer):
    """Takes level and size out of each window (B, L); missing values (NaN) become 0 and are not counted.

    `"last"` subtracts the last value, as in SegRNN and NLinear; `"instance"` also divides by the deviation, as RevIN
    (Kim et al., "Reversible instance normalization", 2022) without its affine map; `"mean"` divides by one plus the
    mean size, as DeepAR does with counts.

    Args:
        kind: one of `NORMALIZATIONS`.
    """

    def __init__(self, kind="last", **kwargs):
        super().__init__(**kwargs)
        self.kind = kind

    def call(self, history):
        """Values and whether they are there, (B, L, 1), and shift and scale, (B, 1, 1)."""
        missing = ops.isnan(history)
        observed = 1.0 - ops.cast(missing, history.dtype)
        values = ops.where(missing, ops.zeros_like(history), history)
        shift, scale = self._level(values, observed)
        normal = (values - shift) / scale * observed
        return normal[..., None], observed[..., None], shift[..., None], scale[..., None]

    def _level(self, values, observed):
        count = ops.maximum(ops.sum(observed, axis=1, keepdims=True), 1.0)
        zero = ops.zeros_like(values[:, :1])
        if self.kind == "none":
            return zero, zero + 1.0
        if self.kind == "mean":
            return zero, 1.0 + ops.sum(ops.abs(values), axis=1, keepdims=True) / count
        if self.kind == "last":
            steps = ops.arange(1, values.shape[1] + 1, dtype=values.dtype) * observed
            last = ops.cast(ops.equal(steps, ops.max(steps, axis=1, keepdims=True)), values.dtype) * observed
            return ops.sum(values * last, axis=1, keepdims=True), zero + 1.0
        mean = ops.sum(values, axis=1, keepdims=True) / count
        variance = ops.sum(ops.square(values - mean) * observed, axis=1, keepdims=True) / count
        return mean, ops.sqrt(variance + CHUNK)

    def get_config(self):
        return {**super().get_config(), "kind": self.kind}


class HeadLayer(keras.layers.Layer):
    """`Head.parameters` as a layer."""

    def __init__(self, head: Head, **kwargs):
        super().__init__(**kwargs)
        self.head = head

    def call(self, raw, shift, scale):
        return self.head.parameters(raw, shift, scale)


class Decoder(keras.layers.Layer):
    """A stack of the same cells as another, started from what that one has read."""

    def __init__(self, stack: RecurrentStack, size: int, **kwargs):
        super().__init__(**kwargs)
        self.stack = RecurrentStack.from_config({**stack.get_config(), **CAUSAL})
        sizes = [[int(state.shape[-1]) for state in layer] for layer in self.stack.initial_states(1)]
        self.bridge = StateBridge(sizes, name="bridge", dtype=self.dtype_policy)
        self.read_off = keras.layers.Dense(size, name="read_off", dtype=self.dtype_policy)

    def build_parts(self, features: int, summary_shape) -> None:
        """Builds the layers for steps with this number of features."""
        self.stack.build((None, None, features))
        self.bridge.build((None, 1, summary_shape[-1]))
        self.read_off.build((None, self.stack.width))
        self.built = True

    def start(self, summary):
        """The first states for what was read, (B, M)."""
        return self.bridge(summary[:, None], ops.ones(ops.shape(summary)[:1], "int32"))


class SegmentDecoder(Decoder):
    """All segments of the forecast at once: each is one step from what was read, told by its place alone.

    Lin et al., "SegRNN: Segment recurrent neural network for long-term time series forecasting", 2023, with a learned
    map from the last output to the states, so that any cell will do.

    Args:
        stack: the stack that has read the window.
        segments: how many there are.
        segment: w.
        size: P.
        dropout: fraction of the last layer's inputs.
    """

    def __init__(self, stack, segments: int, segment: int, size: int, dropout: float, **kwargs):
        super().__init__(stack, segment * size, **kwargs)
        self.segments, self.segment, self.size = segments, segment, size
        self.width = stack.units[0]
        self.drop = keras.layers.Dropout(dropout, name="drop", dtype=self.dtype_policy)

    def build(self, summary_shape, beside_shape=None):
        self.places = self.add_weight(shape=(self.segments, self.width), initializer="normal", name="places")
        self.build_parts(self.width, summary_shape)

    def call(self, summary, beside=None, training=False):
        """Raw numbers (B, H, P) of a summary (B, M) and of what is known of each segment, (B, m, M)."""
        batch = ops.shape(summary)[0]
        inputs = ops.broadcast_to(ops.cast(self.places, summary.dtype)[None], (batch, self.segments, self.width))
        inputs = inputs if beside is None else inputs + beside
        states = keras.tree.map_structure(lambda state: ops.repeat(state, self.segments, axis=0), self.start(summary))
        outputs, _ = self.stack.step(ops.reshape(inputs, (-1, self.width)), states, training=training)
        raw = self.read_off(self.drop(outputs, training=training))
        return ops.reshape(raw, (-1, self.segments * self.segment, self.size))


class RecursiveDecoder(Decoder):
    """Step by step, each told the forecast of the one before, in training as in use."""

    def __init__(self, stack, horizon: int, size: int, middle: int, **kwargs):
        super().__init__(stack, size, **kwargs)
        self.horizon, self.middle = horizon, middle
        self.loop = keras.layers.RNN(_Feedback(self), return_sequences=True, name="loop", dtype=self.dtype_policy)

    def build(self, summary_shape, last_shape, beside_shape):
        self.build_parts(1 + beside_shape[-1], summary_shape)

    def call(self, summary, last, beside, training=False):
        """Raw numbers (B, H, P) of a summary (B, M), the last value (B, 1) and the known of each step, (B, H, F)."""
        states = [ops.cast(last, summary.dtype), *keras.tree.flatten(self.start(summary))]
        return self.loop(beside, initial_state=states, training=training)


class _Feedback(keras.layers.Layer):
    """A step of a `RecursiveDecoder` as a cell; its states are the forecast before, and those of the stack."""

    def __init__(self, decoder: RecursiveDecoder, **kwargs):
        super().__init__(**kwargs)
        self._parts = [lambda: decoder]  # not a layer of its own, or it would be saved twice
        sizes = keras.tree.map_structure(lambda state: int(state.shape[-1]), decoder.stack.initial_states(1))
        self.state_size = [1, *keras.tree.flatten(sizes)]
        self.output_size = decoder.read_off.units
        self._structure = sizes
        self.built = True

    def call(self, inputs, states, training=False):
        decoder = self._parts[0]()
        before, *flat = states
        own = keras.tree.pack_sequence_as(self._structure, flat)
        outputs, own = decoder.stack.step(ops.concatenate([before, inputs], axis=-1), own, training=training)
        raw = decoder.read_off(outputs)
        return raw, [raw[:, decoder.middle : decoder.middle + 1], *keras.tree.flatten(own)]


def _context(inputs, learned, policy):
    """What never changes within a series, (B, E): embeddings of channel and labels, and numbers; None for nothing."""
    channels, labels = len(learned["targets"]), learned["labels"]
    sizes = ([channels] if channels > 1 else []) + [len(values) for values in labels.values()]
    parts = []
    if sizes:
        inputs["ids"] = ids = keras.Input((len(sizes),), dtype="int32", name="ids")
        for place, size in enumerate(sizes):
            embedding = keras.layers.Embedding(size, min(size, EMBEDDING), name=f"label_{place}", dtype=policy)
            parts.append(embedding(ids[:, place]))
    if learned["numbers"]:
        inputs["numbers"] = keras.Input((len(learned["numbers"]),), name="numbers")
        parts.append(inputs["numbers"])
    return keras.layers.Concatenate(name="context")(parts) if len(parts) > 1 else parts[0] if parts else None


def _segments(task, steps, values, future, context):
    """Segments in, segments out."""
    policy, w, width = task.dtype_policy, task.segment, task.stack.units[0]
    count, features = task.lookback // w, steps.shape[-1]
    joined = keras.layers.Reshape((count, w * features), name="cut")(steps)
    joined = keras.layers.Dense(width, "relu", name="segment", dtype=policy)(joined)
    summary = task.stack(joined)
    ahead, beside = task.horizon // w, None
    if future is not None:
        cut = keras.layers.Reshape((ahead, w * future.shape[-1]), name="cut_future")(future)
        beside = keras.layers.Dense(width, name="known", dtype=policy)(cut)
    if context is not None:
        of_series = keras.layers.Dense(width, use_bias=False, name="of_series", dtype=policy)(context)[:, None]
        beside = of_series if beside is None else beside + of_series
    options = {"name": "segments", "dtype": policy}
    decoder = SegmentDecoder(task.stack, ahead, w, task.head.size, task.head_dropout, **options)
    return decoder(summary) if beside is None else decoder(summary, beside)


def _read(task, steps, context):
    """The summary (B, M) of steps, each of which also gets the features of the series."""
    if context is None:
        return task.stack(steps)
    told = keras.layers.RepeatVector(task.lookback, name="told")(context)
    return task.stack(keras.layers.Concatenate(name="told_steps")([steps, told]))


def _direct(task, steps, values, future, context):
    """One linear map to all steps; where more is known of them, plus a small network."""
    policy, size = task.dtype_policy, task.head.size
    summary = keras.layers.Dropout(task.head_dropout, name="drop")(_read(task, steps, context))
    raw = keras.layers.Dense(task.horizon * size, name="steps_ahead", dtype=policy)(summary)
    raw = keras.layers.Reshape((task.horizon, size), name="ahead")(raw)
    if future is None:
        return raw
    told = keras.layers.RepeatVector(task.horizon, name="told_ahead")(summary)
    joined = keras.layers.Concatenate(name="known")([told, future])
    joined = keras.layers.Dense(task.stack.units[-1], "relu", name="known_hidden", dtype=policy)(joined)
    return raw + keras.layers.Dense(size, name="known_out", dtype=policy)(joined)


def _recursive(task, steps, values, future, context):
    """Step by step; each step gets how far ahead it is, and what is known of it."""
    summary = _read(task, steps, context)
    ahead = Ahead(task.horizon, name="ahead")(summary)
    beside = ahead if future is None else keras.layers.Concatenate(name="known")([ahead, future])
    middle = task.head.levels.index(0.5) if task.head.levels else 0
    decoder = RecursiveDecoder(
        task.stack, task.horizon, task.head.size, middle, name="recursive", dtype=task.dtype_policy
    )
    return decoder(summary, values[:, -1], beside)


class Ahead(keras.layers.Layer):
    """How far ahead each step is, from 0 to 1, for each window: (B, M) -> (B, H, 1)."""

    def __init__(self, horizon: int, **kwargs):
        super().__init__(**kwargs)
        self.far = np.linspace(0, 1, horizon, dtype="float32")[None, :, None]

    def call(self, summary):
        far = ops.convert_to_tensor(self.far, dtype=self.compute_dtype)
        return ops.broadcast_to(far, (ops.shape(summary)[0], self.far.shape[1], 1))
