"""Files of models, read by Keras itself in a process that has imported nothing but `rnnkit`."""

import subprocess
import sys

import keras
import pytest

import rnnkit
from rnnkit import constraints, initializers, layers, optimizers, regularizers
from rnnkit.saving import NAMES
from rnnkit.tasks import TASKS

LOAD = """
import sys
{imports}
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


@pytest.mark.parametrize("imports", ["import keras, rnnkit", "import rnnkit, keras"])
@pytest.mark.parametrize(("name", "kind"), [("task", "SentimentClassifier"), ("own", "Sequential")])
def test_keras_loads_a_file_after_importing_the_package_alone(files, imports, name, kind):
    code = [sys.executable, "-c", LOAD.format(imports=imports), str(files / f"{name}.keras")]
    done = subprocess.run(code, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == [kind], done.stderr


def test_every_public_class_that_files_can_name_is_known():
    homes = [rnnkit, layers, initializers, regularizers, constraints, optimizers]
    public = [vars(home).get(name) or getattr(home, name) for home in homes for name in dir(home) if name[0].isupper()]
    registered = {each.__name__ for each in public if isinstance(each, type) and f"rnnkit>{each.__name__}" in _known()}
    assert registered <= set(NAMES)
    assert set(NAMES) <= {name.removeprefix("rnnkit>") for name in _known()}
    assert {task.__name__ for task in TASKS.values()} <= registered


def _known():
    return keras.saving.get_custom_objects()
