"""How long one example takes: milliseconds of each call, beside `keras.Model.predict` on the same network.

    python benchmarks/latency.py

The models are untrained, of the default sizes; the text has 20 words. `first` is the first call after loading, in
seconds, and holds the one trace. `traces` counts those of all calls together, with texts of every length to 200 too.
Before them stands a stream, whose steps cost the same however many there were.
"""

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import rnnkit
from rnnkit import datasets
from rnnkit.layers import RecurrentStack
from rnnkit.tasks.entities.network import TagDecoder
from rnnkit.tasks.task import Task

CALLS = 500
LONGEST = 200


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


def peak_so_far():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


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
    """A stream of an LSTM of 128 units, a step at a time: milliseconds of the first and last steps, and memory."""
    push = RecurrentStack("lstm", 128).stream().push
    x = np.random.default_rng(0).normal(size=(steps, 1, 1, 32)).astype("float32")
    times = [1e3 * seconds(push, x[0]) for _ in range(2000)]
    before, times = peak_so_far(), [1e3 * seconds(push, each) for each in x]
    ends = [np.median(times[:1000]), np.median(times[-1000:])]
    print(f"stream, {steps:,} steps: first and last 1,000 {ends[0]:.2f} and {ends[1]:.2f} ms a step,", end=" ")
    print(f"peak memory {before:.0f} and then {peak_so_far():.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000, help="of the stream")
    stream(parser.parse_args().steps)
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
    row("tag", model.tag, words, TagDecoder)
    row("predict_tags", lambda text: model.predict_tags([text.split()]), words, TagDecoder)


if __name__ == "__main__":
    main()
