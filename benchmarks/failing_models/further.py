"""Problems for the rules of cures that those of the trial do not reach, each on more than one shape and cell."""

from failing_models.problems import Problem, ordinary, recalling, rich

CELLS = {"window": "LSTM", "tagger": "GRU", "encoder-decoder": "SimpleRNN", "subclassed": "GRU"}
GATED = {"window": "LSTM", "tagger": "GRU", "encoder-decoder": "LSTM", "stacked cells": "GRU"}
SHAPES = ("window", "tagger", "encoder-decoder")
RICH = ("window", "stacked cells", "subclassed")


def small(rng, shape, **changes):
    """Few and short sequences: what is wrong here shows at once."""
    sizes = {"cell": CELLS.get(shape, "GRU"), "units": 16, "length": int(rng.integers(10, 16)), "examples": 320}
    return ordinary(rng, shape, **{**sizes, "features": int(rng.integers(2, 5)), "epochs": 16, **changes})


def gated(rng, shape):
    return small(rng, shape, cell=GATED[shape])


def simple(rng, shape, **changes):
    return small(rng, shape, **{"cell": "SimpleRNN", "rate": 3e-3, **changes})


def parallel(rng, shape):
    cell = "MinLSTM" if shape == "window" else "MinGRU"
    return rich(rng, shape).but(cell=cell, rate=1e-2, kernel="chrono")


FURTHER = {
    "a few broken rows": Problem(
        SHAPES,
        small,
        lambda rng, base: base.but(broken="few inputs"),
        ("weights not finite",),
        ("guard",),
    ),
    "diverged": Problem(
        SHAPES,
        lambda rng, shape: small(rng, shape, optimizer="SGD", rate=0.02, epochs=16),
        lambda rng, base: base.but(rate=float(rng.uniform(2, 5))),
        ("weights not finite",),
        ("lower learning rate",),
    ),
    "answers that are bounded": Problem(
        SHAPES,
        small,
        lambda rng, base: base.but(answers="sigmoid"),
        ("target scale",),
        ("linear output",),
    ),
    "answers far from the target": Problem(
        SHAPES,
        small,
        lambda rng, base: base.but(answers="sigmoid", target="thousands"),
        ("target scale",),
        ("target into reach",),
    ),
    "a root at zero": Problem(
        SHAPES,
        small,
        lambda rng, base: base.but(loss="root", guarded=True),
        ("gradient not finite",),
        ("loss with a derivative",),
        rival="clipping",
    ),
    "a logarithm below zero": Problem(
        ("window", "subclassed", "encoder-decoder"),
        small,
        lambda rng, base: base.but(loss="logarithm", guarded=True),
        ("loss not finite",),
        ("loss with a derivative",),
        rival="clipping",
    ),
    "made large on the way": Problem(
        SHAPES,
        small,
        lambda rng, base: base.but(ahead="wide"),
        ("input scale",),
        ("rescaling",),
    ),
    "shifted on the way": Problem(
        SHAPES,
        gated,
        lambda rng, base: base.but(ahead="shifted"),
        ("saturated",),
        ("layer normalisation",),
    ),
    "spikes": Problem(
        ("tagger", "bidirectional tagger", "window"),
        lambda rng, shape: simple(rng, shape, length=60, optimizer="SGD", rate=0.01),
        lambda rng, base: base.but(kernel="narrow", activation="relu", rate=float(rng.uniform(0.15, 0.25))),
        ("exploding",),
        ("clipping",),
    ),
    "exploding relu": Problem(
        SHAPES,
        simple,
        lambda rng, base: base.but(kernel="wide", gain=float(rng.uniform(2, 2.5)), activation="relu"),
        ("exploding",),
        ("gated cell", "orthogonal initialiser"),
    ),
    "exploding gates": Problem(
        SHAPES,
        gated,
        lambda rng, base: base.but(kernel="wide", gain=float(rng.uniform(10, 20))),
        ("exploding",),
        ("orthogonal initialiser",),
    ),
    "one unit holds": Problem(
        RICH,
        parallel,
        lambda rng, base: base.but(one_holds=True, kernel="default"),
        ("rank collapse",),
        ("chrono initialisation",),
    ),
    "rank collapse of gates": Problem(
        RICH,
        lambda rng, shape: rich(rng, shape).but(cell="LSTM" if shape == "subclassed" else "GRU"),
        lambda rng, base: base.but(kernel="rank one", gain=2.0),
        ("rank collapse",),
        ("orthogonal initialiser",),
    ),
    "a penalty on one direction": Problem(
        RICH,
        rich,
        lambda rng, base: base.but(kernel="rank one", penalty="l2"),
        ("rank collapse",),
        ("orthogonal initialiser",),
    ),
    "penalised": Problem(
        RICH,
        rich,
        lambda rng, base: base.but(penalty="strong l2"),
        ("vanishing",),
        ("no penalty",),
    ),
    "zeros": Problem(
        SHAPES,
        simple,
        lambda rng, base: base.but(kernel="zeros", activation="relu"),
        ("zero weights",),
        ("fresh weights",),
    ),
    "vanishing gates": Problem(
        ("window", "stacked cells", "encoder-decoder"),
        lambda rng, shape: recalling(rng, shape).but(cell=GATED[shape], length=45, examples=600),
        lambda rng, base: base.but(kernel="forgetful"),
        ("vanishing",),
        ("chrono initialisation",),
    ),
    "vanishing in an own cell": Problem(
        ("window", "stacked cells", "encoder-decoder"),
        lambda rng, shape: recalling(rng, shape).but(length=45, examples=600),
        lambda rng, base: base.but(cell="Leaky", kernel="default"),
        ("vanishing",),
        ("gated cell",),
    ),
}
