"""`rnnkit export`: the network of a saved model as a file that needs no rnnkit."""

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.checks import one_of, onnx_installed
from rnnkit.cli.model import find_model, open_model, spec_of_model
from rnnkit.cli.options import Device, Run, among
from rnnkit.errors import ArgumentError
from rnnkit.report import terminal
from rnnkit.report.terminal import notices

FORMATS = {"savedmodel": ("tf_saved_model", "exported"), "onnx": ("onnx", "network.onnx")}  # Keras' name, the file's
Format = Annotated[
    str,
    typer.Option("--format", help="What to write.", metavar="|".join(FORMATS), autocompletion=among(*FORMATS)),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help="The folder to write, or for ONNX the file; default: exported, or network.onnx, in the folder of the run.",
        metavar="PATH",
    ),
]


def export(run: Run, format_: Format = "savedmodel", out: Out = None, device: Device = "auto") -> None:
    """Write the network of a saved model as a file that needs no rnnkit: numbers in, scores out.

    What makes numbers of raw data, and answers of scores, stays outside.
    """
    keras_name, file = FORMATS[one_of("format", format_, FORMATS)]
    if format_ == "onnx":
        onnx_installed("--format")
    saved = find_model(run)
    path = _free(out or saved.folder / file)
    console = terminal.console()
    model = open_model(console, saved, device)
    spec_of_model(model, run)
    with notices(console), console.status("Exporting"):
        model.export(path, format=keras_name, verbose=False)
    inputs = ", ".join(f"{name} {_shape(tensor)}" for name, tensor in model.network.input.items())
    console.print(f"{path}: from {inputs} to scores {_shape(model.network.output)}", soft_wrap=True, markup=False)


def _free(path: Path) -> Path:
    """The path.

    Raises:
        ArgumentError: something is there already, or there is no folder to write it into.
    """
    if path.exists():
        raise ArgumentError(f"out: {path} exists already. Name another path, or delete it.")
    if not path.parent.is_dir():
        raise ArgumentError(f"out: there is no folder {path.parent}. Make it first.")
    return path


def _shape(tensor) -> str:
    return f"{tensor.dtype} ({', '.join('any' if size is None else str(size) for size in tensor.shape)})"
