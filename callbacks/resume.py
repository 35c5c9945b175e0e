"""Going on with a training that was killed."""

import contextlib
import copy
import os
import time
import warnings
from typing import Any

import keras

from rnnkit import compat, workers
from rnnkit.callbacks.resuming.held_signals import HeldSignals
from rnnkit.callbacks.resuming.state_files import StateFiles, check_parts
from rnnkit.errors import DeviceError, ResumeError
from rnnkit.errors.checks import whole

compat.follow_fits()  # from before the first `fit` that has a Resume in its list

START = "0 0 False"  # the first save of all


class Resume(keras.callbacks.Callback):
    """Keeps the state of a training in a folder, and continues from there when the same script is started again.

        model.fit(x, y, epochs=20, callbacks=[callbacks.Resume("state", every=500), *others])

    However the first process ended, the second ends with the weights, optimizer, history and callbacks of one that was
    never stopped, bit for bit on the same machine. What is kept: weights, all variables of the optimizer (with averages
    and learning rate), the seeds of dropout and other layers, the generators of Python, NumPy and Keras, the place in
    the epoch with the metrics so far, and the state of the other callbacks of the `fit`: all of rnnkit's, Keras'
    `History`, `EarlyStopping`, `ReduceLROnPlateau`, `ModelCheckpoint`, `SwapEMAWeights` and `CSVLogger`, and any of
    your own with `get_state()` (plain values and arrays in lists and dicts) and `set_state(state)`. Others are taken to
    have no state; a `TensorBoard` folder has the repeated steps twice, and `ThroughTime` chooses its epochs by the
    clock in every run. It changes nothing in the training, and may stand anywhere in the list.

    The data must come in the same order again. They do for rnnkit's tasks; for arrays, shuffled ones too, after
    `keras.utils.set_random_seed` (a warning says so where it is missing); for a `keras.utils.PyDataset` whose batches
    are a function of their number; and for a `tf.data.Dataset` that gives the same order each time, as with
    `shuffle(..., reshuffle_each_iteration=False)`. Python generators and `steps_per_epoch` are refused. Random
    operations of TensorFlow itself (`tf.random`) inside a model are not restored. For TensorFlow, on one device, or by
    several workers (see `rnnkit.workers`), each with a folder of its own: they go on from the newest save that all of
    them have, and signals act at once. The first batches of a `tf.data.Dataset` or `PyDataset` are drawn twice before
    training: where they differ from pass to pass, as with a plain `shuffle(...)`, or from those of the saved training,
    a warning says that the two trainings do, too.

    Ctrl-C and SIGTERM wait until the running step is done and the state is saved, and then act as they would have
    without it: the save is where the training stood, not the last one by `every`. In validation they wait for the next
    epoch to begin. A second one acts at once, and training continues from the save before. This holds for a `fit` in
    the main thread.

    A save is one file with a checksum, written under another name, flushed to the disk and then renamed. Two are
    kept: where the last one is damaged, the one before is used, with a warning. Where one cannot be written, as on a
    full disk, a warning says so, training continues, and the next one is tried; the two before stay. All stay when
    training is done. Starting it again then trains nothing, with a warning, and gives the same model and history;
    with another number of epochs in `fit` it continues to that number (an optimizer with `use_ema` continues from the
    averaged weights). Delete the folder to start over.

    Args:
        directory: the folder of the saves; made where it is missing.
        every: batches from one save to the next within an epoch, or `"epoch"` for none there. The start of each epoch
            and the end of training are saved in any case.
        finish: train no further, and end the saved training where it stands: the other callbacks end with their saved
            state, so that one which restores the best weights restores the best so far.

    Attributes:
        seconds_before: how long the processes before this one have trained up to the state that was taken over.

    Raises:
        ArgumentError: `every` is neither of these; in `fit`, data that cannot be rewound, or a callback whose state
            cannot be saved.
        DeviceError: in `fit`, another backend than TensorFlow.
        ResumeError: in `fit`, saves of another training, whose differences are named, or of one with more epochs, or
            only damaged ones; with `finish`, no finished epoch.

    Examples:
        >>> import tempfile
        >>> import keras
        >>> import numpy as np
        >>> from rnnkit import callbacks
        >>> model = keras.Sequential([keras.Input((10, 2)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((32, 10, 2)), np.ones((32, 1))
        >>> folder = tempfile.mkdtemp()
        >>> keras.utils.set_random_seed(0)
        >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[callbacks.Resume(folder)])
        >>> keras.utils.set_random_seed(0)
        >>> longer = model.fit(x, y, epochs=3, verbose=0, callbacks=[callbacks.Resume(folder)])
        >>> longer.epoch
        [0, 1, 2]
    """

    def __init__(self, directory: str | os.PathLike, every: int | str = "epoch", *, finish: bool = False):
        super().__init__()
        self.directory = directory
        self.every = None if every == "epoch" else whole("every", every)
        self.finish = finish
        self.seconds_before = 0.0
        self._files = StateFiles(directory)
        self._fit: Any = None
        self._signals: Any = None
        self._failing = False  # to write
        self._saved: dict | None = None  # until the training is where it was saved
        self._epoch = 0
        self._random: dict | None = None  # the random generators at the beginning of the epoch

    def on_train_begin(self, logs: dict[str, Any] | None = None):
        if keras.backend.backend() != "tensorflow":
            raise DeviceError(f"Resume is for the TensorFlow backend, not {keras.backend.backend()}. Leave it out.")
        from rnnkit.callbacks.resuming.running_fit import RunningFit, check_same, described
        from rnnkit.callbacks.resuming.training_state import random_state, set_random_state

        self._start = time.perf_counter()
        before = random_state()
        self._fit = RunningFit(self)
        self._fit.build()
        set_random_state(before)  # batches may have been drawn
        self._identity = described(self.model, self._fit.data, self.params["epochs"], self._others)
        self._saved = self._newest()
        if self._saved is not None:
            check_same(self._saved["identity"], self._identity, self.directory)
            self.seconds_before = self._saved["seconds"]
        compat.begin_at_epoch(self.model, self._first_epoch())
        self._fit.end_first(self)  # with what is saved then, or restored, the others end
        self._check_order()
        self._signals = HeldSignals(self.model)
        if not workers.are_sharing(self.model.distribute_strategy):  # a save of one worker is of no use to the others
            self._signals.hold()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None):
        from rnnkit.callbacks.resuming.training_state import random_state, set_random_state

        compat.begin_at_epoch(self.model, None)
        self._epoch = epoch
        if self._saved is None:
            self._random = random_state()
            self._save()
        elif not self._saved["batch"]:
            self._random = self._saved["random"]
            self._go_on()
            self.model.stop_training = False  # where a training that has ended is continued
            self.model.reset_metrics()
        else:  # it begins as it did, so that the data come in the same order, and is left for the batch saved at once
            self._random = self._saved["random at epoch"]
            self._restore(copy.deepcopy(self._saved))
            with self._taking_over():
                set_random_state(self._random)
            self._fit.skip(self._saved["batch"])
        self._signals.deliver()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None):
        due = self.every and batch % self.every < self.model.steps_per_execution
        if self._saved is not None:
            self._go_on()
        elif batch and (due or self._signals.waiting):
            self._save(batch)
        self._signals.deliver()

    def on_train_end(self, logs: dict[str, Any] | None = None):
        compat.begin_at_epoch(self.model, None)
        if self._saved is None:
            self._epoch += 1
            self._random = None
            self._save(ended=True)
        else:
            if not self.finish:
                warnings.warn(
                    f"Resume: the training in {self.directory} was finished already; nothing is trained.", stacklevel=2
                )
            self._go_on()
        self._fit = None
        self._signals.deliver()
        self._signals.let_go()

    def __getstate__(self):
        """A copy or pickle carries the arguments, not the model or a running fit."""
        return {**compat.without_model(self), "_fit": None, "_signals": None, "_saved": None}

    def _newest(self) -> dict | None:
        """The newest save, checked; of several workers the newest that all of them have.

        Raises:
            ResumeError: other workers train something else, or have no save that this one has.
        """
        from rnnkit.callbacks.resuming.running_fit import check_alike

        strategy = self.model.distribute_strategy
        if not workers.are_sharing(strategy):
            saved = self._files.read()
            if saved is not None:
                check_parts(saved, self.directory)
            return saved
        saves: dict[str, tuple[int, dict]] = {}
        for number, state in self._files.intact():
            check_parts(state, self.directory)
            saves.setdefault(f"{state['epoch']} {state['batch']} {state.get('ended')}", (number, state))
        shared = {name: value for name, value in self._identity.items() if name != "callbacks"}  # the first has more
        told = workers.gathered(strategy, {"identity": shared, "saves": list(saves)})
        check_alike([each["identity"] for each in told])
        common = set.intersection(*(set(each["saves"]) for each in told))
        for place, (number, state) in saves.items():
            if place in common:
                self._files.number = number
                return state
        if {place for each in told for place in each["saves"]} <= {START}:
            return None
        raise ResumeError("directory: the workers have no save in common. Delete the saves of all to start over.")

    @property
    def _others(self) -> list:
        from rnnkit.callbacks.resuming.training_state import has_state

        return [each for each in self._fit.callbacks if each is not self and has_state(each)]

    def _first_epoch(self) -> int | None:
        """Where the epochs of this `fit` begin; the number of all of them where none is left."""
        saved, epochs = self._saved, self.params["epochs"]
        if self.finish:
            if saved is None or not saved["epoch"]:
                raise ResumeError(f"directory: {self.directory} has no finished epoch. Train on, without finish.")
            return epochs
        if saved is None:
            return None
        if epochs < saved["epoch"]:
            raise ResumeError(f"epochs: expected at least the {saved['epoch']} that are done, got {epochs}.")
        return epochs if saved.get("ended") and epochs == saved["identity"]["epochs"] else saved["epoch"]

    def _check_order(self) -> None:
        """Warns where the data do not come as they did, or will not come again as they do now."""
        before = None if self._saved is None else self._saved.get("first batches")
        if self._fit.is_unseeded:
            reason, cure = "the order of the examples is not seeded", "Call keras.utils.set_random_seed before"
        elif self._fit.is_reordered:
            reason = "the data come in another order in every pass over them"
            cure = "Give shuffle() of tf.data reshuffle_each_iteration=False, or make a batch a function of its number"
        elif before is not None and before != self._fit.first_batches:
            reason, cure = "the first batches are not those of the saved training", "Seed their order"
        else:
            return
        warnings.warn(
            f"Resume: {reason}, so a resumed training differs from one that was never stopped. {cure}.",
            stacklevel=2,
        )

    def _save(self, batch: int = 0, ended: bool = False) -> None:
        from rnnkit.callbacks.resuming.training_state import state_of

        self._fit.settle()
        state = state_of(self.model, self._others)
        place = {"epoch": self._epoch, "batch": batch, "random at epoch": self._random if batch else None}
        place["ended"] = ended
        seconds = self.seconds_before + time.perf_counter() - self._start
        try:
            known = {"identity": self._identity, "first batches": self._fit.first_batches}
            self._files.write({**known, "seconds": seconds, **place, **state})
        except OSError as error:
            self._say_once(error)
        else:
            self._failing = False

    def _say_once(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            warnings.warn(
                f"Resume: the state could not be saved ({error}). Training continues, and the next save is tried; the "
                "saves before are still there.",
                stacklevel=2,
            )

    def _restore(self, saved: dict) -> None:
        from rnnkit.callbacks.resuming.training_state import restore

        with self._taking_over():
            restore(self.model, self._others, saved)

    @contextlib.contextmanager
    def _taking_over(self):
        """What a save holds is as good as who wrote it: where it does not fit, that is said in one line."""
        try:
            yield
        except ResumeError:
            raise
        except Exception as error:
            raise ResumeError(
                f"directory: the newest save in {self.directory} does not fit this training ({error}). "
                "Delete it to resume from the one before."
            ) from error

    def _go_on(self) -> None:
        """Here stood the saved training, and from here this one is that one."""
        assert self._saved is not None
        self._restore(self._saved)
        self._saved = None
