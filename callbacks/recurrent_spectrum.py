"""Eigenvalues and singular values of the recurrent kernels over training."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from rnnkit import compat
from rnnkit.callbacks.gradients.seam import steps_taken
from rnnkit.callbacks.gradients.units import Naming
from rnnkit.errors.checks import whole
from rnnkit.recurrent.spectrum import block_spectra, is_blocks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ["epoch", "step", "layer", "gate", "radius", "sigma"]


class RecurrentSpectrum(keras.callbacks.Callback):
    """Records spectral radius and largest singular value of every recurrent kernel, on any Keras model.

    A gated cell's kernel is taken apart into one square block a gate; one with several blocks whose gates rnnkit does
    not know has numbers for letters. It is measured before the first step and at the end of each epoch, in NumPy on
    the host: on one core 6 ms for an LSTM of 64 units, 0.1 s for 256, 1.1 s for 512.

    How to read it (Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013), for
    a simple RNN h_t = phi(W h_(t-1) + ...): `sigma` < 1 / max|phi'| (1 for tanh and relu, 4 for sigmoid) is sufficient
    for gradients to vanish. Explosion has only a necessary condition, `sigma` above it. A `radius` below 1 says what
    happens after very many steps of a linear network, and does not bound a kernel that is not normal: 0.9 I + 0.8 on
    the superdiagonal has the radius 0.9 and grows 10^4 times in 20 steps. In gated cells the kernel is one factor
    among several, so compare over training, and ask the gradients themselves what arrives.

    The epoch logs get `spectral_radius` and `sigma_max`, the largest over layers and gates as last measured, so place
    it before callbacks that read them. A model without a recurrent kernel of shape (units, gates * units) gives NaN and
    a warning.

    Args:
        every: `"epoch"`, or a number N: also before each step whose number is a multiple of N; with
            `steps_per_execution`, before the first that can be looked at from there on.

    Raises:
        ArgumentError: `every` is neither of these.

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> from rnnkit import callbacks
        >>> model = keras.Sequential([keras.Input((10, 2)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((32, 10, 2)), np.ones((32, 1))
        >>> spectrum = callbacks.RecurrentSpectrum()
        >>> history = model.fit(x, y, epochs=1, verbose=0, callbacks=[spectrum])
        >>> spectrum.frame["gate"].unique().tolist()
        ['i', 'f', 'c', 'o']
    """

    def __init__(self, every: str | int = "epoch"):
        super().__init__()
        self.every = None if every == "epoch" else whole("every", every)
        self.rows: list[dict] = []
        self.next_step = 0
        self._epoch = 0
        self._warned = False

    @property
    def frame(self) -> pd.DataFrame:
        """One row a measurement, layer and gate: `epoch, step, layer, gate, radius, sigma`.

        `step` counts the optimizer steps before the measurement, those of a loaded optimizer included; `gate` is a
        letter (`i f c o`, `z r h`), empty where the cell has one block; weights that are not finite give NaN.
        """
        return pd.DataFrame(self.rows, columns=COLUMNS)

    def plot(self) -> "Figure":
        """A `matplotlib.figure.Figure`: for each layer, largest singular value and radius of each gate."""
        from rnnkit.callbacks.spectrum_plot import spectrum_plot

        return spectrum_plot(self.frame).figure()

    def to_csv(self, path: str | Path) -> None:
        """Writes `frame` as CSV."""
        self.frame.to_csv(path, index=False)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None):
        self._epoch, self.next_step = epoch, steps_taken(self.model)
        if not any(row["step"] == self.next_step for row in self.rows[-1:]):
            self._measure(self.next_step)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None):
        if self.every:
            before, self.next_step = self.next_step, steps_taken(self.model)
            if self.next_step // self.every > before // self.every:
                self._measure(self.next_step)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None):
        self.next_step = steps_taken(self.model)
        measured = self._measure(self.next_step)
        if not measured and not self._warned:
            self._warned = True
            warnings.warn("RecurrentSpectrum records nothing: the model has no recurrent kernel.", stacklevel=2)
        if logs is not None:
            logs["spectral_radius"] = _largest([row["radius"] for row in measured])
            logs["sigma_max"] = _largest([row["sigma"] for row in measured])

    def get_state(self) -> dict:
        """What is needed to go on after a restart."""
        return {"next_step": self.next_step, "epoch": self._epoch, "warned": self._warned, "rows": self.rows}

    def set_state(self, state: dict) -> None:
        """Takes over what `get_state` gave, before `fit` or in it."""
        self.next_step, self.rows = int(state["next_step"]), list(state["rows"])
        self._epoch, self._warned = state["epoch"], state["warned"]

    def __getstate__(self):
        """A copy or pickle carries the records, not the model."""
        return compat.without_model(self)

    def _measure(self, step: int) -> list[dict]:
        rows = [{"epoch": self._epoch, "step": step, **row} for row in spectra(self.model)]
        self.rows += rows
        return rows


def spectra(model) -> list[dict]:
    """`layer, gate, radius, sigma` of each gate of every recurrent kernel of a model, in the order of its weights."""
    kernels = recurrent_kernels(model)
    units = Naming(model, by_gate=True).units(kernels)
    return [
        {"layer": gates[0].layer, **row}
        for kernel, gates in zip(kernels, units, strict=True)
        for row in block_spectra(kernel, [unit.gate for unit in gates])
    ]


def recurrent_kernels(model) -> list:
    """The recurrent kernels of a model, shape (H, G * H), frozen ones included."""
    kernels = {id(getattr(layer, "recurrent_kernel", None)) for layer in compat.layers_of(model)}
    found = [weight for weight in model.weights if id(weight) in kernels]
    return [kernel for kernel in found if is_blocks(kernel)]


def _largest(values: list[float]) -> float:
    """NaN if one of them is, or if there are none."""
    return float(np.max(values)) if values else float("nan")
