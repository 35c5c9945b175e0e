"""How long one example takes: milliseconds per call, compared with `keras.Model.predict` on the same network.

    python benchmarks/latency.py
    python benchmarks/latency.py --stream 1000000

The models are untrained, of the default sizes; the text has 20 words. `first` is the first call after loading, in
seconds, and holds the one trace. `traces` counts those of all calls together, with texts of every length to 200 too.

The second reads a stream instead, an LSTM of 128 units on 32 features, a step at a time: every tenth of the way it
prints the median time of the last 1,000 steps and the memory of the process.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import rnnkit
from rnnkit import datasets
from rnnkit.layers import RecurrentStack
from rnnkit.tasks.task import Task

CALLS = 500
LONGEST = 200
LAST = 1_000  # steps of a stream that are timed together


def loaded(model, data):
    """The model as it comes back from a file."""
    model.adapt(data)
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "model.keras"))
        return rnnkit.load(Path(folder, "model.keras"))


def counted(owner):
    """A list that grows with each trace of the calls of a layer."""
    traces, call = [], owner.call
    owner.call = lambda *args, **options: traces.append(1) or call(*args, **options)
    return traces


def seconds(run, *given):
    start = time.perf_counter()
    run(*given)
    return time.perf_counter() - start


def row(name, run, words, owner):
    """A line of the table: the first call, then the median and the 99th percentile, and how often it was traced."""
    traces = counted(owner)
    text = " ".join(words[:20])
    first = seconds(run, text)
    for length in range(1, LONGEST + 1):
        run(" ".join(words[:length]))
    times = 1e3 * np.array([seconds(run, text) for _ in range(CALLS)])
    median, worst = np.quantile(times, [0.5, 0.99])
    print(f"{name:<28}{first:>8.2f}{median:>9.2f}{worst:>9.2f}{len(traces):>9}")


def stream(steps):
    """A stream that is read a step at a time."""
    push = RecurrentStack("lstm", 128).stream().push
    rng = np.random.default_rng(0)
    for done in range(LAST, steps + 1, LAST):
        inputs = rng.normal(size=(LAST, 1, 1, 32)).astype("float32")
        times = [seconds(push, each) for each in inputs]
        if done == LAST or done % max(LAST, steps // 10) == 0:
            print(f"step {done:>9,}: {1e3 * np.median(times):.3f} ms a step, {memory():.0f} MB", flush=True)


def memory():
    """What this process holds, in MB. For Linux."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stream", type=int, help="number of steps of a stream, a multiple of 1,000")
    if (steps := parser.parse_args().stream) is not None:
        stream(steps)
        return
    print(f"{'':<28}{'first s':>8}{'median':>9}{'99 %':>9}{'traces':>9}")
    train = datasets.load("sentiment-sample")[0]
    words = " ".join(train["text"]).split()
    model = loaded(rnnkit.SentimentClassifier(), train)
    row("classify", model.classify, words, Task)
    row("predict in Keras' loop", lambda text: model.predict([text], verbose=0, callbacks=[]), words, Task)
    train = datasets.load("ner-sample")[0]
    words = [word for sentence in train["tokens"] for word in sentence]
    words = [word for word in words if word not in ".!?"]  # one sentence
    model = loaded(rnnkit.EntityRecognizer(), train)
    row("tag", model.tag, words, RecurrentStack)
    row("predict_tags", lambda text: model.predict_tags([text.split()]), words, RecurrentStack)


if __name__ == "__main__":
    main()
