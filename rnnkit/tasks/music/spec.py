"""A run of music generation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rnnkit.datasets import Dataset
from rnnkit.tasks.baseline import Baseline
from rnnkit.tasks.music.baselines import KeyMarginals, KeyMarkov
from rnnkit.tasks.music.grid import load_music, read_music
from rnnkit.tasks.music.piece import Piece
from rnnkit.tasks.spec import Results, TaskSpec

PIECES = "pieces"  # their folder
KEPT = 4  # pieces of those that were generated


def key_marginals(train: Dataset, data: Dataset) -> dict[str, float]:
    """See `KeyMarginals`."""
    return {"nll": KeyMarginals().fit(train["roll"]).nll(data["roll"])}


def key_markov(train: Dataset, data: Dataset) -> dict[str, float]:
    """See `KeyMarkov`."""
    return {"nll": KeyMarkov().fit(train["roll"]).nll(data["roll"])}


class MusicSpec(TaskSpec):
    """Piano rolls, or a folder of MIDI files; it leaves pieces, their measures, and what its NLL is worth."""

    task = "music"
    title = "Music"
    about = "Write music, frame by frame."
    time = "2 minutes"
    sample = "music-sample"
    headline = ("nll",)
    counted = "pieces"
    options = ("head", "steps_per_beat")
    suited: ClassVar = {
        "nottingham": {"units": 200, "embedding_dim": 128, "dropout": 0.35, "head_units": 32, "head_dropout": 0.2},
        sample: {"units": 100, "embedding_dim": 64, "dropout": 0.2, "head_units": 32, "head_dropout": 0.2},
    }
    space: ClassVar = {"units": [100, 200, 400], "batch_size": [8, 16, 32]}
    objectives: ClassVar = {"nll": "min", "accuracy": "max"}
    rules: ClassVar = {"train marginals": key_marginals, "per-key Markov chain": key_markov}
    of_files: ClassVar = {"steps_per_beat": "it is the grid of a folder of MIDI files; '{data}' has its own."}

    def load(self, name):
        return load_music(name)

    def read(self, config, path):
        return read_music(path, config.steps_per_beat)

    def model_options(self, config):
        own = super().model_options(config)
        return own if config.head is None else {**own, "head": config.head}

    def baseline(self, train, valid):
        """The NLL of `KeyMarginals`."""
        return Baseline(key_marginals(train, valid)["nll"], epochs=3, steps=100)

    def results(self, model, splits, config, metrics):
        from rnnkit.tasks.music.results import GENERATED, result_tables

        pieces = model.generate(count=GENERATED, seed=config.seed)
        return Results(result_tables(pieces, splits, metrics["test"]["nll"]), artifacts=[WrittenPieces(pieces[:KEPT])])


@dataclass(frozen=True)
class WrittenPieces:
    """Pieces as MIDI files and pictures, numbered, in a folder of their own."""

    pieces: Sequence[Piece]

    def write(self, folder: Path) -> None:
        """Writes them below a run's folder."""
        (folder / PIECES).mkdir(exist_ok=True)
        for number, piece in enumerate(self.pieces, start=1):
            piece.save(folder / PIECES / f"piece-{number}.mid")
            piece.plot().savefig(folder / PIECES / f"piece-{number}.png", dpi=120)
