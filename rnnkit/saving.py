"""Loading a saved model."""

import zipfile
from pathlib import Path

import keras

import rnnkit.tasks  # noqa: F401  (registers the classes that a saved model names)
from rnnkit.errors import ModelFileError


def load(path: str | Path, **kwargs) -> keras.Model:
    """Loads a model that was saved with `model.save(path)`, with its vocabulary, weights and optimizer.

    Args:
        path: a `.keras` file.
        kwargs: passed to `keras.saving.load_model`; `safe_mode` stays on unless it is turned off there.

    Raises:
        ModelFileError: there is no such file, or it is not a complete Keras model file.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(f"path: there is no model file {path}. Models are saved with model.save('name.keras').")
    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"path: {path} is not a .keras model file, or was cut short. Save the model again.")
    try:
        return keras.saving.load_model(path, **kwargs)
    except Exception as error:
        raise ModelFileError(f"path: {path} cannot be read as a Keras model: {error}") from error
