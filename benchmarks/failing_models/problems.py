"""The injected problems: on which shapes, what is changed, and what counts as naming it."""

from collections.abc import Callable
from dataclasses import dataclass

from failing_models.setting import Setting

TASKS = {
    "tagger": "tags",
    "bidirectional tagger": "tags",
    "encoder-decoder": "horizon",
}  # of the shapes; others forecast


@dataclass(frozen=True)
class Problem:
    """One way to go wrong.

    Attributes:
        shapes: model shapes on which it is tried.
        base: the healthy setting of a shape, from a random generator.
        inject: what is wrong with it, as changes of the base.
        named: names of the findings that name the problem.
        cures: what should heal it, in any order: names in `cures.CURES`; none if nothing can.
        gap: how much skill it has to cost.
        rival: what is tried in place of a next cure, where the diagnosis names one only.
    """

    shapes: tuple[str, ...]
    base: Callable
    inject: Callable
    named: tuple[str, ...]
    cures: tuple[str, ...] = ()
    gap: float = 0.25
    rival: str = "lower learning rate"


def ordinary(rng, shape, **changes) -> Setting:
    """A model of a shape that learns its task without trouble."""
    small = shape in TASKS or "stacked" in shape
    sizes = {
        "cell": str(rng.choice(["LSTM", "GRU"])),
        "units": int(rng.integers(12, 25 if small else 33)),
        "length": int(rng.integers(20, 31 if small else 41)),
        "features": int(rng.integers(2, 5)),
        "examples": int(rng.integers(600, 901)),
    }
    sizes |= {"epochs": 12} if shape == "encoder-decoder" else {}
    sizes |= {"task": TASKS.get(shape, "forecast"), "seed": int(rng.integers(2**31))}
    return Setting(shape=shape, **{**sizes, **changes})


def padded(rng, shape, **changes):
    """Texts or series of different lengths, with far more padding than data."""
    task = "readings" if shape == "subclassed" else "words"
    return ordinary(rng, shape, task=task, length=int(rng.integers(40, 61)), examples=1000, **changes)


def recalling(rng, shape, **changes):
    """What is asked for stands at the first step."""
    task = "recall steps" if shape == "encoder-decoder" else "recall"
    length = int(rng.integers(35, 46) if shape == "encoder-decoder" else rng.integers(45, 66))
    options = {"cell": "GRU", "kernel": "chrono", "epochs": 16}
    return ordinary(rng, shape, task=task, length=length, **{**options, **changes})


def simple(rng, shape, **changes):
    return ordinary(rng, shape, cell="SimpleRNN", rate=3e-3, **{"epochs": 12, **changes})


def scarce(rng, shape, **changes):
    """Few and noisy examples, regularised and stopped in time."""
    task = "noisy horizon" if shape == "encoder-decoder" else "many words" if shape == "bidirectional" else "noisy"
    sizes = {"units": 32, "examples": int(rng.integers(100, 201)), "features": 4, "length": 20, "epochs": 50}
    return ordinary(rng, shape, task=task, dropout=0.3, stop_early=True, **{**sizes, **changes})


def shallow(rng, shape):
    length, units = int(rng.integers(10, 16)), int(rng.integers(12, 25))
    return ordinary(rng, shape, length=length, units=units, epochs=12 if shape == "encoder-decoder" else 6)


def rich(rng, shape):
    """Several values stand at the first step, and all are asked for."""
    features, length = int(rng.integers(3, 6)), int(rng.integers(10, 16))
    return simple(rng, shape, task="recall all", features=features, length=length)


def _broken(rng, base):
    return {"window": "inputs", "tagger": "infinite inputs", "encoder-decoder": "target"}[base.shape]


def _between(rng, base):
    kinds = {"window": "round", "stacked cells": "dead relu", "subclassed": "stop gradient"}
    return kinds.get(base.shape, "sign")


