"""The spectrum of recurrent kernels against kernels of known spectrum, and against NumPy over a training."""

import copy

import keras
import numpy as np
import pandas as pd
import pytest

from rnnkit.callbacks import RecurrentSpectrum
from rnnkit.callbacks.recurrent_spectrum import spectra
from rnnkit.errors import ArgumentError
from rnnkit.layers import RecurrentStack, TruncatedRNN

COLUMNS = ["epoch", "step", "layer", "gate", "radius", "sigma"]


def rotation(size, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(size, size)))[0]


def test_radius_and_sigma_of_a_kernel_that_is_not_normal_differ():
    layer = keras.layers.SimpleRNN(40, name="layer")
    model = keras.Sequential([keras.Input((None, 2)), layer])
    kernel = 0.9 * np.eye(40) + 0.8 * np.eye(40, k=1)
    layer.cell.recurrent_kernel.assign(kernel)
    (row,) = spectra(model)
    # The singular values of a bidiagonal Toeplitz matrix stay below 0.9 + 0.8, and nearly reach it.
    assert row == {"layer": layer.path, "gate": "", "radius": pytest.approx(0.9, rel=1e-6), "sigma": row["sigma"]}
    assert 1.69 < row["sigma"] < 1.7
    assert np.linalg.norm(np.linalg.matrix_power(kernel, 20), 2) > 1e4 > 0.9**20


@pytest.mark.parametrize(("cell", "gates"), [("simple_rnn", [""]), ("lstm", list("ifco")), ("gru", list("zrh"))])
def test_every_gate_of_every_layer_and_direction_has_its_own_numbers(cell, gates):
    stack = RecurrentStack(cell, 5, 2, bidirectional=True)
    inputs = keras.Input((None, 3))
    model = keras.Model(inputs, stack(inputs))
    layers = [block[side] for block in stack.blocks for side in ("forward", "backward")]
    for number, layer in enumerate(layers):
        scales = [1 + number + 0.1 * place for place in range(len(gates))]
        layer.cell.recurrent_kernel.assign(np.concatenate([scale * rotation(5, number) for scale in scales], axis=1))
    frame = pd.DataFrame(spectra(model))
    assert list(frame["layer"].unique()) == [layer.path for layer in layers]
    for number, layer in enumerate(layers):
        rows = frame[frame["layer"] == layer.path]
        assert list(rows["gate"]) == gates
        for column in ("radius", "sigma"):
            np.testing.assert_allclose(rows[column], 1 + number + 0.1 * np.arange(len(gates)), rtol=1e-5)


