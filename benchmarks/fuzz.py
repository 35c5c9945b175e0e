"""Hostile files: what the readers do with them. Exits 1 where one answers with anything but rnnkit's own errors.

    python benchmarks/fuzz.py
    python benchmarks/fuzz.py --inputs 3000 --only csv,midi --seed 7
    python benchmarks/fuzz.py --models 1000

Valid files of every format are changed at random (see `fuzz_inputs.py`), most of them in ways that only a reader of
that format notices: behind a checksum, within a packed element, in the type of a JSON value. Each input must be read,
or refused by an `RnnkitError`, within --seconds of processor time and with --memory MiB at the most. While it is read,
an audit hook stops every attempt to start a program, to unpickle, to connect, or to write outside the folder of the
inputs.

--inputs are for the readers that need no TensorFlow; --models adds inputs for saved models and for run folders, which
are made first and are slower to read. What fails is kept in --keep. For Linux.
"""

import argparse
import collections
import gc
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import fuzz_inputs as inputs
import numpy as np

from rnnkit import datasets
from rnnkit.callbacks.resuming.state_files import StateFiles, packed
from rnnkit.datasets import imdb, jsb
from rnnkit.datasets.midi import read_midi, read_midi_folder
from rnnkit.errors import RnnkitError
from rnnkit.study.folder import RunFolder
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.music import Piece
from rnnkit.text.vectors import read_vectors, vector_size
from rnnkit.text.vocabulary import Vocabulary

FORBIDDEN = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "pickle.find_class", "socket.connect")
RUN = "run"
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Reader(NamedTuple):
    """What is fuzzed.

    Attributes:
        fraction: of all inputs.
        file: the input's path in its folder.
        seeds: valid contents.
        change: how they are made hostile.
        read: is given the input's path.
    """

    fraction: float
    file: str
    seeds: list[bytes]
    change: inputs.Mutation
    read: Callable[[Path], object]


class Broken(BaseException):
    """A promise was broken; no reader catches it."""


class Watch:
    """The audit hook: within `reading`, what must not happen raises."""

    def __init__(self, folder: Path):
        self.folder, self.on = str(folder.resolve()), False
        self.seen: str | None = None
        sys.addaudithook(self.hook)

    def hook(self, event, arguments):
        if not self.on:
            return
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        if event in FORBIDDEN or (writes and not self.inside(arguments[0])):
            self.on, self.seen = False, f"{event} {arguments}"
            raise Broken(self.seen)

    def inside(self, path) -> bool:
        return isinstance(path, int) or os.path.realpath(os.fsdecode(path)).startswith((self.folder, "/dev/null"))