PROBLEMS = {
    "unscaled inputs": Problem(
        ("window", "tagger", "encoder-decoder"),
        ordinary,
        lambda rng, base: base.but(inputs="thousands"),
        ("input scale",),
        ("normalization",),
    ),
    "mixed units": Problem(
        ("stacked layers", "subclassed", "tagger"),
        ordinary,
        lambda rng, base: base.but(inputs="mixed"),
        ("input scale",),
        ("normalization",),
    ),
    "unscaled target": Problem(
        ("window", "stacked cells", "encoder-decoder"),
        ordinary,
        lambda rng, base: base.but(target="thousands"),
        ("target scale",),
        ("scale the target",),
    ),
    "broken data": Problem(
        ("window", "tagger", "encoder-decoder"),
        ordinary,
        lambda rng, base: base.but(broken=_broken(rng, base)),
        ("data not finite",),
        ("drop broken rows",),
        rival="clipping",
    ),
    "unbounded activation": Problem(
        ("window", "stacked layers", "subclassed"),
        lambda rng, shape: ordinary(
            rng, shape, cell="LSTM", length=int(rng.integers(70, 101)), units=32, examples=600, epochs=5
        ),
        lambda rng, base: base.but(activation="relu"),
        ("unbounded activation", "exploding"),
        ("tanh",),
    ),
    "no gradient": Problem(
        ("window", "stacked cells", "subclassed", "encoder-decoder"),
        lambda rng, shape: ordinary(rng, shape, between="relu" if shape == "stacked cells" else ""),
        lambda rng, base: base.but(between=_between(rng, base)),
        ("no gradient",),
        ("open the path",),
    ),
    "rate too high": Problem(
        ("window", "tagger", "encoder-decoder"),
        ordinary,
        lambda rng, base: base.but(rate=float(rng.uniform(0.3, 1.0))),
        ("learning rate too high",),
        ("lower learning rate",),
    ),
    "rate too low": Problem(
        ("window", "tagger", "bidirectional"),
        ordinary,
        lambda rng, base: base.but(rate=float(10 ** rng.uniform(-6, -5))),
        ("learning rate too low",),
        ("higher learning rate",),
        rival="normalization",
    ),
    "vanishing": Problem(
        ("window", "stacked cells", "encoder-decoder"),
        recalling,
        lambda rng, base: base.but(cell="SimpleRNN", kernel="narrow", gain=float(rng.uniform(0.4, 0.8)), rate=3e-3),
        ("vanishing",),
        ("gated cell",),
    ),
    "exploding": Problem(
        ("window", "tagger", "encoder-decoder"),
        simple,
        lambda rng, base: base.but(kernel="wide", gain=float(rng.uniform(3, 5))),
        ("exploding",),
        ("orthogonal initialiser", "gated cell"),
    ),
    "saturated": Problem(
        ("window", "stacked layers", "encoder-decoder"),
        ordinary,
        lambda rng, base: base.but(bias=float(rng.uniform(20, 30))),
        ("saturated",),
        ("bias initializer",),
    ),
    "rank collapse": Problem(
        ("window", "stacked cells", "subclassed"),
        rich,
        lambda rng, base: base.but(kernel="rank one"),
        ("rank collapse",),
        ("orthogonal initialiser",),
    ),
    "too deep": Problem(
        ("window", "stacked cells", "encoder-decoder"),
        shallow,
        lambda rng, base: base.but(layers=int(rng.integers(7, 9))),
        ("too deep",),
        ("residual and layer normalisation", "fewer layers"),
    ),
    "labels without inputs": Problem(
        ("window", "tagger", "bidirectional"),
        ordinary,
        lambda rng, base: base.but(labels="random"),
        ("labels independent of the inputs",),
    ),
    "head ignores the state": Problem(
        ("window", "stacked cells", "subclassed"),
        ordinary,
        lambda rng, base: base.but(head="inputs" if base.shape == "subclassed" else "first"),
        ("head ignores the state", "no gradient"),
        ("read the last state",),
    ),
    "wrong padding side": Problem(
        ("window", "stacked cells", "subclassed"),
        lambda rng, shape: padded(rng, shape, padding="pre", mask="none"),
        lambda rng, base: base.but(padding="post"),
        ("padding",),
        ("padding in front", "mask"),
    ),
    "mask ignored": Problem(
        ("window", "stacked cells", "subclassed"),
        padded,
        lambda rng, base: base.but(mask="lost"),
        ("padding",),
        ("padding in front", "mask"),
    ),
    "shuffled time": Problem(
        ("window", "tagger", "encoder-decoder"),
        ordinary,
        lambda rng, base: base.but(order="shuffled"),
        ("order of time",),
        ("sort by time",),
    ),
    "heavy dropout": Problem(
        ("window", "tagger", "encoder-decoder"),
        ordinary,
        lambda rng, base: base.but(dropout=float(rng.uniform(0.8, 0.9))),
        ("underfitting",),
        ("lower dropout",),
    ),
    "overfitting": Problem(
        ("window", "bidirectional", "encoder-decoder"),
        scarce,
        lambda rng, base: base.but(dropout=0.0, stop_early=False),
        ("overfitting",),
        ("dropout", "early stopping", "more data"),
    ),
}
