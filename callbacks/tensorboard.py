"""What callbacks show in TensorBoard: their figures as images, and gradient records as scalars (TensorFlow)."""

import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from rnnkit import compat
from rnnkit.callbacks.gradients.rows import Block
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole


class TensorBoardImages(keras.callbacks.Callback):
    """Shows what other callbacks plot in TensorBoard, as it grows over the epochs.

        health, spectrum = callbacks.GradientHealth(), callbacks.RecurrentSpectrum()
        images = callbacks.TensorBoardImages("logs", health, spectrum)
        model.fit(x, y, callbacks=[health, spectrum, images, keras.callbacks.TensorBoard("logs")])

    Each is an image of the callback's class name, such as `GradientHealth`, so two of one class would share theirs; its
    step is the number of finished epochs. A figure takes a few tenths of a second.

    Args:
        log_dir: folder for the images. What cannot be written is said once and never stops a training.
        sources: the callbacks, each with a method `plot()` for a matplotlib figure; they come before this one in `fit`.
        every: epochs between two images; there is always one at the end.

    Raises:
        ArgumentError: there is no source, or one that plots nothing; or `every` is no positive integer.
    """

    def __init__(self, log_dir: str | Path, *sources: keras.callbacks.Callback, every: int = 1):
        super().__init__()
        if not sources or not all(hasattr(source, "plot") for source in sources):
            got = ", ".join(type(source).__name__ for source in sources) or "none"
            raise ArgumentError(
                f"sources: expected callbacks with a method plot(), such as GradientHealth, got {got}. "
                "Give those that are in the list of fit."
            )
        self.log_dir: str | Path | None = log_dir
        self.sources = sources
        self.every = whole("every", every)
        self._epochs = 0
        self._writer: Any = None

    def on_train_begin(self, logs: dict[str, Any] | None = None):
        self._epochs = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None):
        if self._epochs and self._epochs % self.every == 0:  # not at the epoch's end, where the last one is unfinished
            self._write()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None):
        self._epochs = epoch + 1

    def on_train_end(self, logs: dict[str, Any] | None = None):
        self._write()

    def __getstate__(self):
        return {**compat.without_model(self), "_writer": None}

    def _write(self) -> None:
        if self.log_dir is None:
            return
        try:
            with as_os_error():
                self._writer = self._writer or tf.summary.create_file_writer(str(self.log_dir))
                with self._writer.as_default(step=self._epochs):
                    for source in self.sources:
                        _show(source)
                self._writer.flush()
        except Exception as error:  # a figure that fails is no reason to lose a training either
            warnings.warn(f"log_dir: TensorBoard images cannot be written and are left out: {error}", stacklevel=2)
            self.log_dir = None


def _show(source) -> None:
    try:
        figure = source.plot()
    except ArgumentError:  # nothing to be seen yet
        return
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    tf.summary.image(type(source).__name__, np.asarray(canvas.buffer_rgba())[None])


class ScalarWriter:
    """Writes the means of each block of steps into one TensorBoard event file.

    The tags are `gradients/norm_before`, `gradients/norm_after` (global norms), `gradients/threshold`,
    `gradients/update_ratio`, `gradients/refused` (number of steps not taken) and, for each layer,
    `gradient_norm/<layer>` (before clipping). Means are over the taken steps, and leave out what is not finite.

    Args:
        log_dir: the folder; made where it is missing.

    Raises:
        OSError: the folder or file cannot be written, here and in `write`.
    """

    def __init__(self, log_dir: str | Path):
        with as_os_error():
            self.writer = tf.summary.create_file_writer(str(log_dir))

    def write(self, block: Block) -> None:
        """Adds a block's means at the number of its last step, and flushes them to the disk."""
        with as_os_error(), self.writer.as_default(step=int(block.steps[-1])):
            for tag, value in means(block).items():
                tf.summary.scalar(tag, value)
            self.writer.flush()


def means(block: Block) -> dict[str, float]:
    """The scalars of a block by tag, without those that have no finite value."""
    series = {
        "gradients/norm_before": block.total_before[block.taken],
        "gradients/norm_after": block["total_after"][block.taken],
        "gradients/threshold": block["threshold"][block.taken],
        "gradients/update_ratio": block.update_ratio,
    }
    for layer in dict.fromkeys(unit.layer for unit in block.units):
        columns = [unit.layer == layer for unit in block.units]
        norms = np.linalg.norm(block["norm_before"][block.taken][:, columns].astype(float), axis=1)
        series[f"gradient_norm/{layer}"] = norms
    finite = {tag: values[np.isfinite(values)] for tag, values in series.items()}
    table = {tag: float(np.mean(values)) for tag, values in finite.items() if len(values)}
    return {**table, "gradients/refused": float(np.sum(~block.taken))}


@contextmanager
def as_os_error():
    """Turns TensorFlow's errors, which are no OSErrors even where the disk is full, into OSErrors."""
    try:
        yield
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
