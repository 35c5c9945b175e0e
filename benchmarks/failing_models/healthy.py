"""Healthy models: ordinary ones of each shape, and those that only look as if something were wrong."""

from failing_models.problems import ordinary, padded, recalling, simple


def _solved(shape, **changes):
    return lambda rng: ordinary(rng, shape, **changes)


def _long(rng):
    return int(rng.integers(60, 91))


HEALTHY = {
    # ordinary ones
    "window": _solved("window"),
    "window, simple RNN": lambda rng: simple(rng, "window"),
    "stacked layers": _solved("stacked layers"),
    "stacked cells": _solved("stacked cells"),
    "subclassed": _solved("subclassed"),
    "tagger": _solved("tagger"),
    "bidirectional tagger": _solved("bidirectional tagger"),
    "encoder-decoder": _solved("encoder-decoder"),
    "texts with a mask": lambda rng: padded(rng, "window"),
    "texts, bidirectional": lambda rng: padded(rng, "bidirectional"),
    "texts padded in front": lambda rng: padded(rng, "stacked cells", padding="pre", mask="none"),
    "series with a mask": lambda rng: padded(rng, "subclassed"),
    "inputs from 0 to 1": _solved("window", inputs="unit", epochs=12),
    "normalised inputs": _solved("window", inputs="mixed", normalization="features"),
    "light dropout": _solved("stacked layers", dropout=0.1),
    "stopped in time": _solved("subclassed", stop_early=True, epochs=20),
    "SGD with momentum": _solved("window", optimizer="SGD", rate=3e-2, epochs=15),
    # as good as any model can be
    "AR(1)": lambda rng: ordinary(rng, "window", task="ar1", features=1, length=_long(rng), examples=1200, rate=3e-3),
    "AR(1), stacked cells": _solved("stacked cells", task="ar1", features=1, length=40, examples=1200, rate=3e-3),
    "noisy target": _solved("window", task="noisy", examples=1500, rate=3e-3, epochs=6),
    "noisy target, subclassed": _solved("subclassed", task="noisy", examples=1500, rate=3e-3, epochs=6),
    "noisy classes": _solved("tagger", task="noisy tags", rate=3e-3),
    "random walk": _solved("window", task="walk", features=1),
    # solved, with odd losses
    "loss in the graph": _solved("window", loss="in graph"),
    "loss in the graph, encoder-decoder": _solved("encoder-decoder", loss="in graph"),
    "add_loss": _solved("window", loss="add_loss"),
    "two outputs, weighted": _solved("stacked layers", loss="two outputs"),
    "sample weights": _solved("subclassed", loss="sample weights"),
    "Huber loss": _solved("window", loss="huber"),
    # short and long memories
    "short memory": lambda rng: ordinary(rng, "window", task="short", length=_long(rng)),
    "short memory, stacked cells": lambda rng: ordinary(rng, "stacked cells", task="short", length=50),
    "short memory, tagger": _solved("tagger", task="short tags", length=40),
    "long memory": lambda rng: recalling(rng, "window"),
}
