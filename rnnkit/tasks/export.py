"""A task's network as a file that runs without rnnkit."""

import contextlib
from pathlib import Path

import keras

from rnnkit.checks import onnx_installed
from rnnkit.errors import ArgumentError
from rnnkit.recurrent.execution import portable_loops


def export_network(network: keras.Model, path: str | Path, format: str, **options) -> None:  # noqa: A002  (as in Keras)
    """Writes a functional model as `keras.Model.export` does, for any batch size and length, CPU and GPU alike.

    Raises:
        PackageError: the packages for ONNX are not installed.
        ArgumentError: the network has something that ONNX has not.
    """
    if options.get("input_signature") is None:
        options["input_signature"] = [keras.tree.map_structure(_spec, network.input)]
    if format == "onnx":
        onnx_installed()
    with portable_loops():
        network.export(path, format=format, **options)
    if format == "onnx":
        _check_complete(Path(path))


def _spec(tensor) -> keras.InputSpec:
    return keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)


def _check_complete(path: Path) -> None:
    """The converter only logs what it cannot convert, and writes a file that nothing can run."""
    import onnx

    try:
        onnx.checker.check_model(str(path))
    except onnx.checker.ValidationError as error:
        with contextlib.suppress(OSError):
            path.unlink()
        reason = str(error).splitlines()[0]
        raise ArgumentError(
            f"format: this network cannot be written as ONNX ({reason}). Leave format out for a SavedModel."
        ) from error
