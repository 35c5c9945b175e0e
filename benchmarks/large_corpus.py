"""Memory of the process while a `LanguageModel` learns from a file that is larger than memory should be.

    python benchmarks/large_corpus.py tweets.txt.gz --gigabytes 2

The file is the given one over and over, in a temporary folder. Printed are the largest resident memory so far, that of
now, and that of now without pages of files, which the system takes back when it needs them: after the vocabulary, after
the stream of tokens, and after each epoch of a hundred steps.
"""

import argparse
import gzip
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import rnnkit

STEPS, EPOCHS = 100, 3


def say(what, start):
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
    found = {"largest": "VmHWM", "now": "VmRSS", "without files": "RssAnon"}
    told = ", ".join(f"{name} {kilobytes[key] / 2**20:.2f} GiB" for name, key in found.items())
    print(f"{time.perf_counter() - start:>5.0f} s  {what:<22} {told}", flush=True)


def write_corpus(source, path, gigabytes):
    opened = gzip.open if source.suffix == ".gz" else open
    with opened(source, "rb") as file:
        text = file.read()
    with path.open("wb") as file:
        while file.tell() < gigabytes * 10**9:
            file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--tokenization", default="characters")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "corpus.txt"
        write_corpus(arguments.source, path, arguments.gigabytes)
        start = time.perf_counter()
        say("before", start)
        model = rnnkit.LanguageModel(arguments.tokenization, units=64, vocabulary_size=300)
        data = model.read(path)
        model.adapt(data)
        say("vocabulary", start)
        model.encoded(data)
        say("tokens", start)
        told = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: say(f"epoch {epoch + 1}", start))
        model.fit(data, epochs=EPOCHS, steps_per_epoch=STEPS, callbacks=[told], verbose=0)


if __name__ == "__main__":
    main()
