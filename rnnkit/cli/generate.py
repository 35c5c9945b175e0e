"""`rnnkit generate`: pieces of music, or text, from a trained model."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from rnnkit.cli.model import find_model, open_model
from rnnkit.cli.options import Device
from rnnkit.errors import ArgumentError, DataError
from rnnkit.report import terminal
from rnnkit.tasks.sampling import check_seed, sampling_settings

Run = Annotated[
    Path, typer.Argument(help="A run folder of music or of a language model, or a .keras file.", metavar="RUN")
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="The MIDI file to write. Several pieces are numbered: NAME-1.mid, ...", metavar="FILE"
    ),
]
Prompt = Annotated[str | None, typer.Option(help="Of a language model: the text to continue.", metavar="TEXT")]
Primer = Annotated[Path | None, typer.Option(help="A MIDI file to continue; the pieces begin with it.", metavar="FILE")]
Length = Annotated[
    int | None,
    typer.Option(
        help="Steps of a piece with its primer (default: as training pieces), or tokens of a text (500).", metavar="N"
    ),
]
Count = Annotated[int, typer.Option(help="Number of pieces.", metavar="N")]
Temperature = Annotated[float, typer.Option(help="Sampling temperature: below 1 safer, above 1 bolder.", metavar="T")]
TopK = Annotated[int | None, typer.Option("--top-k", help="Sample from the K most probable choices only.", metavar="K")]
TopP = Annotated[
    float | None,
    typer.Option("--top-p", help="Sample from the most probable choices whose probabilities sum to P.", metavar="P"),
]
Seed = Annotated[int | None, typer.Option(help="Random seed; without it, the pieces are new each time.", metavar="N")]
Grid = Annotated[
    int | None, typer.Option(help="Steps per quarter note; default: as in the training data.", metavar="N")
]
Tempo = Annotated[
    float | None, typer.Option(help="Quarter notes per minute; default: as in the primer, or 120.", metavar="BPM")
]
Wav = Annotated[
    Path | None, typer.Option(help="Also write the sound as a WAV file, numbered likewise.", metavar="FILE")
]
Plot = Annotated[
    Path | None, typer.Option(help="Also write the piano roll: .png, .svg or .pdf, numbered likewise.", metavar="FILE")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]

TEXT = "language-model"
LENGTH = 500  # tokens of a text
MOST_STEPS = 1_000_000  # of all pieces together
SUFFIXES = {"out": (".mid", ".midi"), "wav": (".wav",), "plot": (".png", ".svg", ".pdf")}


def generate(
    run: Run,
    out: Out = None,
    prompt: Prompt = None,
    primer: Primer = None,
    length: Length = None,
    count: Count = 1,
    temperature: Temperature = 1.0,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: Seed = None,
    steps_per_beat: Grid = None,
    tempo: Tempo = None,
    wav: Wav = None,
    plot: Plot = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
) -> None:
    """Generate music as MIDI files, or print text, from scratch or continuing a primer or prompt.

    Existing files are kept, unless --overwrite is given.
    """
    _check_sizes(count, length or 1)
    check_seed(seed)
    drawn = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "seed": seed}
    saved = find_model(run, "music", TEXT)
    if saved.task == TEXT or prompt is not None:
        of_music = {"out": out, "primer": primer, "steps_per_beat": steps_per_beat, "tempo": tempo}
        of_music |= {"wav": wav, "plot": plot}
        _print_text(run, prompt or "", length or LENGTH, count, drawn, of_music, device)
        return
    if out is None:
        raise ArgumentError("out: expected the MIDI file to write, such as --out piece.mid.")
    wanted = {"out": out, "wav": wav, "plot": plot}
    files = {name: _numbered(name, path, count, overwrite) for name, path in wanted.items() if path is not None}
    if primer is not None:
        _check_primer(primer)
    seed = secrets.randbelow(2**31) if seed is None else seed
    console = terminal.console()
    model = open_model(console, saved, device, "music")
    with console.status("Generating"):
        pieces = model.generate(
            count=count,
            length=length,
            primer=primer,
            **{**drawn, "seed": seed},
            steps_per_beat=steps_per_beat,
            tempo=tempo,
        )
    for number, piece in enumerate([pieces] if count == 1 else pieces):
        _write(piece, {name: paths[number] for name, paths in files.items()})
        console.print(f"[bold]{escape(str(files['out'][number]))}[/]  {piece!r}", highlight=False, soft_wrap=True)
    console.print(f"seed {seed}", highlight=False)


def _print_text(run, prompt: str, length: int, count: int, drawn: dict, of_music: dict, device) -> None:
    """Prints texts as they are drawn, each behind its prompt."""
    if wrong := [name for name, value in of_music.items() if value is not None]:
        raise ArgumentError(f"{', '.join(wrong)}: a language model writes text, to standard output. Leave it out.")
    sampling_settings(**{name: value for name, value in drawn.items() if name != "seed"})
    saved = find_model(run, TEXT)
    seed = secrets.randbelow(2**31) if drawn["seed"] is None else drawn["seed"]
    console = terminal.console(stderr=True)
    model = open_model(console, saved, device, TEXT)
    for number in range(count):
        pieces = model.stream(prompt, length, **{**drawn, "seed": seed + number}, ends=False)
        print(prompt, end="")
        for piece in pieces:
            print(piece, end="", flush=True)
        print()
    console.print(f"seed {seed}", highlight=False)


def _check_sizes(count: int, length: int) -> None:
    """What the model itself would only notice when memory is used up."""
    if not 1 <= count <= MOST_STEPS // max(length, 1):
        raise ArgumentError(f"count: expected at least 1, and {MOST_STEPS} steps in all at most, got {count}.")


def _numbered(name: str, path: Path, count: int, overwrite: bool) -> list[Path]:
    """The files to write, which may be written as far as one can tell before."""
    if path.suffix.lower() not in SUFFIXES[name]:
        raise ArgumentError(f"{name}: expected a name that ends in {' or '.join(SUFFIXES[name])}, got '{path}'.")
    if not path.parent.is_dir():
        raise ArgumentError(f"{name}: there is no folder {path.parent}. Make it first, or name another.")
    numbered = [path.with_name(f"{path.stem}-{number}{path.suffix}") for number in range(1, count + 1)]
    files = [path] if count == 1 else numbered
    for file in files:
        if file.exists() and not (overwrite and file.is_file()):
            raise ArgumentError(f"{name}: {file} exists already. Name another file, or add --overwrite.")
    return files


def _check_primer(path: Path) -> None:
    """What is wrong with a primer on any grid is said before TensorFlow starts."""
    from rnnkit.tasks.music import Piece

    if not Piece.load(path, steps_per_beat=1).roll.any():
        raise DataError(f"primer: {path} has no notes that the piano's keys can play, drums left out. Name another.")


def _write(piece, files: dict[str, Path]) -> None:
    """Sound and picture first: where one of them cannot be made, there is no MIDI file either."""
    if "wav" in files:
        _write_whole(files["wav"], piece.synthesize)
    if "plot" in files:
        figure = piece.plot()
        _write_whole(files["plot"], lambda path: figure.savefig(path, dpi=120))
    _write_whole(files["out"], piece.save)


def _write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Gives a file its name when all of it is there: a full disk or Ctrl-C leaves what was there before."""
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        write(part)
        part.replace(path)
    except OSError as error:
        raise ArgumentError(f"out, wav, plot: {path} cannot be written ({error.strerror}).") from error
    finally:
        part.unlink(missing_ok=True)
