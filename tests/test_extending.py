"""A cell, a clipping rule, a data set and a task from outside the package, each by what CONTRIBUTING.md says."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import rnnkit
from rnnkit import datasets
from rnnkit.callbacks import ClippingRule, GradientClipping, GradientHealth
from rnnkit.callbacks.clipping_rules import RULES
from rnnkit.callbacks.gradients.rows import QUANTITIES, Quantity
from rnnkit.datasets import Dataset, Source, Splits, catalog
from rnnkit.errors import ArgumentError
from rnnkit.layers import RecurrentStack
from rnnkit.study.run import make_model, open_data
from rnnkit.tasks import find_task
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.specs import SPECS, TaskSpec, register_task
from rnnkit.tasks.task import Task


@keras.saving.register_keras_serializable(package="outside")
class DriftCell(keras.layers.Layer):
    """h = decay * h + W x: a cell that can do nothing but add up."""

    def __init__(self, units, decay=0.5, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units
        self.decay = decay

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")

    def call(self, inputs, states):
        state = self.decay * states[0] + ops.matmul(inputs, self.kernel)
        return state, [state]

    def get_config(self):
        return {**super().get_config(), "units": self.units, "decay": self.decay}


class SignClip(ClippingRule):
    """Leaves the sign of every element, and `size` of it."""

    def __init__(self, size=0.25):
        self.size = size

    def clip(self, step, state):
        return [self.size * tf.sign(gradient) for gradient in step.gradients], tf.constant(self.size), state


@keras.saving.register_keras_serializable(package="outside")
class Counter(Task):
    """How many ones there are in a list of zeros and ones."""

    columns = ("sequence", "target")
    rank = 1
    monitor = ("val_loss", "min")

    def __init__(self, cell="gru", units=4, layers=1, **options):
        super().__init__(cell, units, layers, return_sequences=False, **options)

    def learn(self, data):
        return {"most": max(data["target"])}

    def make_network(self, learned):
        sequence, lengths = keras.Input((None,), name="sequence"), keras.Input((), dtype="int32", name="lengths")
        count = keras.layers.Dense(1)(self.stack(sequence[..., None], lengths))
        return keras.Model({"sequence": sequence, "lengths": lengths}, learned["most"] * count)

    def encode(self, data, *, target=True):
        rows = [np.array(row, "float32") for row in data["sequence"]]
        lengths = np.array([len(row) for row in rows], "int32")
        y = np.array(data["target"], "float32") if target else None
        return {"x": {"sequence": rows, "lengths": lengths}, "y": y, "lengths": lengths}

    def default_compile(self):
        return {"optimizer": "adam", "loss": "mse", "metrics": []}


class Counting(TaskSpec):
    """Runs of `Counter`."""

    task, model = "counting", f"{__name__}:Counter"
    title, sample, headline = "Counting", "bits", ("loss",)


def bits(folder=None) -> Splits:
    """Lists of zeros and ones of three lengths."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 2, 3 + n % 3).tolist() for n in range(24)]
    whole = Dataset({"sequence": rows, "target": [sum(row) for row in rows]})
    return Splits(whole[:16], whole[16:20], whole[20:])


BITS = Source("bits", "counting", "Zeros and ones.", "none needed", "https://example.org", bits)


ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.usefixtures("own_cells")


def package():
    """The modules of the package."""
    return [path for folder in ("rnnkit", "callbacks", "datasets") for path in (ROOT / folder).rglob("*.py")]


def test_a_cell_is_one_call():
    rnnkit.register_cell("drift", DriftCell, decay=1.0)
    stack = RecurrentStack("drift", units=2, bidirectional=True, layers=2)
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    long = stack(x, np.array([5, 3, 2]))
    np.testing.assert_allclose(stack(x[1:2, :3], np.array([3]))[0], long[1, :3], atol=1e-6)
    model = rnnkit.MemoryModel("number", cell="drift", units=2)
    assert (model.get_config()["cell"], model.stack.blocks[0]["forward"].cell.decay) == ("drift", 1.0)


