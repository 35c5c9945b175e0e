"""The pictures of these pages and of the README, from real runs: `python docs/make_figures.py [FOLDER]`."""

import sys
from pathlib import Path

import keras
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from rnnkit import MemoryModel, MusicGenerator, callbacks, cell_names, compare, datasets
from rnnkit.diagnosis.page import heat_map
from rnnkit.initializers import Chrono
from rnnkit.report.plot import COLORS

LENGTH, EXAMPLES, EPOCHS = 60, 4000, 12
CURE = {"cell": "gru", "recurrent_initializer": Chrono(max_lag=LENGTH - 1)}
MUSIC_EPOCHS = 80
KINDS = {"recurrent": COLORS[0], "network": COLORS[1], "rule": COLORS[7]}
CELL_SEEDS, CELL_EPOCHS, CELL_UNITS = 2, 10, 32


def main(folder: Path) -> None:
    """Writes every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    before, after = remember(cell="simple_rnn"), remember(**CURE)
    profiles = {"simple_rnn, before the cure": before, "gru with chrono initialisation": after}
    both = pd.concat([watched[0].profile.assign(layer=name) for name, watched in profiles.items()])
    save(heat_map(both).figure(), folder / "through_time.png")
    save(before[1].plot(), folder / "spectrum.png")
    save(after[2].plot(), folder / "gradient_health.png")
    save(compose().plot(), folder / "piano_roll.png")
    save(cell_table(compare_cells()), folder / "cells.png")


def remember(**options):
    """Trains on the adding problem, says how it went, and gives the callbacks that watched."""
    keras.utils.set_random_seed(0)
    train, valid, test = datasets.memory("adding", LENGTH, train=EXAMPLES)
    health, spectrum = callbacks.GradientHealth(every=16), callbacks.RecurrentSpectrum()
    through_time = callbacks.ThroughTime(valid.sample(32), budget=1.0, health=health)
    model = MemoryModel("number", units=32, **options)
    model.fit(train, validation_data=valid, epochs=EPOCHS, verbose=0, callbacks=[health, spectrum, through_time])
    print(f"\n{options}: test mse {model.evaluate(test, verbose=0, return_dict=True)['mse']:.4f}")
    print(through_time.diagnosis.verdict)
    print("cure:", through_time.diagnosis.cure)
    return through_time, spectrum, health


def compose():
    """Trains on the sample of four-part harmony and writes a piece."""
    keras.utils.set_random_seed(0)
    train, valid, _ = datasets.load("music-sample")
    model = MusicGenerator("joint", cell="gru", units=128)
    model.fit(train, validation_data=valid, epochs=MUSIC_EPOCHS, verbose=0)
    print(f"\nmusic: validation {model.evaluate(valid, verbose=0, return_dict=True)}")
    return model.generate(length=48, temperature=0.8, seed=1, steps_per_beat=1)


def compare_cells():
    """Trains every cell on the sample of reviews, and models that are not recurrent."""
    options = {"seeds": CELL_SEEDS, "epochs": CELL_EPOCHS, "units": CELL_UNITS}
    return compare("sentiment", *datasets.load("sentiment-sample"), cells=cell_names(), **options)


def cell_table(comparison):
    """A row a model, best on test data first: each seed's accuracy as a dot, the mean, and what else is to know."""
    table = comparison.summary.sort_values("test")
    figure = Figure(figsize=(9, 1.1 + 0.36 * len(table)), layout="constrained")
    axis = figure.subplots()
    for place, (name, row) in enumerate(table.iterrows()):
        runs = comparison.frame.loc[comparison.frame["model"] == name, "test_accuracy"].to_numpy(float)
        color = KINDS[row["kind"]]
        axis.hlines(place, comparison.chance, row["test"], color=color, linewidth=5, alpha=0.25)
        axis.plot(runs, [place] * len(runs), "o", color=color, markersize=6, alpha=0.7)
        parameters = f"{row['parameters']:,.0f}" if row["parameters"] > 0 else "none"
        reach = f"{row['horizon_min']:.0f} steps" if row["horizon_min"] > 0 else ""
        for x, text in zip((1.04, 1.18, 1.32), (f"{row['test']:.3f}", parameters, reach), strict=True):
            axis.text(x, place, text, va="center", ha="center", fontsize=10)
    for x, title in zip((1.04, 1.18, 1.32), ("mean", "parameters", "errors reach"), strict=True):
        axis.text(x, len(table) - 0.35, title, ha="center", fontsize=10, fontweight="bold")
    axis.set_yticks(range(len(table)), table.index, fontsize=10)
    axis.set(xlim=(0.49, 1.4), ylim=(-0.6, len(table) + 0.1), xticks=[0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    axis.set_xlabel("test accuracy, a dot a seed", loc="left")
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.spines["bottom"].set_bounds(comparison.chance, 1)
    axis.tick_params(axis="y", length=0)
    return figure


def save(figure, path: Path) -> None:
    """A picture small enough for a page."""
    figure.savefig(path, dpi=100)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)  # a palette takes half the bytes
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "figures")
