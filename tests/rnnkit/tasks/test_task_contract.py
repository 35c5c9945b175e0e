"""What every task promises, for every cell."""

import contextlib
import copy
import functools
import inspect
import itertools
import json
import subprocess
import sys
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import rnnkit
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.recurrent.table import cell_names
from rnnkit.tasks import TASKS
from rnnkit.tasks.callbacks import BestEpoch
from rnnkit.tasks.inputs import as_dataset

TEXTS = ["good film", "bad film indeed", "not good", "not bad at all !", "good good", "a bad , bad plot"]
SENTENCES = ["Ada met Charles Babbage", "he wrote", "London , 1843", "Ada of London", "met him in Paris", "no one"]
TAGS = ["B-P O B-P I-P", "O O", "B-L O O", "B-P O B-L", "O O O B-L", "O O"]
SYMBOLS = [[0, 1, 2, 3], [2, 1], [1, 1, 0], [3, 0, 2, 1, 1], [0], [3, 3, 1]]
CHORDS = ["ab", "ab b", "c - c d", "a abd d", "bd", "b c b c b"]
ROLLS = [[[int(key in frame) for key in "abcd" + "." * 84] for frame in piece.split()] for piece in CHORDS]
PHRASES = ["guter Film", "ein schlechter Film", "nicht gut", "gar nicht übel !", "gut gut", "eine üble , üble Handlung"]
WAVES = [[[(step * rate) % 5 / 2] for step in range(7)] for rate in range(1, 7)]
EXAMPLES = {
    "sentiment": Dataset({"text": TEXTS * 4, "label": ["positive", "negative"] * 12}),
    "ner": Dataset({"tokens": [each.split() for each in SENTENCES * 4], "tags": [each.split() for each in TAGS * 4]}),
    "music": Dataset({"roll": ROLLS * 4}),
    "translation": Dataset({"source": PHRASES * 4, "target": TEXTS * 4}),
    "memory": Dataset({"sequence": SYMBOLS * 4, "target": [0, 1] * 12}),
    "forecasting": Dataset({"series": WAVES * 4}),
    "language-model": Dataset({"text": TEXTS * 4}),
}
SMALL = {
    "sentiment": {"embedding_dim": 3},
    "ner": {"embedding_dim": 3, "char_units": 2},
    "music": {"head": "joint", "head_units": 2},
    "translation": {"embedding_dim": 3},
    "memory": {"target": "class"},
    "forecasting": {"lookback": 3, "horizon": 2, "decoder": "direct"},
    "language-model": {"embedding_dim": 3, "bptt_steps": 8},
}
NO_DROPOUT = {task: {"dropout": 0.0} for task in TASKS}
for task in ("sentiment", "ner"):
    NO_DROPOUT[task]["word_dropout"] = 0.0
NO_DROPOUT["music"]["head_dropout"] = 0.0
FORWARD_ONLY = ("music", "language-model")
DIRECTIONS = [(task, both) for task in TASKS for both in (False, True) if not (both and task in FORWARD_ONLY)]


def small(task, cell="lstm", **options):
    keras.utils.set_random_seed(0)
    return TASKS[task](cell=cell, units=3, **SMALL[task], **options)


def trained(task, cell="lstm", data=None, **options):
    model = small(task, cell, **options)
    model.fit(EXAMPLES[task] if data is None else data, batch_size=8, epochs=1, verbose=0)
    return model


@functools.cache
def trained_once(task, untraced):
    """A trained model that several tests read and none changes."""
    with tracing_one(task, untraced):
        return trained(task)


@functools.cache
def trained_with_sgd(task, untraced):
    """Another one, with an optimizer that is not the task's own."""
    model = small(task)
    model.compile(optimizer=keras.optimizers.SGD(0.125, momentum=0.5))
    with tracing_one(task, untraced):
        model.fit(EXAMPLES[task], epochs=1, verbose=0)
    return model


