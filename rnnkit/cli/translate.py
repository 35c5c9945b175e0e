"""`rnnkit translate`: translate with the model of a run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.model import find_model, open_model
from rnnkit.cli.options import Device
from rnnkit.cli.texts import File, Texts, read_texts
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole
from rnnkit.report import terminal
from rnnkit.report.terminal import counted, notices

Run = Annotated[Path, typer.Argument(help="A run folder of rnnkit run translation, or a .keras file.", metavar="RUN")]
Beam = Annotated[int | None, typer.Option(help="Beam width; 1 is greedy. Default: 4.", metavar="N")]
NBest = Annotated[int | None, typer.Option("--n-best", help="Print the N best translations of each text.", metavar="N")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per text.")]


def translate(
    run: Run,
    texts: Texts = None,
    file: File = None,
    beam: Beam = None,
    n_best: NBest = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Translate with a saved model, one line per text; blank lines stay blank.

    With --n-best, N lines per text, best first: the number of the text from 1, the score and the translation, separated
    by tabs.
    """
    _check_sizes(beam, n_best)
    saved = find_model(run, "translation")
    sources = read_texts(texts, file)
    console = terminal.console(stderr=True)
    model = open_model(console, saved, device, "translation")
    from rnnkit.tasks.translation.results import BEAM, translate_lines

    with notices(console), counted(console, "Translating", len(sources)) as progress:
        answers = translate_lines(model, sources, beam or max(BEAM, n_best or 1), n_best, progress)
    for number, (source, answer) in enumerate(zip(sources, answers, strict=True), start=1):
        for line in _lines(number, source, answer, as_json):
            print(line)


def _check_sizes(beam: int | None, n_best: int | None) -> None:
    for name, value in {"beam": beam, "n_best": n_best}.items():
        if value is not None:
            whole(name, value)
    if beam and n_best and n_best > beam:
        raise ArgumentError(f"n_best: expected at most the beam's {beam}, got {n_best}. Give a wider --beam.")


def _lines(number: int, source: str, answer, as_json: bool):
    """What is printed for a text."""
    if isinstance(answer, str):
        yield json.dumps({"source": source, "translation": answer}, ensure_ascii=False) if as_json else answer
    elif as_json:
        found = {"source": source, "translations": [each._asdict() for each in answer]}
        yield json.dumps(found, ensure_ascii=False)
    else:
        yield from (f"{number}\t{each.score:.4f}\t{each.text}" for each in answer)
