"""A run of music generation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError
from rnnkit.report.terminal import show_table
from rnnkit.tasks.music.baselines import KeyMarginals, KeyMarkov
from rnnkit.tasks.music.grid import grid_of, load_music, read_music
from rnnkit.tasks.music.piece import Piece
from rnnkit.tasks.options import DATA, TEST, VALID, Option, counting
from rnnkit.tasks.parts import Baseline, PageParts, Results
from rnnkit.tasks.spec import TaskSpec

PIECES = "pieces"  # their folder
GENERATED = 20  # pieces, to be measured
KEPT = 4  # pieces of those that were generated
PICTURES = 2  # of pieces, on a page


def key_marginals(train: Dataset, data: Dataset) -> dict[str, float]:
    """See `KeyMarginals`."""
    return {"nll": KeyMarginals().fit(train["roll"]).nll(data["roll"])}


def key_markov(train: Dataset, data: Dataset) -> dict[str, float]:
    """See `KeyMarkov`."""
    return {"nll": KeyMarkov().fit(train["roll"]).nll(data["roll"])}


class MusicSpec(TaskSpec):
    """Piano rolls, or a folder of MIDI files; writes pieces, their statistics, and the NLL of baselines."""

    task = "music"
    model = "rnnkit.tasks.music.model:MusicGenerator"
    title = "Music"
    about = "Write music, frame by frame."
    time = "2 minutes"
    sample = "music-sample"
    extra, packages = "music", ("mido", "pretty_midi")
    headline = ("nll",)
    counted = "pieces"
    options = (
        replace(DATA, help="A built-in sample (the default), a public data set, or a folder of MIDI files."),
        Option(
            *("head", "How the keys of a frame depend on each other: joint (default) or independent, as most papers"),
            metavar="NAME",
            suggested=("joint", "independent"),
        ),
        Option(
            *("steps_per_beat", "Grid of a folder of MIDI files, steps per quarter note. Default: 4.", int),
            panel="Data",
            metavar="N",
            check=counting,
            of_files="it is the grid of a folder of MIDI files; '{data}' has its own.",
        ),
        *(VALID, TEST),
    )
    examples = (
        "rnnkit run music --data tunes/ --steps-per-beat 4 --cell gru",
        "rnnkit run music --data jsb --head independent --units 200",
    )
    suited: ClassVar = {
        "nottingham": {"units": 200, "embedding_dim": 128, "dropout": 0.35, "head_units": 32, "head_dropout": 0.2},
        sample: {"units": 100, "embedding_dim": 64, "dropout": 0.2, "head_units": 32, "head_dropout": 0.2},
    }
    space: ClassVar = {"units": [100, 200, 400], "batch_size": [8, 16, 32]}
    objectives: ClassVar = {"nll": "min", "accuracy": "max"}
    rules: ClassVar = {"train marginals": key_marginals, "per-key Markov chain": key_markov}

    def load(self, name):
        return load_music(name)

    def read(self, config, path):
        return read_music(path, config.steps_per_beat)

    def model_arguments(self, config):
        own = super().model_arguments(config)
        return own if config.head is None else {**own, "head": config.head}

    def baseline(self, train, valid):
        """The NLL of `KeyMarginals`."""
        return Baseline(key_marginals(train, valid)["nll"], epochs=3, steps=100)

    def results(self, model, splits, config, metrics):
        from rnnkit.tasks.music.statistics import result_tables

        pieces = model.generate(count=GENERATED, seed=config.seed)
        return Results(result_tables(pieces, splits, metrics["test"]["nll"]), artifacts=[WrittenPieces(pieces[:KEPT])])

    def show(self, console, trained, folder, test):
        statistics, baselines = trained.tables["statistics"], trained.tables["baselines"]
        count = statistics.set_index("measure").loc["pieces", "generated"]
        shown = statistics[~statistics["measure"].isin(["pieces", "steps"])].drop(columns="what it is")
        show_table(console, shown, f"{count:.0f} generated pieces compared with the data (see statistics.csv)")
        *others, (_, own) = baselines.itertuples(index=False)
        floors = ", ".join(f"{name} {nll:.2f}" for name, nll in others)
        console.print(f"NLL on test data, in nats per frame: {own:.2f}. Without a network: {floors}.", highlight=False)
        return f"rnnkit generate {folder} -o piece.mid"

    def check_predict(self, run, **options):
        raise ArgumentError(f"run: {run} is a run of music. Use rnnkit generate {run} -o piece.mid.")

    def page(self, folder):
        from rnnkit.tasks.music.page import floors, generated

        if not folder.has("statistics"):
            return PageParts()
        grid = grid_of(folder.config["data"], folder.config.get("steps_per_beat"))
        pieces = [Piece.load(file, steps_per_beat=grid) for file in midi_files(folder.path)[:PICTURES]]
        return PageParts(
            lead=floors(folder.table("baselines")) if folder.has("baselines") else None,
            sections=[generated(folder.table("statistics"), pieces)],
            samples="Pieces drawn at random from the test data, each with its length in steps and the model's figures.",
        )

    def web_page(self, model):
        from rnnkit.tasks.music.generation import find_grid
        from rnnkit.tasks.web.export import by_steps

        learned = model.get_build_config()
        grid = find_grid({"steps_per_beat": None, "tempo": None}, None, learned["grid"])
        facts = {name: learned[name] for name in ("max_notes", "max_hold", "max_silence")}
        facts |= {"playable": [key for key, count in enumerate(learned["sounding"]) if count]}
        facts |= {"seconds": 60 / grid["tempo"] / grid["steps_per_beat"]}
        return by_steps(model, "Music as it is drawn", ("step.js", "music.js"), facts)


def midi_files(run: Path) -> list[Path]:
    """The pieces that a run has generated."""
    return sorted((run / PIECES).glob("*.mid"))


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