@functools.cache
def trained_until_it_stops(task):
    """What it is watched by and scores at the end, its history, and the traces of a step up to each batch."""
    model, traces, after_batch = small(task), [], []
    model.max_epochs, model.patience = 6, 2
    step = model.train_step
    model.train_step = lambda data: (traces.append(1), step(data))[1]
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: after_batch.append(len(traces)))
    data = EXAMPLES[task]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* did not leave .* in 6 epochs")  # of BLEU, and of what a memory needs
        history = model.fit(data, validation_data=data, batch_size=4, verbose=0, callbacks=[count]).history
    return model.monitor, model.evaluate(data, verbose=0, return_dict=True), history, after_batch


def tracing_one(task, untraced):
    """Where tasks run the same code, one of them is traced, and the others run step by step."""
    return contextlib.nullcontext() if task == "sentiment" else untraced()


def answers(model, data):
    """What the model predicts, one number after the other, whatever form a row has."""
    return np.concatenate([np.ravel(row) for row in model.predict(data, verbose=0)])


def same_weights(first, second):
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


CLASSICAL, OTHERS = cell_names()[:5], cell_names()[5:]  # the others share the tasks out among themselves
TURNS = [  # each task with each cell, in one direction or in both by turns; every second of them is slow
    pytest.param(task, even and task not in FORWARD_ONLY, cell, marks=() if even else pytest.mark.slow)
    for place, cell in enumerate(each for each in CLASSICAL if each != "lstm")
    for number, task in enumerate(TASKS)
    for even in [(place + number) % 2 == 0]
]
MEETINGS = [
    *TURNS,
    *((*each, "lstm") for each in DIRECTIONS),
    *[(*each, cell) for place, cell in enumerate(OTHERS) for each in DIRECTIONS[place :: len(OTHERS)]],
]


@pytest.mark.parametrize(("task", "bidirectional", "cell"), MEETINGS)
def test_every_cell_trains_and_comes_back_from_its_file(task, cell, bidirectional, tmp_path, untraced):
    data = EXAMPLES[task] if task == "language-model" else EXAMPLES[task][:8]  # a step; what is a stream needs more
    with tracing_one(task, untraced):
        model = trained(task, cell, data, bidirectional=bidirectional)
        model.save(tmp_path / "model.keras")
        again = rnnkit.load(tmp_path / "model.keras")
        np.testing.assert_array_equal(answers(model, data), answers(again, data))
    assert again.get_config() == model.get_config()
    assert again.optimizer.iterations.numpy() == model.optimizer.iterations.numpy() > 0
    same_weights(model, again)


@pytest.mark.parametrize("task", TASKS)
def test_without_dropout_a_loaded_model_trains_on_as_if_never_saved(task, tmp_path, untraced):
    with tracing_one(task, untraced):
        model = small(task, **NO_DROPOUT[task])
        model.fit(EXAMPLES[task], epochs=1, verbose=0, shuffle=False)
        model.save(tmp_path / "model.keras")
        again = rnnkit.load(tmp_path / "model.keras")
        for each in (model, again):
            each.fit(EXAMPLES[task], epochs=1, verbose=0, shuffle=False)
        same_weights(model, again)
        again.save(tmp_path / "again.keras")
        same_weights(model, rnnkit.load(tmp_path / "again.keras"))


FRESH = """
import json, sys
import keras, numpy as np
import rnnkit.tasks
import tensorflow as tf
tf.config.run_functions_eagerly(True)
for file, inputs in json.loads(sys.argv[1]).items():
    model = keras.saving.load_model(file)
    np.save(file + ".npy", np.concatenate([np.ravel(row) for row in model.predict(inputs, verbose=0)]))
"""


def test_a_fresh_process_gives_the_same_predictions_of_every_task(tmp_path, untraced):
    files = {task: str(tmp_path / f"{task}.keras") for task in TASKS}
    inputs = {task: EXAMPLES[task][EXAMPLES[task].columns[0]][:5] for task in TASKS}
    for task, file in files.items():
        trained_once(task, untraced).save(file)
    given = json.dumps({file: inputs[task] for task, file in files.items()})
    subprocess.run([sys.executable, "-c", FRESH, given], check=True, capture_output=True, timeout=120)
    for task, file in files.items():
        with untraced():
            expected = answers(trained_once(task, untraced), inputs[task])
        np.testing.assert_array_equal(np.load(file + ".npy"), expected, err_msg=task)


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_gives_the_same_weights_and_metrics(task, untraced):
    models = small(task), small(task)
    with untraced():
        histories = []
        for model in models:
            keras.utils.set_random_seed(1)
            histories.append(model.fit(EXAMPLES[task], batch_size=8, epochs=1, verbose=0).history)
    assert histories[0] == histories[1]
    same_weights(*models)


