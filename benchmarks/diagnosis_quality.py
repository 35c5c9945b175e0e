"""Does the diagnosis name the trouble, and does the cure that it names cure it?

    python benchmarks/diagnosis_quality.py --out diagnosis.json
    python benchmarks/diagnosis_quality.py --only vanishing --limit 2
    python benchmarks/diagnosis_quality.py --only healthy --seed 1

Thirty sick configurations, five of each kind, and twelve healthy ones are drawn from --seed. Each is trained briefly
and diagnosed at its start and end, from a probe of 48 validation examples and the records of the gradients. A sick one
that fails is trained again with the first cure alone, and again with the first cure of another trouble.

Fixed beforehand: a task is solved at 99 % accuracy on validation (temporal order), a squared error below 0.01 (adding),
or the accuracy in GOALS (sentiment), within so many epochs as the first training had. A sick configuration that solves
its task is not sick: it is replaced by the next drawing. The status of a configuration is the first trouble that
`ThroughTime.cause` names, or, where it failed and its end shows no trouble, that at the start. Each finished row is
written to --out at once, and a row that stands there already is not done again.
"""

import argparse
import json
import os
import time
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import rnnkit
from rnnkit import callbacks, datasets
from rnnkit.diagnosis.cures import USUAL_UPDATE
from rnnkit.diagnosis.verdict import TROUBLES
from rnnkit.errors import DownloadError
from rnnkit.initializers import Chrono

EXAMPLES, BATCH, PROBE, PER_KIND = 6400, 32, 48, 5
GOALS = {"sentiment-sample": 0.9, "sst2": 0.78}  # accuracy


@dataclass(frozen=True)
class Config:
    """One training. `options` are those of the task; `start` is a name of STARTS."""

    kind: str
    problem: str
    length: int
    seed: int
    options: dict
    start: str = "orthogonal"
    gain: float = 1.0
    bias: float = 0.0
    rate: float = 3e-3
    clip: float | None = None
    epochs: int = 8

    def but(self, **changes):
        options = {**self.options, **changes.pop("options", {})}
        return replace(self, options=options, **changes)


STARTS = {
    "orthogonal": lambda config: keras.initializers.Orthogonal(config.gain),
    "chrono": lambda config: Chrono(max_lag=max(3, config.length)),
    "rank one": lambda config: keras.initializers.Constant(config.gain / config.options["units"]),
}


def order(rng, kind, lengths, options, **fields):
    """Temporal order of a length between two, and of any size."""
    options = {"units": int(rng.integers(24, 49)), **options}
    return Config(kind, "temporal-order", int(rng.integers(*lengths)), int(rng.integers(2**31)), options, **fields)


def exploding(rng):
    activation, low, high = [("tanh", 2.5, 4), ("relu", 1.6, 2)][rng.integers(2)]
    options = {"cell": "simple_rnn", "activation": activation}
    return order(rng, "exploding", (20, 41), options, gain=rng.uniform(low, high))


def vanishing(rng):
    return order(rng, "vanishing", (40, 81), {"cell": "simple_rnn"}, gain=rng.uniform(0.3, 0.7))


def saturated(rng):
    cell = ["lstm", "gru"][rng.integers(2)]
    return order(rng, "saturated", (20, 41), {"cell": cell}, bias=rng.choice([-1, 1]) * rng.uniform(10, 14))


def rank_collapse(rng):
    return order(rng, "rank collapse", (20, 41), {"cell": "simple_rnn"}, start="rank one", gain=rng.uniform(0.95, 1.05))


def deep(rng):
    cell = ["simple_rnn", "lstm", "gru"][rng.integers(3)]
    options = {"cell": cell, "layers": 8, "units": int(rng.integers(16, 33))}
    return order(rng, "not learning (deep)", (10, 17), options)


def rate_too_high(rng):
    cell = ["lstm", "gru"][rng.integers(2)]
    return order(rng, "not learning (rate)", (20, 41), {"cell": cell}, rate=rng.uniform(0.3, 1.0))


SICK = {
    "exploding": exploding,
    "vanishing": vanishing,
    "saturated": saturated,
    "rank collapse": rank_collapse,
    "not learning (deep)": deep,
    "not learning (rate)": rate_too_high,
}


def memory(problem, length, **options):
    start = "chrono" if options["cell"] != "simple_rnn" else "orthogonal"
    options = {"units": 32, **options}
    return Config("healthy", problem, length, 0, options, start=start, clip=1.0, epochs=16)