def light_readers(folder: Path) -> dict[str, Reader]:
    """Those without TensorFlow."""
    table = 'text,label\n"Fine, warm",good\n"say ""no""",bad\ncafé ünï 日本,good\n'.encode()
    tabs = 'text\tlabel\nFine, warm\tgood\nsay "no"\tbad\ncafé ünï 日本\tgood\n'.encode()
    rows = b'{"text": "Fine", "label": "good", "n": [1, {"a": 2}]}\n{"text": "no", "label": 1}\n'
    tagged = "-DOCSTART- X O O\n\nAda NNP B O\nLovelace NNP I O\n\nin IN O O\nZürich NNP B O\n".encode()
    spans = b'{"text": "EU rejects", "label": [[0, 2, "ORG"]], "entities": []}\n{"text": "a b", "label": []}\n'
    prodigy = (
        b'{"text": "EU rejects", "tokens": [{"start": 0, "end": 2}, {"start": 3, "end": 10}], "spans": [{"start": 0, '
        b'"end": 2, "label": "ORG"}], "answer": "accept"}\n{"text": "a", "spans": [], "answer": "reject"}\n'
    )
    tags = b'{"tokens": ["EU", "rejects"], "ner_tags": ["B-ORG", "O"]}\n{"tokens": ["a"], "ner_tags": [0]}\n'
    conllu = (
        "# text = Zürich\n1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_\n1\tZürich\t_\tPROPN\t_\tA=B\t0\troot\t_\tNER=B-LOC|X=Y\n\n"
        "# global.columns = ID FORM UPOS\n1\ta\tX\n"
    ).encode()
    pairs = "good morning\tguten Morgen\nthank you\tdanke schön\tCC-BY\n\n".encode()
    vectors = "3 3\ngood 1 2 3\nbad -1 0.5 2e-1\nnaïve 0 0 1\n".encode()
    columns = b"id\ten\tde\tby\n1\tgood morning\tguten Morgen\tCC-BY\n2\tyes\tja\tCC-BY\n"
    roll = np.zeros((8, 88), "uint8")
    roll[:4, 40] = roll[4:, 44] = 1
    Piece(roll).save(folder / "seed.mid")
    midi = (folder / "seed.mid").read_bytes()
    chorales = b'{"train": [[[60, 64], [62]]], "valid": [[[60], []]], "test": [[[21, 108]]]}'
    config = json.dumps(RunConfig().as_dict()).encode()
    state = packed({"epoch": 1, "weights": [roll.astype("float32"), np.arange(5)], "random": {"a": None, "b": [0.5]}})
    mutated, rows_retyped, packed_ = inputs.mutated, inputs.rows_retyped, inputs.packed
    return {
        "csv": Reader(0.15, "a.csv", [table], mutated, datasets.read),
        "csv.gz": Reader(0.05, "a.csv.gz", [table], packed_(mutated), datasets.read),
        "tsv": Reader(0.08, "a.tsv", [tabs], mutated, datasets.read),
        "jsonl": Reader(0.12, "a.jsonl", [rows], rows_retyped, datasets.read),
        "jsonl.gz": Reader(0.03, "a.jsonl.gz", [rows], packed_(rows_retyped), datasets.read),
        "conll": Reader(0.1, "a.conll", [tagged, tagged.replace(b" ", b"\t")], mutated, datasets.read),
        "conllu": Reader(0.04, "a.conllu", [conllu], mutated, datasets.read),
        "spans": Reader(0.06, "a.jsonl", [spans, prodigy], rows_retyped, datasets.read_entities),
        "tags": Reader(0.02, "a.jsonl", [tags], rows_retyped, partial(datasets.read_entities, names=("O", "B-X"))),
        "pairs": Reader(0.08, "a.txt", [pairs, columns], mutated, datasets.read_pairs),
        "vectors": Reader(0.05, "a.txt", [vectors], mutated, _read_vectors),
        "midi": Reader(0.1, "a.mid", [midi], inputs.midi, read_midi),
        "midi folder": Reader(0.02, "in/a.mid", [midi], inputs.midi, lambda path: read_midi_folder(path.parent)),
        "jsb.json": Reader(0.03, jsb.FILE, [chorales], inputs.retyped, lambda path: jsb.read(path.parent)),
        "tar.gz": Reader(0.03, imdb.ARCHIVE, [b"A fine film."], inputs.archive, lambda path: imdb.read(path.parent)),
        "config.json": Reader(0.04, "config.json", [config], inputs.retyped, _read_config),
        "save": Reader(0.04, "in/00000001.state", [state], inputs.save, lambda path: StateFiles(path.parent).read()),
    }


def _read_vectors(path: Path) -> None:
    read_vectors(path, Vocabulary(["good", "bad"]), np.zeros((4, min(vector_size(path), 1000)), "float32"))


def _read_config(path: Path) -> RunConfig:
    return RunConfig.from_dict(RunFolder(path.parent).config)


def heavy_readers(folder: Path) -> dict[str, Reader]:
    """Saved models, and the files of a run that `rnnkit report` reads."""
    import keras

    import rnnkit
    from rnnkit.study.run import open_data, prepare, train

    models = []
    for task in ("sentiment", "ner", "music", "translation"):
        config = RunConfig(task=task, units=4)
        prepare(config, open_data(config)).save(folder / "seed.keras")
        models.append((folder / "seed.keras").read_bytes())
        keras.backend.clear_session()
    config = RunConfig(units=4, epochs=2)
    run = RunFolder.create(folder / RUN, config.as_dict())
    run.write(train(config, type(open_data(config))(*(part[:64] for part in open_data(config)))))
    readers = {".keras": Reader(0.5, "a.keras", models, inputs.member, rnnkit.load)}
    for path in sorted(path for path in run.path.rglob("*") if path.suffix in (".json", ".csv")):
        name = str(path.relative_to(folder))
        change = inputs.retyped if path.suffix == ".json" else inputs.mutated
        readers[name] = Reader(0.03, name, [path.read_bytes()], change, _read_run)
    return readers