@pytest.mark.parametrize("task", [task for task in TASKS if len(TASKS[task].columns) == 2])
def test_all_forms_of_raw_data_are_the_same_data(task, untraced):
    data = EXAMPLES[task]
    x, y = (data[column] for column in data.columns)
    tensors = [tf.ragged.constant(column) for column in (x, y)]
    forms = {
        "dataset": (data, None),
        "lists": (x, y),
        "tuple": ((x, y), None),
        "objects": tuple(pd.Series(column).to_numpy(dtype=object) for column in (x, y)),
        "series": (pd.Series(x), pd.Series(y)),
        "frame": (data.to_pandas(), None),
        "tf.data": (tf.data.Dataset.from_tensor_slices(tuple(tensors)), None),
        "tf.data batches": (tf.data.Dataset.from_tensor_slices(tuple(tensors)).batch(5), None),
    }
    if TASKS[task].rank == 0:
        forms["numpy"] = (np.array(x), np.array(y))
    for name, (inputs, targets) in forms.items():
        read = as_dataset(inputs, targets, columns=data.columns, rank=TASKS[task].rank)
        assert {column: read[column] for column in read.columns} == {data.columns[0]: x, data.columns[1]: y}, name
    model = small(task)
    with tracing_one(task, untraced):
        model.fit(forms["tf.data"][0], batch_size=8, epochs=1, verbose=0)
    same_weights(model, trained_once(task, untraced))


@pytest.mark.parametrize("task", TASKS)
def test_predictions_keep_the_order_of_the_input(task, untraced):
    model = trained_once(task, untraced)
    x = EXAMPLES[task][EXAMPLES[task].columns[0]][:6]
    with contextlib.nullcontext() if task == "translation" else untraced():  # a search has many steps
        together = model.predict(x, batch_size=4, verbose=0)
        for row, value in enumerate(x):
            np.testing.assert_allclose(together[row], model.predict([value], verbose=0)[0], atol=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_auto_epochs_keep_the_best_of_them(task):
    (name, mode), found, history, _ = trained_until_it_stops(task)
    best = (max if mode == "max" else min)(history[name])
    assert found[name.removeprefix("val_")] == pytest.approx(best)


@pytest.mark.parametrize("task", TASKS)
def test_one_compile_argument_leaves_the_defaults_of_the_others(task, untraced):
    model = trained_with_sgd(task, untraced)
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    with tracing_one(task, untraced):
        found = model.evaluate(EXAMPLES[task], verbose=0, return_dict=True)
    assert {"loss", model.monitor[0].removeprefix("val_")} <= set(found)


@pytest.mark.parametrize("task", TASKS)
def test_a_saved_model_keeps_its_compile_settings(task, tmp_path, untraced):
    model = trained_with_sgd(task, untraced)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = rnnkit.load(tmp_path / "model.keras")
    assert isinstance(again.optimizer, keras.optimizers.SGD)
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for a, b in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("task", TASKS)
def test_steps_of_any_length_are_traced_once(task):
    *_, history, after_batch = trained_until_it_stops(task)
    batches, rest = divmod(len(after_batch), len(history["loss"]))
    assert rest == 0
    assert batches >= 6
    assert 0 < after_batch[0] == after_batch[-1]


@pytest.mark.parametrize("task", TASKS)
def test_config_round_trips(task):
    model = small(task, layers=3, residual=True, recurrent_regularizer=keras.regularizers.L2(0.1))
    config = copy.deepcopy(model.get_config())
    assert type(model).from_config(model.get_config()).get_config() == config
    assert "cell" in config


@pytest.mark.parametrize("task", [task for task in TASKS if task != "language-model"])
def test_validation_split_and_weights(task, untraced):
    data, model, before = EXAMPLES[task], small(task), []
    begin = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: before.extend(model.get_weights()))
    one_step = {"batch_size": 24, "epochs": 1, "verbose": 0}  # more steps round an average
    with tracing_one(task, untraced):
        history = model.fit(data, validation_split=0.25, sample_weight=np.zeros(24), callbacks=[begin], **one_step)
    assert "val_loss" in history.history
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(DataError, match="sample_weight"):
        small(task).fit(data, sample_weight=np.ones(3), verbose=0)


