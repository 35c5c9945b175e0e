"""A training that is broken off and started again is the one that never stopped."""

import importlib.util
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from rnnkit import SentimentClassifier
from rnnkit.callbacks import Resume
from rnnkit.callbacks.resuming import state_files
from rnnkit.callbacks.resuming.state_files import StateFiles
from rnnkit.errors import ArgumentError, ResumeError

SCRIPT = Path(__file__).with_name("killed_fit.py")
spec = importlib.util.spec_from_file_location("killed_fit", SCRIPT)
killed_fit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(killed_fit)


class StoppedError(Exception):
    """What breaks a training off where no process is killed."""


def stop(place):
    raise StoppedError(place)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The training that is never stopped: its folder, and what it leaves."""
    folder = tmp_path_factory.mktemp("whole") / "state"
    return folder, killed_fit.train(folder)


def kill(folder, place):
    """Starts the training in a process of its own, and kills it where it says that it is at the place."""
    with subprocess.Popen([sys.executable, SCRIPT, folder, place], stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline().strip()
        process.kill()
    assert said == place
    assert process.returncode == -9


def test_killed_while_it_saves_and_in_an_epoch_and_its_last_save_damaged(whole, tmp_path):
    folder = tmp_path / "state"
    kill(folder, "save 00000005")  # in epoch 1, before batch 2
    assert [path.name for path in sorted(folder.iterdir())] == ["00000003.state", "00000004.state", "00000005.part"]
    with pytest.raises(StoppedError):
        killed_fit.train(folder, "batch 2.3", stop)
    newest = max(folder.iterdir())
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{newest.name} is damaged and is skipped: its checksum is wrong"):
        ended = killed_fit.train(folder)
    assert ended == whole[1]


@pytest.mark.parametrize(("place", "last"), [("batch 0.0", False), ("epoch 1", True)])
def test_wherever_it_stops_and_stands_in_the_list_it_goes_on(whole, tmp_path, place, last):
    with pytest.raises(StoppedError):
        killed_fit.train(tmp_path / "state", place, stop, last)
    assert killed_fit.train(tmp_path / "state", last=last) == whole[1]


@pytest.mark.parametrize("place", ["batch 1.2", "batch 2.4"])
def test_ctrl_c_is_saved_where_it_comes(whole, tmp_path, place):
    """Before batch 3, where no save is due; and in the last batch, from where on it waits for the end."""
    with pytest.raises(KeyboardInterrupt):
        killed_fit.train(tmp_path / "state", place, lambda place: signal.raise_signal(signal.SIGINT))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    state = StateFiles(tmp_path / "state").read()
    assert (state["epoch"], state["batch"]) == {"batch 1.2": (1, 3), "batch 2.4": (3, 0)}[place]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*was finished already; nothing is trained")
        assert killed_fit.train(tmp_path / "state") == whole[1]


def test_it_changes_nothing(whole, tmp_path):
    plain = killed_fit.train(tmp_path / "state", resume=False)
    for name in ("weights", "optimizer", "history", "gradients", "steps", "clipping", "spectrum", "best"):
        assert plain[name] == whole[1][name]


def test_a_finished_training_is_not_trained_again(whole, tmp_path):
    shutil.copytree(whole[0].parent, tmp_path, dirs_exist_ok=True)
    with pytest.warns(UserWarning, match="was finished already; nothing is trained"):
        ended = killed_fit.train(tmp_path / "state", "batch 0.0", stop)  # which no batch comes to
    assert ended == whole[1]


def begun(folder, units=3, rows=None, others=(), seed=0, optimizer="adam", **options):
    """A fit that can only fail before its first step, if the folder is that of another training."""
    model, (x, y) = killed_fit.compiled(units, seed), killed_fit.data(*([rows] if rows else []))
    model.compile(optimizer, "mse")
    options = {"batch_size": 4, "epochs": 2, "verbose": 0, **options}
    return model.fit(x, y, callbacks=[Resume(folder), *others], **options)


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    folder = tmp_path_factory.mktemp("another") / "state"
    begun(folder)
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 5}, "data batches an epoch was 5, is 4"),
        ({"rows": 19}, "data contents was"),
        ({"seed": 1}, "data seed was 0, is 1"),
        ({"shuffle": False}, "data shuffle was True, is False"),
        ({"units": 4}, r"model was kernel \(2, 12\) float32, is kernel \(2, 16\) float32"),
        ({"optimizer": "sgd"}, "optimizer class was Adam, is SGD"),
        ({"others": [keras.callbacks.EarlyStopping("loss")]}, "callbacks was .*'History'.*, is .*'EarlyStopping'"),
    ],
)
def test_another_training_is_refused_and_the_difference_named(another, change, message):
    with pytest.raises(ResumeError, match=f"holds another training: .*{message}"):
        begun(another, **change)


def small():
    """A model without recurrence, which takes little time; its dropout draws numbers."""
    keras.utils.set_random_seed(0)
    flat, drop = keras.layers.Flatten(), keras.layers.Dropout(0.2)
    model = keras.Sequential([keras.Input((6, 2)), flat, drop, keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def without_averages(folder, epochs, finish=False, at=None):
    """A training whose optimizer keeps no averages, and its weights and history."""
    model, (x, y) = small(), killed_fit.data()
    best = keras.callbacks.EarlyStopping(patience=9, restore_best_weights=True)
    callbacks = [best, Resume(folder, every=2, finish=finish), killed_fit.At(at, stop)]
    options = {"batch_size": 4, "epochs": epochs, "validation_data": (x[:4], y[:4]), "verbose": 0}
    history = model.fit(x, y, callbacks=callbacks, **options)
    return killed_fit.digest(model.weights), history.epoch, history.history


@pytest.mark.usefixtures("untraced_test")
def test_a_finished_training_is_continued_as_if_it_had_been_longer_from_the_start(tmp_path):
    longer = without_averages(tmp_path / "longer", 4)
    without_averages(tmp_path / "state", 2)
    assert without_averages(tmp_path / "state", 4) == longer
    with pytest.raises(ResumeError, match="epochs: expected at least the 4 that are done, got 3"):
        without_averages(tmp_path / "state", 3)


@pytest.mark.usefixtures("untraced_test")
def test_finish_keeps_the_best_epoch_so_far_and_can_be_continued(tmp_path):
    folder = tmp_path / "state"
    with pytest.raises(StoppedError):
        without_averages(folder, 4, at="batch 0.3")
    with pytest.raises(ResumeError, match="has no finished epoch. Train on, without finish"):
        without_averages(folder, 4, finish=True)
    with pytest.raises(StoppedError):
        without_averages(folder, 4, at="batch 2.3")
    assert without_averages(folder, 4, finish=True) == without_averages(tmp_path / "two", 2)
    assert without_averages(folder, 4) == without_averages(tmp_path / "four", 4)


def test_saves_that_fail_are_said_once_and_tried_again(tmp_path, monkeypatch):
    write, failed = state_files._write, []

    def full_at_first(path, content):
        if len(failed) < 2:
            failed.append(path.name)
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(state_files, "_write", full_at_first)
    with pytest.warns(UserWarning, match="Resume: the state could not be saved .* the next save is tried") as said:
        begun(tmp_path / "state")
    assert sum("could not be saved" in str(each.message) for each in said) == 1
    assert failed == ["00000001.part"] * 2
    assert StateFiles(tmp_path / "state").read()["epoch"] == 2


def test_what_cannot_be_set_back_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="steps_per_epoch: Resume needs epochs"):
        begun(tmp_path, steps_per_epoch=2)
    model, (x, y) = killed_fit.compiled(), killed_fit.data()
    with pytest.raises(ArgumentError, match="x: a Python generator cannot be rewound"):
        model.fit(((x[:4], y[:4]) for _ in range(3)), callbacks=[Resume(tmp_path)], shuffle=False)
    with pytest.raises(ArgumentError, match="every: expected a positive integer"):
        Resume(tmp_path, every=0)
    resume = Resume(tmp_path)
    resume.set_model(model)
    with pytest.raises(ArgumentError, match="Resume works inside of `fit` only"):
        resume.on_train_begin()


TEXTS = ["good film", "bad film", "not good", "not bad at all", "good good good", "a bad plot and a bad film"] * 2
LABELS = ["positive", "negative"] * 6


def classify(folder, seed, at=None):
    keras.utils.set_random_seed(seed)
    model = SentimentClassifier("simple_rnn", units=3, bidirectional=False, embedding_dim=3, dropout=0.2)
    callbacks = [Resume(folder, every=1), killed_fit.At(at, stop)]
    history = model.fit(TEXTS, LABELS, batch_size=4, epochs=2, verbose=0, callbacks=callbacks)
    return killed_fit.digest(model.variables), history.history


@pytest.mark.usefixtures("untraced_test")
def test_a_task_goes_on_with_the_order_of_its_own_examples_whatever_the_new_process_draws(tmp_path):
    ended = classify(tmp_path / "whole", 0)
    with pytest.raises(StoppedError):
        classify(tmp_path / "state", 0, "batch 1.1")
    assert classify(tmp_path / "state", 8) == ended


def piped(folder, dataset, stopped=False):
    """Trains on a pipeline, from the start or from where the folder says, perhaps up to batch 2 of epoch 1."""
    model = small()
    at = killed_fit.At("batch 1.2" if stopped else None, stop)
    try:
        history = model.fit(
            dataset(), epochs=3, verbose=0, shuffle=False, callbacks=[Resume(folder, every=1), at]
        ).history
    except StoppedError:
        return None
    return killed_fit.digest(model.variables), history


def pipeline(**options):
    return tf.data.Dataset.from_tensor_slices(killed_fit.data()).shuffle(20, **options).batch(4)


@pytest.mark.usefixtures("untraced_test")
def test_a_pipeline_that_keeps_its_order_is_gone_on_with(tmp_path):
    def kept():
        return pipeline(seed=1, reshuffle_each_iteration=False)

    whole = piped(tmp_path / "whole", kept)
    assert piped(tmp_path / "state", kept, stopped=True) is None
    assert piped(tmp_path / "state", kept) == whole


def test_a_pipeline_that_shuffles_each_epoch_is_said_from_the_start_and_when_it_goes_on(tmp_path):
    for stopped in (True, False):
        with pytest.warns(UserWarning, match="the data come in another order in every pass .*reshuffle_each_iteration"):
            piped(tmp_path, pipeline, stopped)


@pytest.mark.usefixtures("untraced_test")
def test_a_pipeline_in_another_order_than_the_saved_one_is_said(tmp_path):
    piped(tmp_path, lambda: pipeline(seed=1, reshuffle_each_iteration=False), stopped=True)
    with pytest.warns(UserWarning, match="the first batches are not those of the saved training"):
        piped(tmp_path, lambda: pipeline(seed=2, reshuffle_each_iteration=False))


class Augmented(keras.utils.PyDataset):
    """Batches with noise that is drawn again each time, or from the batch's number."""

    num_batches = 5

    def __init__(self, pure):
        super().__init__()
        self.pure = pure

    def __getitem__(self, index):
        x, y = (each[4 * index : 4 * index + 4] for each in killed_fit.data())
        return x + (np.random.default_rng(index) if self.pure else np.random).normal(size=x.shape).astype("float32"), y


@pytest.mark.usefixtures("untraced_test")
def test_a_data_set_whose_batches_are_no_function_of_their_number_is_said(tmp_path):
    with pytest.warns(UserWarning, match="another order in every pass"):
        piped(tmp_path / "random", lambda: Augmented(pure=False))
    whole = piped(tmp_path / "whole", lambda: Augmented(pure=True))
    assert piped(tmp_path / "state", lambda: Augmented(pure=True), stopped=True) is None
    assert piped(tmp_path / "state", lambda: Augmented(pure=True)) == whole


@pytest.mark.usefixtures("untraced_test")
def test_a_fit_within_a_callback_of_another_fit_is_kept_apart(tmp_path):
    """What a `fit` calls and iterates over is known by its model."""

    class Inner(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            begun(tmp_path / "inner")

    begun(tmp_path / "outer", others=[Inner()])
    assert StateFiles(tmp_path / "outer").read()["epoch"] == 2
    assert StateFiles(tmp_path / "inner").read()["epoch"] == 2
