"""A task's network as a file that runs without rnnkit."""

import contextlib
import re
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import keras

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import one_of, onnx_installed
from rnnkit.recurrent.execution import portable_loops
from rnnkit.tasks.one_step import OneStep

STEP_FORMATS = ("tf_saved_model", "onnx", "litert")
STATES = ("float", "int8", "int16")


class Exported(NamedTuple):
    """A file with one step of a network.

    Attributes:
        path: the file, or the folder of a SavedModel.
        step: what is in it.
        size: its bytes.
        float_size: what they were without `int8`.
        metric: by what the loss in quality is measured; empty without `int8`.
        quality: this metric of the network itself, and of the file.
        loss: of quality, in points, or for errors in percent.
        calibrated, measured: how many sequences gave the ranges, and on how many others the loss was measured.
    """

    path: Path
    step: OneStep
    size: int
    float_size: int
    metric: str = ""
    quality: tuple[float, float] = (0.0, 0.0)
    loss: float = 0.0
    calibrated: int = 0
    measured: int = 0


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
    with portable_loops(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "In the future `np.object`", FutureWarning)  # of Keras' own patch of tf2onnx
        network.export(path, format=format, **options)
    if format == "onnx":
        _check_complete(Path(path))


def export_step(
    task,
    path: str | Path,
    format: str,  # noqa: A002  (as in Keras)
    *,
    int8: bool,
    states: str,
    calibration,
    max_loss: float,
    verbose: bool | None = None,
) -> Exported:
    """Writes one step of a task's network; `Task.export` has the arguments.

    Raises:
        PackageError: the packages for the format are not installed.
        ArgumentError: the network has no step, or one that the format cannot hold; or quality is lost.
        DataError: the calibration data cannot be used.
    """
    one_of("format", format, STEP_FORMATS, also=" with streaming")
    one_of("states", states, STATES)
    if int8 and format == "tf_saved_model":
        raise ArgumentError("int8: expected format 'litert' or 'onnx', got 'tf_saved_model'. Choose one of them.")
    if states != "float" and not (int8 and format == "litert"):
        raise ArgumentError(f"states: {states!r} needs int8=True and format 'litert'. Set them, or leave states out.")
    path = Path(path)
    if int8:
        from rnnkit.tasks.quantization import quantized_step

        exported, content = quantized_step(task, path, format, states, calibration, max_loss)
        path.write_bytes(content)
        return exported
    step = task.one_step()
    if format == "tf_saved_model":
        _write_saved_model(step, path, task.network, verbose is not False)
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    else:
        size = path.write_bytes(litert_step(step) if format == "litert" else onnx_step(step))
    return Exported(path, step, size, size)


def onnx_step(step: OneStep) -> bytes:
    """One step as an ONNX file, for any batch size, with outputs by their names."""
    return onnx_content(step, input_signature=[step.signature(None)])


def onnx_content(network: keras.Model, **options) -> bytes:
    """What `export_network` writes for ONNX, with its options."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        export_network(network, file, "onnx", verbose=False, **options)
        return file.read_bytes()


def litert_step(step: OneStep, configure=lambda converter: None) -> bytes:
    """One step as a LiteRT file without Flex operators, for a batch of one, with the signature `step`.

    Args:
        step: what to write.
        configure: sets options of the `tf.lite.TFLiteConverter`, such as those of a quantization.

    Raises:
        ArgumentError: it has operations that LiteRT lacks.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        _write_saved_model(step, Path(folder), batch_size=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["step"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        configure(converter)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings(
                    "ignore", "\\s*Warning: tf.lite.Interpreter is deprecated"
                )  # of its own calibration
                return converter.convert()
        except Exception as error:  # the converter's own class is not public
            names = ", ".join(sorted(set(re.findall(r"\btf\.([A-Z]\w+)", str(error)))))
            reason = f"it lacks {names}" if names else str(error).strip().splitlines()[0][:200]
            raise ArgumentError(
                f"format: this network cannot be written for LiteRT like this: {reason}. Choose another format, other "
                "states, or layers without it."
            ) from error


def _write_saved_model(step, path, network=None, verbose=False, batch_size=None) -> None:
    """The endpoints `serve`, a network for whole sequences, if there is one, and `step`."""
    archive = keras.export.ExportArchive()
    archive.track(step)
    with portable_loops():
        if network is not None:
            archive.add_endpoint("serve", network, [keras.tree.map_structure(_spec, network.input)])
        archive.add_endpoint("step", step, [step.signature(batch_size)])
        archive.write_out(str(path), verbose=verbose)


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
