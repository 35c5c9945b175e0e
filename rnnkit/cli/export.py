"""`rnnkit export`: the network of a saved model as a file that needs no rnnkit."""

from pathlib import Path
from typing import Annotated, Any

import typer

from rnnkit.cli.model import data_of, find_model, open_model, spec_of_model
from rnnkit.cli.options import Device, Run, among
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import one_of, onnx_installed
from rnnkit.report import terminal
from rnnkit.report.terminal import notices
from rnnkit.tasks.web.runtime import PACKAGE

FORMATS = {  # Keras' name, the file's
    "savedmodel": ("tf_saved_model", "exported"),
    "onnx": ("onnx", "network.onnx"),
    "litert": ("litert", "network.tflite"),
    "web": ("web", "page"),
}
STATES = ("float", "int8", "int16")
Format = Annotated[
    str,
    typer.Option("--format", help="What to write.", metavar="|".join(FORMATS), autocompletion=among(*FORMATS)),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        help="The folder to write, or for ONNX and LiteRT the file; default: exported, network.onnx, network.tflite or "
        "page, in the folder of the run.",
        metavar="PATH",
    ),
]
Streaming = Annotated[
    bool, typer.Option("--streaming", help="Write one step, with the state going in and out; LiteRT needs it.")
]
Int8 = Annotated[
    bool,
    typer.Option("--int8", help="Weights in eight bits, for LiteRT and ONNX with --streaming; says what it costs."),
]
States = Annotated[
    str | None,
    typer.Option(
        "--states",
        help="How LiteRT computes with --int8; default: float.",
        metavar="|".join(STATES),
        autocompletion=among(*STATES),
    ),
]
Data = Annotated[
    str | None,
    typer.Option("--data", help="Measure --int8 on these data; default: the run's validation data.", metavar="DATA"),
]
MaxLoss = Annotated[
    float | None,
    typer.Option(
        "--max-loss",
        help="The largest loss of --int8 to accept, in points, or percent of an error; default: 1.",
        show_default=False,
    ),
]
Runtime = Annotated[
    Path | None,
    typer.Option(
        "--runtime",
        help=f"What `npm pack {PACKAGE}` writes, for --format web; default: npm gets it.",
        metavar="FILE",
    ),
]


def export(
    run: Run,
    format_: Format = "savedmodel",
    out: Out = None,
    streaming: Streaming = False,
    int8: Int8 = False,
    states: States = None,
    data: Data = None,
    max_loss: MaxLoss = None,
    runtime: Runtime = None,
    device: Device = "auto",
) -> None:
    """Write the network of a saved model as a file that needs no rnnkit: numbers in, scores out.

    Encoding raw data and decoding scores stay outside. A step for ONNX or LiteRT gets a README with code that runs it.
    `--format web` writes a page, which does all of it in the browser.
    """
    keras_name, file = FORMATS[one_of("format", format_, FORMATS)]
    quantized = {"states": states, "data": data, "max_loss": max_loss}
    quantized = {name: value for name, value in quantized.items() if value is not None}
    _fit_together(format_, streaming, int8, quantized, runtime)
    if format_ in ("onnx", "web"):
        onnx_installed("--format", format_)
    saved = find_model(run)
    path = _free(out or saved.folder / file)
    console = terminal.console()
    model = open_model(console, saved, device)
    options: dict[str, Any] = {"format": keras_name, "verbose": False}
    if int8:
        calibration = data_of(spec_of_model(model, run), saved, {"data": quantized.pop("data", None)}, "valid")
        options |= {"int8": True, "calibration": calibration, **quantized}
    if runtime is not None:
        options["runtime"] = runtime
    with notices(console), console.status("Exporting"):
        exported = model.export(path, streaming=streaming, **options)
    if streaming:
        _tell(console, model, exported, format_)
    elif format_ == "web":
        console.print(f"{exported}: open it in a browser", soft_wrap=True, markup=False)
    else:
        inputs = ", ".join(f"{name} {_shape(tensor)}" for name, tensor in model.network.input.items())
        console.print(f"{path}: from {inputs} to scores {_shape(model.network.output)}", soft_wrap=True, markup=False)


def _fit_together(format_: str, streaming: bool, int8: bool, quantized: dict[str, Any], runtime: Path | None) -> None:
    """The options are of use with each other.

    Raises:
        ArgumentError: one of them is not.
    """
    if format_ == "web" and (streaming or int8):
        raise ArgumentError("format: a page takes neither --streaming nor --int8. Leave them out.")
    if format_ == "litert" and not streaming:
        raise ArgumentError("format: for LiteRT a network is written one step at a time. Add --streaming.")
    if int8 and not streaming:
        raise ArgumentError("int8: expected --streaming as well, for only single steps are quantized.")
    if int8 and format_ == "savedmodel":
        raise ArgumentError("int8: expected --format litert or onnx, got savedmodel. Choose one of them.")
    if one_of("states", quantized.get("states", "float"), STATES) != "float" and format_ == "onnx":
        raise ArgumentError("states: only LiteRT computes in integers. Add --format litert, or leave --states out.")
    if quantized and not int8:
        name = next(iter(quantized)).replace("_", "-")
        raise ArgumentError(f"{name}: only --int8 uses it. Add --int8, or leave --{name} out.")
    if runtime is not None and format_ != "web":
        raise ArgumentError("runtime: only a page needs it. Add --format web, or leave --runtime out.")


def _tell(console, model, exported, format_: str) -> None:
    """What is in the file with a step, and what eight bits cost; writes the README."""
    from rnnkit.cli.export_readme import RUNTIMES, write_readme

    names = ", ".join(exported.step.inputs_like)
    told = f"{exported.path}: one step, from {names} and {len(exported.step.states_like)} states to scores"
    console.print(f"{told}, {exported.size:,} bytes", soft_wrap=True, markup=False)
    if exported.metric:
        before, after = exported.quality
        console.print(
            f"{exported.size / exported.float_size:.1%} of {exported.float_size:,} bytes in float32; {exported.metric} "
            f"{before:.4f} before, {after:.4f} after: a loss of {exported.loss:.2f} on {exported.measured} sequences"
            + (f"; {exported.calibrated} others gave the ranges" if exported.calibrated else ""),
            soft_wrap=True,
            markup=False,
        )
    if format_ in RUNTIMES:
        console.print(f"How to run it: {write_readme(model, exported, format_)}", soft_wrap=True, markup=False)


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
    sizes = ["any" if size is None else str(size) for size in tensor.shape]
    return f"{tensor.dtype} ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