class TwoBlocksCell(keras.layers.Layer):
    """A cell whose gates rnnkit does not know."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, shape):
        self.recurrent_kernel = self.add_weight(shape=(self.units, 2 * self.units), name="recurrent_kernel")
        self.built = True

    def call(self, inputs, states):
        first, second = keras.ops.split(states[0] @ self.recurrent_kernel, 2, axis=-1)
        return first + keras.ops.tanh(second), [first + keras.ops.tanh(second)]


def test_wrappers_cells_of_ones_own_frozen_and_odd_kernels():
    truncated = TruncatedRNN(keras.layers.LSTMCell(3), 2, return_sequences=True, name="truncated")
    wrapped = keras.layers.Bidirectional(keras.layers.GRU(4, trainable=False, return_sequences=True), name="both")
    own = keras.layers.RNN(TwoBlocksCell(2), name="own")
    model = keras.Sequential([keras.Input((None, 2)), truncated, wrapped, own])
    frame = pd.DataFrame(spectra(model))
    assert frame.groupby("layer", sort=False)["gate"].sum().to_list() == ["ifco", "zrh", "zrh", "01"]
    images = keras.Sequential([keras.Input((None, 6, 6, 1)), keras.layers.ConvLSTM2D(2, 3)])
    assert spectra(images) == []


def test_over_a_training_it_is_what_numpy_says_of_the_weights_at_each_time(kit, data, tmp_path):
    model, spectrum = kit.compiled("gru", optimizer=keras.optimizers.SGD(0.5)), RecurrentSpectrum(every=3)
    kernels = {}

    class Keep(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            kernels[int(self.model.optimizer.iterations)] = self.model.layers[1].cell.recurrent_kernel.numpy()

    history = kit.fit(model, data, [spectrum, Keep()], epochs=2).history
    kernels[16] = model.layers[1].cell.recurrent_kernel.numpy()
    frame = spectrum.frame
    assert list(frame.columns) == COLUMNS
    assert list(frame["step"].unique()) == [0, 3, 6, 8, 9, 12, 15, 16]
    assert list(frame.groupby("step")["epoch"].first()) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert list(frame["gate"]) == list("zrh") * 8
    assert set(frame["layer"]) == {"net/gru"}
    for step, rows in frame.groupby("step"):
        blocks = np.split(kernels[step].astype("float64"), 3, axis=1)
        np.testing.assert_allclose(rows["sigma"], [np.linalg.svd(b)[1][0] for b in blocks], rtol=1e-6)
        np.testing.assert_allclose(rows["radius"], [np.abs(np.linalg.eig(b)[0]).max() for b in blocks], rtol=1e-6)
    assert frame["sigma"].nunique() > 20
    for epoch, step in enumerate((8, 16)):
        last = frame[frame["step"] == step]
        assert history["sigma_max"][epoch] == last["sigma"].max()
        assert history["spectral_radius"][epoch] == last["radius"].max()
    spectrum.to_csv(tmp_path / "spectrum.csv")
    read = pd.read_csv(tmp_path / "spectrum.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(read, frame)
    figure = spectrum.plot()
    [axis] = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    np.testing.assert_array_equal(lines["sigma r"], frame[frame["gate"] == "r"]["sigma"])
    np.testing.assert_array_equal(lines["radius h"], frame[frame["gate"] == "h"]["radius"])
    assert figure.legends[0].get_texts()[0].get_text() == "z (update gate)"


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"optimizer": keras.optimizers.SGD(gradient_accumulation_steps=2)}, [0, 3, 4, 6, 8]),
        ({"steps_per_execution": 2}, [0, 4, 6, 8, 10, 12, 16]),
    ],
    ids=["accumulation", "two at once"],
)
def test_steps_are_those_of_the_optimizer(kit, data, options, steps):
    spectrum = RecurrentSpectrum(every=3)
    kit.fit(kit.compiled("simple_rnn", **options), data, [spectrum], epochs=2)
    assert list(spectrum.frame["step"]) == steps


def test_a_training_that_goes_on_measures_nothing_twice(kit, data):
    model, spectrum = kit.compiled("simple_rnn"), RecurrentSpectrum()
    kit.fit(model, data, [spectrum])
    other = copy.deepcopy(spectrum)
    other.set_state(spectrum.get_state())
    kit.fit(model, data, [other], initial_epoch=1, epochs=2)
    assert list(other.frame["step"]) == [0, 8, 16]
    assert list(other.frame["epoch"]) == [0, 0, 1]
    assert list(spectrum.frame["step"]) == [0, 8]


def test_weights_that_are_not_finite_give_nan_and_stop_nothing(kit):
    model = kit.build("lstm")
    kernel = model.layers[1].cell.recurrent_kernel
    value = np.array(kernel)
    value[0, 4] = np.inf
    kernel.assign(value)
    frame = pd.DataFrame(spectra(model))
    assert frame["sigma"].isna().tolist() == [False, True, False, False]
    assert frame["radius"].isna().tolist() == [False, True, False, False]


@pytest.mark.parametrize("cell", ["mean", "min_gru"])
def test_a_model_without_a_recurrent_kernel_is_told_so(cell, kit, data):
    spectrum = RecurrentSpectrum()
    with pytest.warns(UserWarning, match="records nothing: the model has no recurrent kernel") as caught:
        history = kit.fit(kit.compiled(cell), data, [spectrum], epochs=2).history
    assert len(caught) == 1
    assert np.isnan(history["sigma_max"]).all()
    assert spectrum.frame.empty
    with pytest.raises(ArgumentError, match="plot: no recurrent kernel"):
        spectrum.plot()


@pytest.mark.parametrize("every", [0, -1, 2.5, "batch", None, True])
def test_every_is_checked(every):
    with pytest.raises(ArgumentError, match="every"):
        RecurrentSpectrum(every=every)
