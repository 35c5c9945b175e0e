"""The pictures of these pages, from real runs of a few minutes: `python docs/make_figures.py [FOLDER]`."""

import sys
from pathlib import Path

import keras
import pandas as pd
from PIL import Image

from rnnkit import MemoryModel, MusicGenerator, callbacks, datasets
from rnnkit.diagnosis.heat_map import heat_map
from rnnkit.initializers import Chrono

LENGTH, EXAMPLES, EPOCHS = 60, 4000, 12
CURE = {"cell": "gru", "recurrent_initializer": Chrono(max_lag=LENGTH - 1)}
MUSIC_EPOCHS = 80


def main(folder: Path) -> None:
    """Writes every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    before, after = remember(cell="simple_rnn"), remember(**CURE)
    profiles = {"simple_rnn, before the cure": before, "gru with a chrono start": after}
    both = pd.concat([watched[0].profile.assign(layer=name) for name, watched in profiles.items()])
    save(heat_map(both), folder / "through_time.png")
    save(before[1].plot(), folder / "spectrum.png")
    save(after[2].plot(), folder / "gradient_health.png")
    save(compose().plot(), folder / "piano_roll.png")


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


def save(figure, path: Path) -> None:
    """A picture small enough for a page."""
    figure.savefig(path, dpi=72)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)  # a palette takes half the bytes
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "figures")
