import copy
import importlib
import inspect
import pickle
import subprocess
import sys

import keras
import numpy as np
import pytest

from rnnkit import callbacks

pytestmark = pytest.mark.usefixtures("untraced_fits")  # the step is that of any training

EXPORTED = [getattr(callbacks, name) for name in callbacks.__all__]
CALLBACKS = [each for each in EXPORTED if issubclass(each, keras.callbacks.Callback)]
OTHERS = (callbacks.Resume, callbacks.TensorBoardImages)  # which have a folder, and tests of their own
WATCHING = [each for each in CALLBACKS if each not in OTHERS]
CELL = "simple_rnn"  # of the model they watch; RecurrentSpectrum needs a recurrent kernel
PROBE = (np.arange(48, dtype="int32").reshape(8, 6) % 7, np.zeros((8, 1), "float32"))
ARGUMENTS = {callbacks.ThroughTime: {"probe": PROBE}}
RULES = [each for each in EXPORTED if issubclass(each, callbacks.ClippingRule) and each is not callbacks.ClippingRule]


def made(each):
    return each(**ARGUMENTS.get(each, {}))


@pytest.mark.parametrize("each", EXPORTED)
def test_everything_exported_is_documented_at_home_and_with_its_arguments(each):
    assert getattr(importlib.import_module(each.__module__), each.__name__) is each
    assert each.__module__.startswith("rnnkit.callbacks.")
    assert len(each.__doc__) > 60
    arguments = [name for name in inspect.signature(each).parameters if name not in ("args", "kwargs", "options")]
    assert [name for name in arguments if f"{name}:" not in each.__doc__ and f", {name}" not in each.__doc__] == []


@pytest.mark.parametrize("each", CALLBACKS)
def test_every_callback_says_what_it_raises(each):
    assert "Raises:\n        ArgumentError" in each.__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'GradientHelth'"):
        callbacks.GradientHelth  # noqa: B018
    assert dir(callbacks) == callbacks.__all__


def test_importing_the_package_does_not_import_tensorflow():
    code = "import sys, rnnkit.callbacks; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def plain(kit):
    """The names of the logs without a callback."""
    return set(kit.fit(kit.compiled(CELL), PROBE).history)


@pytest.mark.parametrize("each", WATCHING)
def test_every_callback_survives_two_steps_a_copy_a_pickle_and_a_restart_and_adds_plain_numbers_to_logs_and_csv(
    kit, data, plain, each, tmp_path
):
    x, y = data
    model, callback = kit.compiled(CELL), made(each)
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    history = kit.fit(model, (x[:8], y[:8]), [callback, log]).history
    new = set(history) - plain
    assert new
    assert all(isinstance(history[name][0], int | float) for name in new)
    assert new <= set((tmp_path / "log.csv").read_text().split("\n")[0].split(","))
    for other in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback)), made(each)):
        other.set_state(callback.get_state())
        kit.fit(model, (x[:8], y[:8]), [other])
        assert other.get_state()["next_step"] >= 4


LOAD = """
import sys
sys.modules["rnnkit"] = None  # makes importing it an error
import keras
model = keras.saving.load_model(sys.argv[1])
values = [variable.numpy().astype("float64") for variable in model.optimizer.variables]
print(int(model.optimizer.iterations), sum(float(abs(value).sum()) for value in values))
"""


@pytest.mark.usefixtures("traced_fits")
def test_a_model_saved_with_all_of_them_loads_where_there_is_no_rnnkit(kit, data, tmp_path):
    model = kit.compiled(CELL, optimizer="adam")
    kit.fit(model, data, [made(each) for each in WATCHING])
    model.save(tmp_path / "net.keras")
    arguments = [sys.executable, "-c", LOAD, str(tmp_path / "net.keras")]
    iterations, size = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()
    assert int(iterations) == 8
    expected = sum(np.abs(variable.numpy().astype(float)).sum() for variable in model.optimizer.variables)
    assert float(size) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("each", RULES)
def test_every_rule_is_made_from_its_configuration_and_keeps_arrays_only(each):
    rule = each()
    assert each.from_config(rule.get_config()).get_config() == rule.get_config()
    assert all(isinstance(value, np.ndarray | np.generic) for value in rule.initial_state().values())
    assert pickle.loads(pickle.dumps(rule)).get_config() == rule.get_config()
