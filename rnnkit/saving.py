"""Loading a saved model."""

import zipfile
from pathlib import Path

import keras

from rnnkit.errors import ModelFileError
from rnnkit.tasks.specs import SPECS

MAX_BYTES, MAX_RATIO = 100_000_000, 100  # of an archive above MAX_BYTES; Keras itself packs nothing
LONGEST = 1000  # characters of what Keras says


def load(path: str | Path, **kwargs) -> keras.Model:
    """Loads a model that was saved with `model.save(path)`, with its vocabulary, weights and optimizer.

    Args:
        path: a `.keras` file.
        kwargs: passed to `keras.saving.load_model`; `safe_mode` stays on unless it is turned off there.

    Raises:
        ModelFileError: there is no such file, it is not a complete Keras model file, or it unpacks to more than 100
            MB and 100 times its size.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(f"path: there is no model file {path}. Models are saved with model.save('name.keras').")
    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"path: {path} is not a .keras model file, or was cut short. Save the model again.")
    try:
        _check_size(path)
        register_classes()
        return keras.saving.load_model(path, **kwargs)
    except Exception as error:
        said = str(error)
        said = said if len(said) <= LONGEST else f"{said[:LONGEST]}…"
        raise ModelFileError(f"path: {path} cannot be read as a Keras model: {said}") from error


def register_classes() -> None:
    """Imports the classes that a saved model can name, which registers them with Keras."""
    for spec in SPECS.values():
        spec.task_class, spec.networks()


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        size = sum(each.file_size for each in archive.infolist())  # zipfile unpacks no more than is said there
    if size > max(MAX_BYTES, MAX_RATIO * path.stat().st_size):
        raise ValueError(f"it unpacks to {size / 1e6:.0f} MB, {MAX_RATIO} times its size or more")
