"""Loading a saved model, with `rnnkit.load` or with Keras alone; importing this imports no Keras."""

import importlib.abc
import importlib.util
import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnkit.compat import quiet_start
from rnnkit.errors import ModelFileError, PackageError

if TYPE_CHECKING:
    import keras

MAX_BYTES, MAX_RATIO = 100_000_000, 100  # of an archive above MAX_BYTES; Keras itself packs nothing
LONGEST = 1000  # characters of what Keras says
# Keras knows the registered name of a class only once the class's module is imported, so each of these stands in its
# registry for a class that imports the rest when it is read from a file.
NAMES = (
    *("EntityRecognizer", "Forecaster", "LanguageModel", "MemoryModel", "MusicGenerator", "SentimentClassifier"),
    "Translator",
    *("BagOfWords", "WordConvolution", "ForecastLoss", "ForecastMetric"),
    *("CRF", "CRFLoss", "TokenLoss", "Attention", "AttentionDecoder", "CharacterEncoder", "KeyHead", "RecurrentStack"),
    *("AdaptiveSoftmax", "SequencePooling", "StateBridge", "WordDropout"),
    *("GRU", "LSTM", "SimpleRNN", "MinGRU", "MinGRUCell", "MinLSTM", "MinLSTMCell", "OmegaRNN", "TruncatedRNN"),
    *("ParallelRNN", "LRUCell", "RGLRUCell", "S5Cell", "IndRNN", "IndRNNCell", "SLSTM", "SLSTMCell"),
    *("MambaCell", "MLSTMCell"),
    *("Chrono", "GateIdentity", "GateOrthogonal", "GateOrthogonality", "SoftOrthogonality", "SpectralCap"),
    *("Adam", "LazyAdam", "LossScaleOptimizer"),
)


def load(path: str | os.PathLike[str], **kwargs: Any) -> "keras.Model":
    """Loads a model that was saved with `model.save(path)`, with its vocabulary, weights and optimizer.

    Args:
        path: a `.keras` file.
        kwargs: passed to `keras.saving.load_model`; `safe_mode` stays on unless it is turned off there.

    Raises:
        ModelFileError: there is no such file, it is not a complete Keras model file, or it unpacks to more than 100
            MB and 100 times its size.
        PackageError: packages of the extra of the model's task are missing.

    Examples:
        >>> import tempfile
        >>> import rnnkit
        >>> model = rnnkit.MemoryModel("number", units=4)
        >>> history = model.fit([[0, 1, 2], [2, 1, 0]] * 4, [1.0, 0.0] * 4, epochs=1, verbose=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model.keras")
        ...     again = rnnkit.load(f"{folder}/model.keras")
        >>> type(again).__name__
        'MemoryModel'
    """
    import keras

    path = Path(path)
    if not path.is_file():
        raise ModelFileError(f"path: there is no model file {path}. Models are saved with model.save('name.keras').")
    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"path: {path} is not a .keras model file, or was cut short. Save the model again.")
    try:
        _check_size(path)
        register_classes()
        return keras.saving.load_model(path, **kwargs)
    except PackageError:
        raise
    except Exception as error:
        said = str(error)
        said = said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
        raise ModelFileError(f"path: {path} cannot be read as a Keras model: {said}") from error


def register_classes() -> None:
    """Imports the classes that a saved model can name, which registers them with Keras."""
    from rnnkit.tasks.specs import SPECS, usable_tasks

    for task in usable_tasks():
        SPECS[task].networks()


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(each.file_size for each in archive.infolist())  # zipfile unpacks no more than is said there
    if size > max(MAX_BYTES, MAX_RATIO * path.stat().st_size):
        raise ValueError(f"it unpacks to {size / 1e6:.0f} MB, {MAX_RATIO} times its size or more")


def register_when_keras_is_there() -> None:
    """Registers the names now, or when Keras is imported."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _register() -> None:
    from keras.saving import get_custom_objects

    known = get_custom_objects()
    for name in NAMES:
        known.setdefault(f"rnnkit>{name}", type(name, (), {"from_config": classmethod(_from_config)}))


def _from_config(stand_in, config):
    from keras.saving import get_custom_objects

    register_classes()
    found = get_custom_objects()[f"rnnkit>{stand_in.__name__}"]
    if found is stand_in:
        _say_what_is_missing(stand_in.__name__)
    return found.from_config(config)


def _say_what_is_missing(name: str) -> None:
    """Raises what keeps a class from being imported."""
    from rnnkit.tasks.specs import spec_of_class

    if spec := spec_of_class(name):
        spec.task_class  # noqa: B018  (it is imported)
    raise ModelFileError(f"path: it holds a {name}, which this version of rnnkit does not have.")


class _AfterKeras(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports Keras as it would have been, without TensorFlow's start-up lines, and registers the names then."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "keras" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        with quiet_start():  # Keras imports TensorFlow
            self.loader.exec_module(module)
        _register()
