"""Files of models, read by Keras itself in a process that has imported nothing but `rnnkit`."""

import subprocess
import sys
from pathlib import Path

import keras
import pytest

import rnnkit
from rnnkit import constraints, initializers, layers, optimizers, regularizers
from rnnkit.saving import NAMES
from rnnkit.tasks import TASKS

LOAD = """
import sys
import rnnkit, keras
assert not any(name.startswith("rnnkit.tasks") for name in sys.modules)
model = keras.models.load_model(sys.argv[1])
assert keras.__spec__.loader is keras.__loader__
print(type(model).__name__)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A task, and a model of somebody's own of a layer and a constraint of ours."""
    folder = tmp_path_factory.mktemp("models")
    task = rnnkit.SentimentClassifier(units=2, embedding_dim=2)
    task.fit(["good", "bad"], [1, 0], epochs=1, verbose=0)
    own = keras.Sequential([keras.Input((None, 3)), layers.GRU(2, recurrent_constraint=constraints.SpectralCap(1.0))])
    for name, model in {"task": task, "own": own}.items():
        model.save(folder / f"{name}.keras")
    return folder


def test_keras_loads_a_file_after_importing_the_package_alone(files):
    """And below, where Keras is imported first."""
    code = [sys.executable, "-c", LOAD, str(files / "own.keras")]
    done = subprocess.run(code, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["Sequential"], done.stderr


WITHOUT_EXTRAS = """
import sys
for name in ("mido", "pretty_midi", "tokenizers", "sacrebleu"):
    sys.modules[name] = None  # as if it were not installed
import keras, rnnkit
assert not any(name.startswith("rnnkit.tasks") for name in sys.modules)
folder, old = sys.argv[1:]
print(type(keras.models.load_model(f"{folder}/task.keras")).__name__)
assert keras.__spec__.loader is keras.__loader__
from rnnkit.tasks import find_task
print(rnnkit.load(f"{folder}/task.keras").classify("good").label in (0, 1))
print(find_task(rnnkit.SentimentClassifier)[0])
print(type(keras.models.load_model(f"{folder}/own.keras")).__name__)
for load in (rnnkit.load, keras.models.load_model):
    try:
        load(f"{old}/music.keras")
    except ImportError as error:
        print(error)
"""


def test_what_the_default_installation_loads(files):
    """All but the tasks of extras that are missing, and of these it names the packages."""
    old = Path(__file__).parents[1] / "data" / "version_0_1"
    code = [sys.executable, "-c", WITHOUT_EXTRAS, str(files), str(old)]
    done = subprocess.run(code, capture_output=True, text=True, timeout=120, check=False)
    missing = "music needs mido and pretty_midi. Run: pip install 'rnnkit[music]'."
    assert done.stdout.splitlines() == ["SentimentClassifier", "True", "sentiment", "Sequential", missing, missing], (
        done.stderr
    )


def test_every_public_class_that_files_can_name_is_known():
    homes = [rnnkit, layers, initializers, regularizers, constraints, optimizers]
    public = [vars(home).get(name) or getattr(home, name) for home in homes for name in dir(home) if name[0].isupper()]
    registered = {each.__name__ for each in public if isinstance(each, type) and f"rnnkit>{each.__name__}" in _known()}
    assert registered <= set(NAMES)
    assert set(NAMES) <= {name.removeprefix("rnnkit>") for name in _known()}
    assert {task.__name__ for task in TASKS.values()} <= registered


def _known():
    return keras.saving.get_custom_objects()