def test_a_cell_of_rnnkits_own_is_one_file_and_one_entry():
    """No other module names a cell that is neither a default nor in a search space."""
    named = {"min_gru", "min_lstm"}
    nodes = [(path, node) for path in package() for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    naming = {path for path, node in nodes if isinstance(node, ast.Constant) and node.value in named}
    assert naming == {ROOT / "rnnkit" / "recurrent" / "table.py"}


def test_a_clipping_rule_is_one_class():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    before, health = model.get_weights(), GradientHealth()
    model.fit(np.ones((4, 3)), np.full((4, 1), 9.0), verbose=0, callbacks=[health, GradientClipping(SignClip, 0.5)])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(np.abs(new - old), 0.5)
    assert health.frame["norm_after"].tolist() == pytest.approx([0.5 * 3**0.5, 0.5])


def test_a_clipping_rule_of_rnnkits_own_is_one_class_and_one_line(monkeypatch):
    monkeypatch.setitem(RULES, "sign", SignClip)
    clipping = GradientClipping("sign", 0.5)
    assert (type(clipping.rule), clipping.rule.size) == (SignClip, 0.5)
    with pytest.raises(ArgumentError, match="Choose one of .*sign"):
        GradientClipping("sgn")


@pytest.mark.parametrize("level", ["variable", "layer"])
def test_a_recorded_quantity_is_one_object_and_one_line(monkeypatch, tmp_path, level):
    largest = Quantity(lambda seen: tf.stack([tf.reduce_max(tf.abs(part)) for part in seen.parts()]), "max")
    monkeypatch.setitem(QUANTITIES, "largest", largest)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    health = GradientHealth(level=level)
    x = np.array([[1.0, 2.0, 4.0]])
    model.fit(x, np.array([[3.0, -9.0]]), verbose=0, callbacks=[health, GradientClipping(threshold=0.1)])
    assert health.frame["largest"].tolist() == ([36.0, 9.0] if level == "variable" else [36.0])  # 9 * x, and the bias
    assert "largest" in GradientHealth().frame
    again = GradientHealth(level=level)
    again.set_state(health.get_state())
    assert again.frame["largest"].tolist() == health.frame["largest"].tolist()


def test_a_data_set_is_one_entry(monkeypatch):
    monkeypatch.setitem(catalog.SOURCES, BITS.name, BITS)
    assert "bits" in datasets.names()
    assert [len(part) for part in datasets.load("bits")] == [16, 4, 4]


def test_a_data_set_of_rnnkits_own_is_one_file_and_one_line(monkeypatch, tmp_path):
    """The file is enough for the table to find its source; the line is the file's name there, and nowhere else."""
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(tmp_path)])
    (tmp_path / "own_bits.py").write_text("from tests_extending import BITS as SOURCE\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "tests_extending", SimpleNamespace(BITS=BITS))
    assert catalog.sources_of("own_bits") == {"bits": BITS}
    named = {"wnut17", "ncbi_disease", "imdb", "piano_rolls"}
    lines = [line for path in package() for line in path.read_text(encoding="utf-8").splitlines()]
    assert sorted(name for line in lines for name in named if f'    "{name}",' == line) == sorted(named)
    nodes = [(path, node) for path in package() for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    naming = {path for path, node in nodes if isinstance(node, ast.Constant) and node.value in named}
    assert naming - {ROOT / "datasets" / f"{name}.py" for name in named} == {ROOT / "datasets" / "catalog.py"}


def test_a_task_is_one_class(tmp_path):
    train, valid, _ = bits()
    model = Counter()
    model.fit(train, validation_data=valid, epochs=1, verbose=0)
    model.save(tmp_path / "counter.keras")
    again = rnnkit.load(tmp_path / "counter.keras")
    np.testing.assert_array_equal(again.predict(valid, verbose=0), model.predict(valid, verbose=0))
    assert "cell" in rnnkit.tuning.default_space(Counter)


def test_a_task_comes_to_the_command_line_by_one_call(monkeypatch):
    monkeypatch.setitem(catalog.SOURCES, BITS.name, BITS)
    try:
        register_task(Counting)
        config = RunConfig("counting", cell="lstm", units=3)
        assert config.data == "bits"
        assert len(open_data(config).train) == 16
        assert isinstance(make_model(config), Counter)
        assert find_task("counting") == ("counting", Counter)
    finally:
        SPECS.pop("counting", None)