@pytest.mark.parametrize("task", TASKS)
def test_misuse_is_named(task):
    model = small(task)
    with pytest.raises(ArgumentError, match="fit or adapt"):
        model.predict(["x"])
    with pytest.raises(ArgumentError, match="fit or adapt"):
        model.evaluate(EXAMPLES[task])
    with pytest.raises(ArgumentError, match="epochs"):
        model.fit(EXAMPLES[task], epochs=0)
    with pytest.raises(ArgumentError, match="vocabulary already"):
        model.adapt(EXAMPLES[task])
    with pytest.raises(ArgumentError, match="Known cells"):
        TASKS[task](cell="ltsm")
    with pytest.raises(DataError, match="None"):
        small(task).fit(None)


def endless(task, weight=None):
    """Batches of eight rows without end, of a task that has targets with their weights."""
    columns = [EXAMPLES[task][name] for name in EXAMPLES[task].columns]
    columns = columns if weight is None or len(columns) == 1 else [*columns, [weight] * 24]
    for first in itertools.cycle((0, 8, 16)):
        parts = tuple(column[first : first + 8] for column in columns)
        yield parts if len(parts) > 1 else parts[0]


@functools.cache
def trained_on_endless(task, untraced):
    """A model, the steps of its epochs, and the history of a training on examples that weigh nothing."""
    model, steps = small(task), []
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    data, valid = endless(task, weight=0.0), endless(task, weight=0.0)
    limits = {"steps_per_epoch": 3, "validation_steps": 2, "epochs": 2}
    with tracing_one(task, untraced):
        history = model.fit(data, validation_data=valid, verbose=0, callbacks=[count], **limits).history
    return model, steps, history


@pytest.mark.timeout(120)
@pytest.mark.parametrize("task", TASKS)
def test_endless_data_train_for_steps_and_their_weights_count(task, untraced):
    _, steps, history = trained_on_endless(task, untraced)
    assert steps == [0, 1, 2] * 2
    weightless = len(TASKS[task].columns) > 1
    assert (history["loss"] == [0.0, 0.0]) == (history["val_loss"] == [0.0, 0.0]) == weightless


@pytest.mark.parametrize(
    ("named", "use"),
    [
        ("steps_per_epoch", lambda model, data: model.fit(data)),
        ("validation_steps", lambda model, data: model.fit(EXAMPLES["sentiment"], validation_data=data)),
        ("steps", lambda model, data: model.evaluate(data)),
        ("steps", lambda model, data: model.predict(data)),
    ],
)
def test_endless_data_are_refused_with_what_to_do(named, use, untraced):
    data = tf.data.Dataset.from_tensor_slices(tuple(EXAMPLES["sentiment"][name] for name in ("text", "label")))
    with pytest.raises(DataError, match=f"tf.data.Dataset is endless. Give {named} to read"):
        use(trained_on_endless("sentiment", untraced)[0], data.repeat())


def test_steps_of_evaluation_are_the_first_batches(untraced):
    model, data = trained_on_endless("sentiment", untraced)[0], EXAMPLES["sentiment"]
    x, y = data["text"], data["label"]
    expected = model.evaluate(x[:6], y[:6], verbose=0)
    rows = tf.data.Dataset.from_tensor_slices((x, y)).batch(3)
    for given in (data, rows, rows.repeat()):
        assert model.evaluate(given, batch_size=3, steps=2, verbose=0) == pytest.approx(expected, rel=1e-5)
        assert model.predict(given, batch_size=3, steps=2, verbose=0).shape == (6, 2)


@pytest.mark.parametrize("task", TASKS)
def test_batches_of_raw_data_are_trained_tested_and_predicted(task, untraced):
    model, _, _ = trained_on_endless(task, untraced)
    data = EXAMPLES[task].take(range(5))
    x, before = data[data.columns[0]], int(model.optimizer.iterations)
    with tracing_one(task, untraced):
        tested = model.test_on_batch(data, return_dict=True)
        assert tested["loss"] == pytest.approx(model.evaluate(data, verbose=0, return_dict=True)["loss"], rel=1e-5)
        model.train_on_batch(data)
        for one, other in zip(model.predict_on_batch(x), model.predict(x, verbose=0), strict=True):
            np.testing.assert_array_equal(one, other)
    assert int(model.optimizer.iterations) == before + 1