def sentiment(data="sentiment-sample", **options):
    return Config("healthy", data, 0, 0, {"units": 32, **options}, rate=2e-3, epochs=15)


# Further tasks join here.
HEALTHY = [
    sentiment(cell="lstm"),
    sentiment(cell="gru"),
    sentiment(cell="lstm", pooling="last"),
    sentiment(cell="gru", layers=2),
    sentiment(cell="simple_rnn"),
    memory("temporal-order", 20, cell="simple_rnn"),
    memory("temporal-order", 40, cell="gru"),
    memory("temporal-order", 60, cell="lstm"),
    memory("adding", 20, cell="gru"),
    memory("adding", 40, cell="lstm"),
    sentiment("sst2", cell="lstm"),
    sentiment("sst2", cell="gru", pooling="attention"),
]

# What the first cure of each trouble changes; a cure that is not here cannot be applied to these tasks.
CHANGES = {
    "clipping": {},  # the threshold that the cure names
    "spectral cap": {"options": {"recurrent_constraint": "spectral_cap"}},
    "orthogonal start": {"start": "orthogonal", "gain": 1.0},
    "soft orthogonality": {"options": {"recurrent_regularizer": "soft_orthogonality"}},
    "gated cell": {"options": {"cell": "gru", "activation": None}, "start": "chrono"},
    "relu": {"options": {"activation": "relu"}, "start": "orthogonal", "gain": 1.0},
    "chrono start": {"start": "chrono"},
    "bias start": {"bias": 0.0},
    "layer normalisation": {"options": {"layer_norm": True}},
    "residual and layer normalisation": {"options": {"residual": True, "layer_norm": True}},
    "lower learning rate": {},  # the rate that the cure names
    "Omega": {"options": {"omega": 4.0}},
}
TYPICAL = {  # what is applied against another trouble
    "exploding": "clipping",
    "vanishing": "gated cell",
    "saturated": "bias start",
    "rank collapse": "orthogonal start",
    "not learning (deep)": "residual and layer normalisation",
    "not learning (rate)": "lower learning rate",
}


class Solved(keras.callbacks.Callback):
    """Ends a training that has solved its task."""

    def __init__(self, problem, length):
        super().__init__()
        self.problem, self.length, self.solved, self.value = problem, length, False, float("nan")

    def on_epoch_end(self, epoch, logs=None):
        if self.problem in datasets.MEMORY_PROBLEMS:
            known = datasets.MEMORY_PROBLEMS[self.problem]
            self.value = logs[f"val_{known.metric}"]
            self.solved = bool(known.solved({known.metric: self.value}, self.length))
        else:
            self.value = logs["val_accuracy"]
            self.solved = self.value >= GOALS[self.problem]
        self.model.stop_training = self.solved


def data_of(config):
    if config.problem in datasets.MEMORY_PROBLEMS:
        return datasets.memory(config.problem, config.length, train=EXAMPLES, valid=500, seed=config.seed)
    return datasets.load(config.problem)


def make(config, splits):
    options = {**config.options, "recurrent_initializer": STARTS[config.start](config)}
    if config.problem in datasets.MEMORY_PROBLEMS:
        model = rnnkit.MemoryModel(datasets.MEMORY_PROBLEMS[config.problem].target, **options)
    else:
        model = rnnkit.SentimentClassifier(**options)
    model.adapt(splits.train)
    model.compile(keras.optimizers.Adam(config.rate))
    for block in model.stack.blocks if config.bias else []:
        bias = block["forward"].cell.bias
        bias.assign(config.bias * np.sign(np.arange(bias.shape[-1]) % 7 - 2.5) * np.ones(bias.shape, "float32"))
    return model


def train(config):
    """One training: whether it solved its task, and the callback with the diagnoses at start and end."""
    keras.utils.set_random_seed(config.seed % 2**31)
    splits, began = data_of(config), time.perf_counter()
    model = make(config, splits)
    health, solved = callbacks.GradientHealth(), Solved(config.problem, config.length)
    watch = callbacks.ThroughTime(splits.valid.sample(PROBE), budget=0, health=health)
    clip = [callbacks.GradientClipping("global_norm", config.clip)] if config.clip else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weights that exploded
        model.fit(
            splits.train,
            validation_data=splits.valid,
            batch_size=BATCH,
            epochs=config.epochs,
            callbacks=[health, *clip, watch, solved],
            verbose=0,
        )
    row = {"solved": solved.solved, "value": solved.value, "seconds": time.perf_counter() - began}
    return row, watch


