"""The options of `rnnkit run`, and those that several commands take; the others stand beside their command."""

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli import completion
from rnnkit.recurrent.table import cell_names
from rnnkit.study.devices import DEVICES
from rnnkit.tasks.config import PRECISIONS

Task = Annotated[
    str | None,
    typer.Argument(
        help="What to train: sentiment, ner, memory, music or translation; without it, a list of them.",
        autocompletion=completion.tasks,
    ),
]
Run = Annotated[Path, typer.Argument(help="A run folder, as rnnkit run made it.")]
Data = Annotated[
    str | None,
    typer.Option(
        help="A built-in sample (the default), a public data set's name (see: rnnkit data list), or a file; "
        "for music, a folder of MIDI files; for translation, a text, a tab and its translation on each line.",
        autocompletion=completion.data,
    ),
]
Cell = Annotated[
    str | None,
    typer.Option(help=f"One of {', '.join(cell_names())}; default by task.", autocompletion=completion.cells),
]
Units = Annotated[int | None, typer.Option(help="Width of each direction of a recurrent layer; default by task.")]
Layers = Annotated[int, typer.Option(help="Recurrent layers.")]
Activation = Annotated[str | None, typer.Option(help="Of the cell, such as tanh, relu or sigmoid; default by cell.")]
Initializer = Annotated[
    str | None,
    typer.Option(
        help="Start of the recurrent weights: orthogonal, identity, glorot_uniform or chrono; default by cell.",
        autocompletion=completion.among("orthogonal", "identity", "glorot_uniform", "chrono"),
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Epochs; without it, until validation no longer improves.")]
BatchSize = Annotated[int | None, typer.Option(help="Examples a training step; default: the task's own.")]
Seed = Annotated[int, typer.Option(help="Sets all randomness.")]
Device = Annotated[str, typer.Option(help="auto, cpu or gpu.", autocompletion=completion.among(*DEVICES))]
Devices = Annotated[int, typer.Option(help="Devices that share each batch: so many GPUs, or parts of the CPU.")]
Precision = Annotated[
    str,
    typer.Option(
        help="float32; mixed_float16 or mixed_bfloat16, for a GPU.",
        autocompletion=completion.among(*PRECISIONS),
    ),
]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="The same numbers each time on one machine; slower.")
]
Out = Annotated[Path | None, typer.Option(help="The run's folder; must be new. Default: runs/TASK-DATA-CELL-TIME.")]
Text = Annotated[str | None, typer.Option(help="The column of texts in a file; for ner, of tokens, a number from 0.")]
Label = Annotated[str | None, typer.Option(help="The column of labels in a file; for ner, of tags, a number from 0.")]
Clip = Annotated[
    str | None,
    typer.Option(
        help="Clip gradients: value, norm, global_norm, adaptive, percentile or zscore; RULE or RULE:THRESHOLD.",
        autocompletion=completion.rules,
    ),
]
Problem = Annotated[
    str | None, typer.Option(help="For memory: adding (the default), copy or temporal-order.", show_default=False)
]
Length = Annotated[
    int | None, typer.Option(help="For memory: steps of a sequence; for copy, blank steps. Default: 100.")
]
Head = Annotated[
    str | None, typer.Option(help="For music: joint chords (default), or independent keys, as most papers measure.")
]
Grid = Annotated[
    int | None,
    typer.Option(help="For a folder of MIDI files: the grid, steps of a quarter note. Default: 4."),
]
Target = Annotated[
    Path | None, typer.Option(help="For translation: a file with the translations of the lines of --data.")
]
Attention = Annotated[
    str | None, typer.Option(help="For translation: additive, dot, general, or none; default: general.")
]
Resume = Annotated[
    Path | None, typer.Option(help="The folder of a run that was broken off: go on with it, with its own options.")
]
Json = Annotated[bool, typer.Option("--json", help="Print metrics.json as the last line.")]
