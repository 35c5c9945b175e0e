"""A small training with every callback that has a state.

As a script it says where it is, and waits there to be killed: `python killed_fit.py FOLDER PLACE`.
"""

import hashlib
import os
import sys
import time
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf

from rnnkit.callbacks import GradientClipping, GradientGuard, GradientHealth, RecurrentSpectrum, Resume
from rnnkit.callbacks.resuming import state_files

BATCHES, EPOCHS = 5, 3  # batches an epoch


def hold(place):
    """The place is told, and nothing happens any more."""
    print(place, flush=True)
    time.sleep(120)


class At(keras.callbacks.Callback):
    """Calls `stop(place)` at one place: `batch 1.3` or `epoch 1`, at their ends."""

    def __init__(self, place, stop):
        super().__init__()
        self.place, self.stop, self.epoch = place, stop, 0

    def reach(self, place):
        if place == self.place:
            self.stop(place)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.reach(f"batch {self.epoch}.{batch}")

    def on_epoch_end(self, epoch, logs=None):
        self.reach(f"epoch {epoch}")


def stop_in_save(number, stop, write=state_files._write):
    """From now on only half of this save is written before `stop`."""

    def half(path, content):
        if path.stem == number:
            path.write_bytes(content[: len(content) // 2])
            stop(f"save {number}")
        write(path, content)

    state_files._write = half


def compiled(units=3, seed=0):
    keras.utils.set_random_seed(seed)
    layers = [
        keras.Input((6, 2)),
        keras.layers.LSTM(units, dropout=0.3, name="lstm"),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.Dropout(0.2, name="drop"),
        keras.layers.Dense(1, name="dense"),
    ]
    model = keras.Sequential(layers, name="net")
    model.compile(keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.9), "mse", metrics=["mae"])
    return model


def data(rows=4 * BATCHES):
    random = np.random.default_rng(0)
    return random.normal(size=(rows, 6, 2)).astype("float32"), random.normal(size=(rows, 1)).astype("float32")


def train(folder, place=None, stop=hold, last=False, resume=True):
    """One training, and all that it leaves: text, numbers and digests by name."""
    folder = Path(folder)
    model, (x, y) = compiled(), data()
    health, clipping = GradientHealth(weights_every=3), GradientClipping("percentile", 50)
    spectrum, guard = RecurrentSpectrum(), GradientGuard("rollback")
    stopping = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    logger = keras.callbacks.CSVLogger(f"{folder}.csv")
    callbacks = [
        *(health, guard, clipping, spectrum, stopping),
        keras.callbacks.ReduceLROnPlateau(patience=0, factor=0.5, min_delta=0.1),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        logger,
        keras.callbacks.ModelCheckpoint(f"{folder}.keras", save_best_only=True),
        At(place, stop),
    ]
    if resume:
        callbacks.insert(len(callbacks) - 1 if last else 0, Resume(folder, every=2))
    options = {"batch_size": 4, "epochs": EPOCHS, "validation_data": (x[:4], y[:4]), "verbose": 0}
    try:
        history = model.fit(x, y, callbacks=callbacks, **options)
    finally:
        logger.on_train_end()  # closes the file
    best = keras.saving.load_model(f"{folder}.keras")
    return {
        "weights": digest(model.variables),
        "optimizer": digest(model.optimizer.variables),
        "history": (history.epoch, history.history),
        "gradients": health.frame.to_csv(),
        "steps": health.steps.to_csv(),
        "clipping": digest(clipping.get_state()["norms"]),
        "spectrum": spectrum.frame.to_csv(),
        "csv": Path(f"{folder}.csv").read_text(),
        "best": (stopping.best, stopping.best_epoch, digest(best.weights)),
    }


def digest(values):
    return hashlib.sha256(b"".join(np.ascontiguousarray(value).tobytes() for value in values)).hexdigest()


if __name__ == "__main__":
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # as in the process of the tests
    if sys.argv[2].startswith("save"):
        stop_in_save(sys.argv[2].split()[1], hold)
    train(*sys.argv[1:])
