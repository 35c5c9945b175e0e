"""One step of a network in each runtime: microseconds, bytes, and what eight bits cost in quality.

python benchmarks/export_speed.py speed             # LSTM 128 of random weights, median and 99th percentile, one thread
python benchmarks/export_speed.py quality TASK      # the task's sample, float32 against eight bits
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import rnnkit
from rnnkit import datasets
from rnnkit.errors import ArgumentError
from rnnkit.recurrent.compiled import compiled
from rnnkit.tasks.quantization import runner, through_time

STEPS = 5_000
FORMATS = [("litert", "float"), ("litert", "int8"), ("litert", "int16"), ("onnx", "float")]
TASKS = {  # networks that read forwards, at their usual settings
    "sentiment": lambda: rnnkit.SentimentClassifier(bidirectional=False),
    "ner": lambda: rnnkit.EntityRecognizer(bidirectional=False),
    "music": lambda: rnnkit.MusicGenerator(),
    "language-model": lambda: rnnkit.LanguageModel(),
}
EPOCHS = {"sentiment": 6, "ner": 10, "music": 5, "language-model": 2}


def speed(folder: Path) -> None:
    model = rnnkit.SentimentClassifier("lstm", units=128, bidirectional=False)
    model.adapt(["a good film", "a bad film"], ["yes", "no"])
    numbers = {"tokens": np.random.default_rng(0).integers(0, 5, STEPS).astype("int32")}
    for name in ("litert", "onnx"):
        written = model.export(folder / name, format=name, streaming=True, verbose=False)
        tell(name, runner(written.path.read_bytes(), name), written.step, numbers)
    step = model.one_step()
    python = compiled(step, step.signature(1))
    tell("Python", lambda **inputs: python(inputs), step, numbers)
    invoked(folder / "litert", step, numbers)


def tell(name: str, run, step, numbers) -> None:
    """Prints how long steps take, arrays in and out."""
    times = []

    def timed(**inputs):
        start = time.perf_counter()
        found = run(**inputs)
        times.append(1e6 * (time.perf_counter() - start))
        return found

    for _ in through_time(timed, step, numbers):
        pass
    print(f"{name:24} median {np.median(times):6.1f} us, 99th percentile {np.percentile(times, 99):6.1f} us")


def invoked(path: Path, step, numbers) -> None:
    """The same for LiteRT without its dictionaries: tensors are set, and one output is read."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    inputs = interpreter.get_input_details()
    for each in inputs:
        interpreter.set_tensor(each["index"], np.zeros(each["shape"], each["dtype"]))
    tell("LiteRT, invoke() alone", lambda **given: interpreter.invoke() or _same(given), step, numbers)


def _same(given):
    return {f"new_{name}": array for name, array in given.items()}


def quality(task: str, folder: Path) -> None:
    train, valid, test = datasets.load(f"{task}-sample")
    model = TASKS[task]()
    model.fit(train, validation_data=valid, epochs=EPOCHS[task], verbose=0)
    for name, states in FORMATS:
        options = {"format": name, "states": states, "calibration": test, "max_loss": 100}
        try:
            written = model.export(folder / "step", streaming=True, int8=True, **options)
        except ArgumentError as error:
            print(f"{task} {name} {states}: {error}")
            continue
        share, (before, after) = written.size / written.float_size, written.quality
        sizes = f"{written.float_size:,} to {written.size:,} bytes ({share:.1%})"
        print(f"{task} {name} {states}: {sizes}, {written.metric} {before:.4f} to {after:.4f}, loss {written.loss:.2f}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        if sys.argv[1:2] == ["speed"]:
            speed(Path(place))
        else:
            quality(sys.argv[2], Path(place))
