"""One step of a network in eight bits, and what that costs in quality. Legend: `T` steps."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import installed, is_number, onnx_installed
from rnnkit.tasks.export import Exported, litert_step, onnx_step

LEAST_STEPS = 200
CALIBRATED_STEPS, MEASURED_STEPS = 2_000, 50_000
FRACTIONS = ("accuracy", "macro_f1", "f1")  # metrics of which more is better, from 0 to 1

Run = Callable[..., dict[str, np.ndarray]]


def quantized_step(task, path: Path, format: str, states: str, calibration, max_loss: float):  # noqa: A002
    """One step in eight bits: what `export` tells of it, and the content of the file.

    Raises:
        PackageError: the runtime that measures is not installed.
        ArgumentError: it cannot be written, or loses too much quality.
        DataError: the calibration data cannot be used.
    """
    if not is_number(max_loss) or max_loss < 0:
        raise ArgumentError(f"max_loss: expected a number from 0, in points or percent, got {max_loss!r}.")
    runtime = "ai_edge_litert" if format == "litert" else "onnxruntime"
    installed("int8", "export", [runtime])
    step, examples = task.one_step(), _Examples(task, calibration, with_ranges=states != "float")
    plain = litert_step(step) if format == "litert" else onnx_step(step)
    run = runner(plain, format)
    if format == "litert":
        content = litert_step(step, _in_eight_bits(states, lambda: examples.steps(run, step)))
    else:
        content = _onnx_in_eight_bits(plain)
    quality = [examples.quality(run, step)]
    try:
        quality.append(examples.quality(runner(content, format), step))
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise ArgumentError(f"states: LiteRT cannot run this network in {states} ({reason}). Choose others.") from error
    metric = examples.metric.name
    exported = Exported(
        path,
        step,
        size=len(content),
        float_size=len(plain),
        metric=metric,
        quality=(quality[0], quality[1]),
        loss=_loss(metric, *quality),
        calibrated=len(examples.calibrating),
        measured=len(examples.measuring),
    )
    if not exported.loss <= max_loss:  # NaN is none either
        raise ArgumentError(
            f"max_loss: in eight bits {metric} goes from {quality[0]:.4g} to {quality[1]:.4g}, a loss of "
            f"{exported.loss:.2f}, which is more than {max_loss}. Choose other states, or allow a larger loss."
        )
    return exported, content


def runner(content: bytes, format: str) -> Run:  # noqa: A002
    """One step of a file, on one thread: arrays by the names of its inputs to those by the names of its outputs."""
    if format == "litert":
        from ai_edge_litert.interpreter import Interpreter

        return Interpreter(model_content=content, num_threads=1).get_signature_runner("step")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return lambda **inputs: dict(zip(names, session.run(None, inputs), strict=True))


class _Examples:
    """Raw data as the arrays of each example: the loss is measured on others than those that give the ranges.

    Args:
        task: the model.
        data: in any form that it evaluates.
        with_ranges: whether ranges are needed.

    Attributes:
        calibrating, measuring: the numbers of the examples that give ranges, and of those that measure, chosen at
            random.

    Raises:
        DataError: there are none, too few steps, or all of one length.
    """

    def __init__(self, task, data, with_ranges: bool):
        if data is None:
            raise DataError(
                "calibration: expected data to measure the loss in quality on, got None. Give validation data."
            )
        x, y = data if isinstance(data, tuple) and len(data) == 2 else (data, None)
        encoded = task.encode(task.read(x, y))
        self.x, self.y = encoded["x"], encoded["y"]
        self.lengths = np.asarray(encoded["lengths"])
        steps = int(self.lengths.sum())
        if steps < LEAST_STEPS:
            raise DataError(f"calibration: expected at least {LEAST_STEPS} steps in all, got {steps}. Give more data.")
        if with_ranges and len(self.lengths) == 1:
            raise DataError(
                "calibration: expected two sequences or more, for ranges and loss come from different ones, got one."
            )
        if len(self.lengths) > 1 and len(set(self.lengths)) == 1:
            raise DataError(
                f"calibration: all {len(self.lengths)} sequences have {self.lengths[0]} steps, and the states of other "
                "lengths would go beyond the ranges found. Give shorter and longer ones."
            )
        rows = np.random.default_rng(0).permutation(len(self.lengths))
        self.calibrating = self._reaching(CALIBRATED_STEPS, rows[: len(rows) // 2]) if with_ranges else rows[:0]
        self.measuring = self._reaching(MEASURED_STEPS, rows[len(self.calibrating) :])
        self.metric = (task.default_compile()["metrics"] or [getattr(task, "scores", None)])[0]
        self._decode = task.decode_scores

    def _reaching(self, steps: int, rows):
        """The first rows with that number of steps in total."""
        return rows[: np.searchsorted(np.cumsum(self.lengths[rows]), steps) + 1]

    def inputs(self, step, row: int, most: int):
        """The arrays (T, ...) of an example as inputs of the step, up to a number of steps."""
        return step.inputs_of({name: np.asarray(self.x[name][row]) for name in self.x}, most)

    def steps(self, run: Run, step):
        """Inputs of steps, with the states that `run` gives."""
        for row in self.calibrating:
            for given, _ in through_time(run, step, self.inputs(step, row, CALIBRATED_STEPS)):
                yield "step", given

    def quality(self, run: Run, step) -> float:
        """The metric of what `run` says."""
        self.metric.reset_state()
        for row in self.measuring:
            inputs = self.inputs(step, row, MEASURED_STEPS)
            scores = np.stack([found["scores"][0] for _, found in through_time(run, step, inputs)])
            target = np.asarray(self.y[row])
            outputs = self._decode(scores[None] if step.has_score_each_step else scores[-1:])
            self.metric.update_state(target[None, : len(scores)] if target.ndim else target[None], outputs)
        found = self.metric.result()
        return float(found[self.metric.name] if isinstance(found, dict) else found)


def through_time(run: Run, step, inputs: dict[str, np.ndarray]):
    """For each step of an example: all that went in, and all that came out."""
    states = step.zeros()
    for number in range(len(next(iter(inputs.values())))):
        given = {**{name: array[number : number + 1] for name, array in inputs.items()}, **states}
        found = run(**given)
        yield given, found
        states = {name: found[f"new_{name}"] for name in states}


def _in_eight_bits(states: str, steps) -> Callable:
    """What sets the options of LiteRT's converter."""
    import tensorflow as tf

    def configure(converter):
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if states != "float":
            converter.representative_dataset = steps
        sets = tf.lite.OpsSet
        wide = sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        kinds = {
            "float": [sets.TFLITE_BUILTINS],
            "int8": [sets.TFLITE_BUILTINS_INT8],
            "int16": [wide, sets.TFLITE_BUILTINS],
        }
        converter.target_spec.supported_ops = kinds[states]

    return configure


def _onnx_in_eight_bits(content: bytes) -> bytes:
    onnx_installed()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(content)
        quantize_dynamic(before, after, weight_type=QuantType.QInt8)
        return after.read_bytes()


def _loss(metric: str, before: float, after: float) -> float:
    """In points for a fraction, in percent for an error."""
    return 100 * (before - after) if metric in FRACTIONS else 100 * (after / before - 1)