def _read_run(path: Path) -> None:
    run = next(parent for parent in path.parents if parent.name == RUN)
    RunFolder(run).write_report(run.with_name("page.html"))


def fuzzed(name: str, reader: Reader, count: int, watch: Watch, options) -> dict:
    """A row of the table."""
    row = collections.Counter(reader=name, inputs=count, accepted=0, refused=0, failed=0, slowest=0.0)
    path = Path(watch.folder) / reader.file
    path.parent.mkdir(exist_ok=True, parents=True)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory is that from now on
    start = _status("VmRSS")
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, ((_status("VmSize") + options.memory) << 20, before[1]))
    for number in range(count):
        rng = random.Random(f"{options.seed} {name} {number}")
        content = reader.change(rng, rng.choice(reader.seeds))
        path.write_bytes(content)
        begin = time.process_time()
        row[_outcome(reader, path, watch, options, f"{name.replace('/', '-')}-{number}", content)] += 1
        row["slowest"] = max(row["slowest"], time.process_time() - begin)
    resource.setrlimit(resource.RLIMIT_AS, before)
    path.write_bytes(reader.seeds[0])
    return {**row, "memory": _status("VmHWM") - start}


def _outcome(reader: Reader, path: Path, watch: Watch, options, label: str, content: bytes) -> str:
    watch.seen, watch.on = None, True
    signal.setitimer(signal.ITIMER_PROF, options.seconds)
    signal.setitimer(signal.ITIMER_REAL, 10 * options.seconds)  # for what waits
    try:
        reader.read(path)
        found = "accepted"
    except RnnkitError:
        found = "refused"
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        found = "failed"
        told = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        watch.on = False
    if watch.seen and found != "failed":
        found, told = "failed", watch.seen
    if found == "failed":
        options.keep.mkdir(exist_ok=True, parents=True)
        (options.keep / f"{label}{path.suffix}").write_bytes(content)
        (options.keep / f"{label}.txt").write_text(told, encoding="utf-8", errors="backslashreplace")
    return found


def _status(name: str) -> int:
    """MiB, from the kernel."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:"))) >> 10


def _too_slow(signum, frame):
    raise Broken("too slow")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="for the readers without TensorFlow")
    parser.add_argument("--models", type=int, default=0, help="for saved models and run folders")
    parser.add_argument("--only", default="", help="readers, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20.0, help="of processor time, per input")
    parser.add_argument("--memory", type=int, default=2048, help="MiB of address space above what is used already")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    options = parser.parse_args()
    options.keep = options.keep.resolve()
    for each in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(each, _too_slow)
    warnings.simplefilter("ignore")
    sys.dont_write_bytecode = True  # what is imported late writes nothing
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
        os.chdir(folder)
        return _all(Path(folder), options)


def _all(folder: Path, options) -> int:
    readers = {name: (each, options.inputs) for name, each in light_readers(folder).items()}
    if options.models:
        readers |= {name: (each, options.models) for name, each in heavy_readers(folder).items()}
    wanted = options.only.split(",") if options.only else list(readers)
    watch, rows, begin = Watch(folder), [], time.perf_counter()
    for name in wanted:
        reader, count = readers[name]
        rows.append(fuzzed(name, reader, max(1, round(reader.fraction * count)), watch, options))
        _print(rows[-1], head=len(rows) == 1)
    sums = {key: sum(row[key] for row in rows) for key in ("inputs", "accepted", "refused", "failed")}
    most = {key: max(row[key] for row in rows) for key in ("slowest", "memory")}
    _print({"reader": "all", **sums, **most})
    print(f"{time.perf_counter() - begin:.0f} s, seed {options.seed}")
    if sums["failed"]:
        print(f"What failed is in {options.keep}.")
    return 1 if sums["failed"] else 0


def _print(row: dict, head: bool = False) -> None:
    if head:
        print("| reader | inputs | read | refused | failed | slowest, s | memory, MiB |\n|---|---|---|---|---|---|---|")
    counts = " | ".join(str(row[key]) for key in ("inputs", "accepted", "refused", "failed"))
    print(f"| {row['reader']} | {counts} | {row['slowest']:.2f} | {row['memory']} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