@pytest.mark.parametrize("task", TASKS)
def test_raw_data_and_files_where_keras_could_not_take_them(task, tmp_path, untraced):
    model = trained_once(task, untraced)
    for raw in ("a text", ["two", "texts"], np.array(["a"]), b"bytes", tf.constant("text")):
        with pytest.raises(ArgumentError, match="expected a dict with the numbers .*network_inputs"):
            model(raw)
    if task != "translation":
        inputs = model.network_inputs(EXAMPLES[task][EXAMPLES[task].columns[0]][:2])
        assert len(model(inputs)) == 2
    with pytest.raises(ArgumentError, match=r"filepath: expected a path that ends in .keras, got .*model.h5"):
        model.save(tmp_path / "model.h5")
    x = EXAMPLES[task][EXAMPLES[task].columns[0]]
    assert len(model.predict(x, batch_size=2, steps=2, verbose=0)) == 4
    with pytest.raises(ArgumentError, match="ModelCheckpoint"):
        model.fit(EXAMPLES[task], callbacks=keras.callbacks.ModelCheckpoint(str(tmp_path / "best.h5")))
    with pytest.raises(ArgumentError, match="has seen no data yet"):
        small(task).load_weights(tmp_path / "none.weights.h5")


ANSWERS = {"sentiment": "classify", "ner": "tag", "translation": "translate"}


@pytest.mark.parametrize("task", ANSWERS)
def test_a_text_in_any_form_has_one_answer(task, untraced):
    answer = getattr(trained_once(task, untraced), ANSWERS[task])
    for text in (b"Ada met good film", np.array("Ada met good film"), tf.constant("Ada met good film")):
        assert answer(text) == answer("Ada met good film")
    assert len(answer([b"Ada", "he"])) == 2
    with pytest.raises(DataError, match="UTF-8.*decode"):
        answer("café".encode("latin-1"))


@pytest.mark.parametrize("task", TASKS)
def test_the_signature_shows_every_argument_and_its_default(task):
    shown = inspect.signature(TASKS[task]).parameters
    assert not any(each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL) for each in shown.values())
    given = {name: each.default for name, each in shown.items()}
    model, config = TASKS[task](**given), TASKS[task]().get_config()
    assert {**model.get_config(), "name": ""} == {**config, "name": ""}
    assert config.keys() <= shown.keys()


class Twice(keras.layers.Layer):
    """A cell of a user's own: h' = tanh(W x + U h), twice."""

    def __init__(self, units, activation="tanh", **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")
        self.built = True

    def call(self, inputs, states):
        hidden = states[0]
        for _ in range(2):
            hidden = self.activation(inputs @ self.kernel + hidden @ self.recurrent)
        return hidden, [hidden]

    def get_config(self):
        return {**super().get_config(), "units": self.units, "activation": keras.activations.serialize(self.activation)}


@pytest.mark.parametrize(
    ("task", "given"), [*((task, "twice") for task in TASKS), ("memory", Twice), ("translation", Twice)]
)
def test_a_cell_of_ones_own_goes_through_a_task(task, given, tmp_path, untraced):
    rnnkit.register_cell("twice", Twice)
    with tracing_one(task, untraced):
        model = trained(task, given)
        model.save(tmp_path / "model.keras")
        again = rnnkit.load(tmp_path / "model.keras")
        np.testing.assert_array_equal(answers(model, EXAMPLES[task]), answers(again, EXAMPLES[task]))


@pytest.mark.parametrize("name", sorted(TASKS))
def test_the_learning_rate_is_halved_where_the_task_says_so_and_no_schedule_runs(name):
    model = small(name)
    halving = [each for each in model.auto_callbacks() if isinstance(each, keras.callbacks.ReduceLROnPlateau)]
    assert [each.patience for each in halving] == [model.halve_after] * bool(model.halve_after)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 10)))
    [only] = model.auto_callbacks()
    assert isinstance(only, BestEpoch)
