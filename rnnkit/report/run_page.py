"""The page of a run, made from its folder alone: nothing is trained or measured again."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rnnkit.datasets.memory import MEMORY_PROBLEMS, read_name
from rnnkit.music import Piece
from rnnkit.music.grid import grid_of
from rnnkit.report.markup import Markup, facts, number, table, tag
from rnnkit.report.music import floors, generated
from rnnkit.report.page import Section, conclusion, page, text, tiles
from rnnkit.report.through_time import history_map, sections
from rnnkit.report.training import gradients, learning, spectrum

if TYPE_CHECKING:
    from rnnkit.run_folder import RunFolder

TASKS = {"sentiment": "Sentiment", "ner": "Entities", "memory": "Memory", "music": "Music"}
CELLS = {"lstm": "LSTM", "gru": "GRU", "simple_rnn": "Simple RNN", "min_gru": "minGRU", "min_lstm": "minLSTM"}
TEST = {
    "sentiment": ("accuracy",),
    "ner": ("f1", "precision", "recall"),
    "memory": ("accuracy", "mse", "loss"),
    "music": ("nll",),
}
MORE = ("types", "spectrum", "through_time", "statistics", "baselines")  # where a run has them
LONGEST = 400  # characters of a sample
SHOWN = 60  # rows of a table by class
PICTURES = 2  # of pieces


def run_page(folder: "RunFolder") -> str:
    """The page of a finished run, as text.

    Raises:
        DataError: something is missing or cannot be read; the message names the file.
    """
    config, metrics = folder.config, folder.metrics
    tables = {name: folder.table(name) for name in ("history", "gradients", "samples")}
    more = {name: folder.table(name) for name in MORE if folder.has(name)}
    found, said = folder.diagnosis
    body = [
        _results(metrics, more.get("types"), more.get("baselines")),
        *_music(folder, more),
        learning(tables["history"], metrics["valid"]),
        gradients(tables["gradients"], tables["history"]),
        *_through_time(found, said, more),
        Section(
            "samples",
            "Samples",
            [
                text(PLAYED if config["task"] == "music" else SAMPLES),
                table(tables["samples"].map(_short), "A few of the test examples", wrap=True),
            ],
        ),
        _configuration(config),
        _timing(metrics),
    ]
    return page(f"{_title(config)} · rnnkit", _top(config, metrics, found, said), body)


SAMPLES = "Drawn at random from the test data, beside what the model says."
PLAYED = "Pieces drawn at random from the test data, each with its length in steps and the model's figures on it."


def _top(config, metrics, found, said) -> Markup:
    names = [name for name in TEST.get(config["task"], ()) if name in metrics["test"]][:1] or list(metrics["test"])[:1]
    layers = found.get("layers")
    shown = [
        (f"Test {'NLL' if names[0] == 'nll' else names[0]}", str(number(metrics["test"][names[0]]))),
        ("Cell", f"{CELLS.get(config['cell'], config['cell'])}{_depth(config['layers'])}"),
        ("Epochs", str(metrics["epochs"])),
        ("Training time", _duration(metrics["seconds"])),
    ]
    if layers is not None and "status" in layers:
        shown.insert(1, ("Through time", _worst(layers["status"])))
    parts = [tag("p", "rnnkit · report of a run", class_="over"), tag("h1", _title(config)), tiles(shown)]
    return tag("div", *parts, conclusion(said["verdict"], said["cure"]) if said.get("verdict") else None)


def _title(config) -> str:
    task, data = str(config["task"]), Path(str(config["data"])).name
    return f"{TASKS.get(task, task)} on {data}"


def _results(metrics, types: pd.DataFrame | None, baselines: pd.DataFrame | None) -> Section:
    rows = [{"": split, **metrics[split]} for split in ("test", "valid")]
    shown = table(pd.DataFrame(rows).replace({"valid": "validation"}), "Metrics of the kept epoch")
    by_type = table(types.head(SHOWN), "Entities of the test data, by type") if types is not None else None
    worth = floors(baselines) if baselines is not None else _chance(metrics)
    return Section("results", "Results", [worth, shown, by_type])


def _music(folder: "RunFolder", more) -> list[Section]:
    """What was generated, if it is a run of music."""
    if "statistics" not in more:
        return []
    grid = grid_of(folder.config["data"], folder.config.get("steps_per_beat"))
    pieces = [Piece.load(file, steps_per_beat=grid) for file in folder.pieces[:PICTURES]]
    return [generated(more["statistics"], pieces)]


def _chance(metrics) -> Markup | None:
    """What a figure of a memory problem means."""
    if metrics["task"] != "memory":
        return None
    name, length = read_name(metrics["data"])
    problem = MEMORY_PROBLEMS[name]
    relation = "above" if problem.metric == "accuracy" else "below"
    solved = "solved" if problem.solved(metrics["test"], length) else "not solved"
    return text(
        f"The problem is {solved}: what counts is {problem.metric}, {metrics['test'][problem.metric]:.4f}. An answer "
        f"that remembers nothing reaches {problem.chance(length):.4f}, and {relation} {problem.goal(length):.4f} it "
        "counts as solved."
    )


def _through_time(found, said: Mapping[str, Any], more) -> list[Section]:
    kernels = spectrum(more["spectrum"]) if "spectrum" in more else None
    if found:
        heat = history_map(more["through_time"]) if "through_time" in more else None
        return sections(found, (heat, kernels))
    reason = said.get("missing") or "This run folder holds no diagnosis."
    absent = Section("through-time", "Through time", [text("No diagnosis was made. ", reason)])
    return [absent, Section("spectrum", "Recurrent spectrum", [kernels])] if kernels else [absent]


def _configuration(config) -> Section:
    given = {name: value for name, value in config.items() if value is not None}
    options = {name: value for name, value in given.items() if name != "task"}
    words = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    command = shlex.join(["rnnkit", "run", str(config["task"]), *words])
    again = tag("pre", tag("code", command))
    return Section("configuration", "Configuration", [text("The same run again:"), again, facts(given)])


def _timing(metrics) -> Section:
    speed = {
        "training": _duration(metrics["seconds"]),
        "a second": f"{metrics['examples_per_second']:,.0f} examples",
        "epochs": metrics["epochs"],
    }
    kernels = pd.DataFrame(list(metrics["kernels"].items()), columns=["layer", "kernel and reason"])
    shown = table(kernels, "Kernels", wrap=True) if len(kernels) else None
    return Section(
        "timing", "Timing and versions", [facts(speed), shown, tag("h3", "Versions"), facts(metrics["versions"])]
    )


def _worst(statuses: pd.Series) -> str:
    """The first status that is not healthy, if there is one."""
    return next((str(status) for status in statuses if status != "healthy"), "healthy")


def _depth(layers: int) -> str:
    return f", {layers} layers" if layers > 1 else ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _short(value):
    shown = str(value)
    return shown[: LONGEST - 1] + "…" if len(shown) > LONGEST else value
