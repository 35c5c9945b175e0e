"""`rnnkit diagnose`: how far the gradient of a run's model reaches back through time, and what to do about it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from rnnkit.cli.model import check_data_options, data_of, data_options, find_model, open_model, spec_of_model
from rnnkit.cli.options import Device, Run, command, union
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole
from rnnkit.report import terminal
from rnnkit.report.terminal import notices, reading, show_table, show_words
from rnnkit.tasks.specs import find_spec

if TYPE_CHECKING:
    from rnnkit.report.page import Section

SHOWN = ("layer", "path", "status", "gain", "horizon", "half_life")
Examples = Annotated[int, typer.Option(help="Number of sequences to measure on, 2 or more.", metavar="N")]
Out = Annotated[
    Path | None, typer.Option(help="Also write a page with all tables and figures, an .html file.", metavar="FILE")
]


def _diagnose(
    run: Run, options: dict[str, Any], examples: Examples = 64, out: Out = None, device: Device = "auto"
) -> None:
    """Measure how far gradients reach back through time, and say what is wrong and what to try.

    Measured on validation data of the run, or on the data named with --data, which a .keras file needs.
    """
    whole("examples", examples, least=2)
    if out is not None and not out.parent.is_dir():
        raise ArgumentError(f"out: there is no folder {out.parent}. Make it first, or name another.")
    saved = find_model(run)
    console = terminal.console()
    model = None if saved.task else open_model(console, saved, device)
    spec = find_spec(saved.task) if saved.task else spec_of_model(model, run)
    check_data_options(spec, options)
    with reading(console, options["data"] or (saved.config.data if saved.config else None)):
        data = data_of(spec, saved, options, "valid")
    model = model or open_model(console, saved, device)
    import rnnkit
    from rnnkit.study.made import made, made_section, running_command

    with notices(console), console.status("Measuring gradients through time"):
        found = rnnkit.diagnose(model, *data.sample(examples))
    title = "Gradients through time by layer, horizon and half-life in steps"
    if "c" in set(found.layers["path"]):
        title += "; path h: by the output alone, c: by the memory cell alone"
    show_table(console, found.layers[list(SHOWN)], title, "the page that --out writes")
    show_words(console, found.verdict, found.cure, saved.config)
    if out is not None:
        told = {**made(sequences=data.take(range(min(examples, len(data))))), "command": running_command()}
        trained_on = options["data"] or (saved.config.data if saved.config else None)
        settings = {"model": str(saved.file), "data": trained_on, "parameters": f"{model.count_params():,}"}
        _write(console, found, out, made_section(told, settings))


diagnose = command("diagnose", _diagnose, union(data_options), _diagnose.__doc__ or "")


def _write(console: Console, found, out: Path, how_made: "Section") -> None:
    from rnnkit.diagnosis.page import diagnosis_page
    from rnnkit.report.page import extended
    from rnnkit.study.files import write_page

    write_page(out, extended(diagnosis_page(found), how_made))
    console.print(f"All tables and figures are in [bold]{escape(str(out))}[/]", highlight=False, soft_wrap=True)