def word(diagnosis):
    """The first trouble of any layer, or else the first layer's status."""
    found = list(diagnosis.layers["status"])
    return next((trouble for trouble in TROUBLES if trouble in found), found[0])


def telling(watch, solved):
    """The diagnosis to go by: `ThroughTime.cause`; where a training failed and only its start shows trouble, that."""
    start = watch.diagnoses[0]
    return start if not solved and word(watch.cause) not in TROUBLES and word(start) in TROUBLES else watch.cause


def cured(config, cure, diagnosis):
    changes = dict(CHANGES[cure])
    if cure == "lower learning rate":
        ratio = diagnosis.training.update_ratio
        changes["rate"] = config.rate * (USUAL_UPDATE / ratio if ratio > USUAL_UPDATE else 0.1)
    if cure == "clipping":
        changes["clip"] = diagnosis.training.threshold if diagnosis.training.threshold > 0 else 1.0
    return config.but(**changes)


def examine(config):
    """A row: the first training, its diagnosis, and the trainings with a right and a wrong cure."""
    plain, watch = train(config)
    found = telling(watch, plain["solved"])
    names = [cure.name for cure in found.cures]
    row = {
        "config": asdict(config),
        "status": word(found),
        "start": word(watch.diagnoses[0]),
        "end": word(watch.diagnosis),
        "cures": names,
        "verdict": found.verdict,
        "explained": found.training.explained,
        "update_ratio": found.training.update_ratio,
        "plain": plain,
    }
    if config.kind == "healthy" or plain["solved"]:
        return row
    if names and names[0] in CHANGES:
        row["right"] = {"cure": names[0], **train(cured(config, names[0], found))[0]}
    other = [cure for kind, cure in TYPICAL.items() if kind != config.kind and cure not in names]
    others = {cure: changed for cure in other if (changed := cured(config, cure, found)) != config}
    wrong = sorted(others)[config.seed % len(others)]
    row["wrong"] = {"cure": wrong, **train(others[wrong])[0]}
    return row


def configurations(seed, only):
    """(kind, place, drawings); those of sick ones have no end, since not every drawing is sick."""
    for number, kind in enumerate(SICK):
        for place in range(PER_KIND if only in (None, kind) else 0):
            yield kind, place, drawings(SICK[kind], np.random.default_rng([seed, number, place]))
    for place, config in enumerate(HEALTHY if only in (None, "healthy") else []):
        yield "healthy", place, iter([replace(config, seed=seed + place)])


def drawings(draw, rng):
    while True:
        yield draw(rng)


def show(rows):
    sick = [row for row in rows if row["config"]["kind"] != "healthy"]
    print("\nTruth x status")
    for (truth, status), count in sorted(Counter((row["config"]["kind"], row["status"]) for row in rows).items()):
        print(f"  {truth:<22} {status:<16} {count:>3}")
    for name, text in {"right": "first cure alone", "wrong": "cure of another trouble"}.items():
        solved = sum(row.get(name, {}).get("solved", False) for row in sick)
        print(f"{text}: {solved} of {len(sick)} solved")
    healthy = [row for row in rows if row["config"]["kind"] == "healthy"]
    alarms = sum(row["status"] in TROUBLES for row in healthy)
    solved = sum(row["plain"]["solved"] for row in healthy)
    print(f"false alarms: {alarms} of {len(healthy)}, of which {solved} solved their task")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[*SICK, "healthy"])
    parser.add_argument("--limit", type=int, help="so many configurations")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out and arguments.out.exists() else []
    done = {(row["seed"], row["kind"], row["place"]) for row in rows}
    for kind, place, draws in islice(configurations(arguments.seed, arguments.only), arguments.limit):
        if (arguments.seed, kind, place) in done:
            continue
        try:
            row = next(row for row in map(examine, draws) if kind == "healthy" or not row["plain"]["solved"])
        except DownloadError as error:
            print(f"left out, {kind} {place}: {error}", flush=True)
            continue
        rows.append({"seed": arguments.seed, "kind": kind, "place": place, **row})
        print(json.dumps(rows[-1]), flush=True)
        if arguments.out:
            arguments.out.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    show(rows)


if __name__ == "__main__":
    main()
