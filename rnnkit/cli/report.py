"""`rnnkit report`: the page of a run, a search or a comparison, made again from its folder; and runs side by side."""

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.errors import ArgumentError
from rnnkit.report import terminal

Runs = Annotated[
    list[Path], typer.Argument(help="A run folder, a search or a comparison; or several run folders.", metavar="RUN")
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="The file to write; default: report.html in the folder, and for several runs runs.html here.",
        metavar="FILE",
    ),
]
Folder = Annotated[Path, typer.Argument(help="The folder that contains run folders.", metavar="FOLDER")]


def report(runs: Runs, out: Out = None) -> None:
    """Write the page of a run, a search or a comparison again, or one page with several runs side by side."""
    if len(runs) == 1:
        print(_write(runs[0], out))
        return
    from rnnkit.study.files import write_page
    from rnnkit.study.side_by_side import side_by_side

    print(write_page(out or Path("runs.html"), side_by_side(runs)))


def runs(folder: Folder = Path("runs")) -> None:
    """List the runs of a folder with their scores, the newest first."""
    from rnnkit.study.side_by_side import runs_in

    found = runs_in(folder)
    if found.empty:
        raise ArgumentError(
            f"folder: {folder} contains no runs. Name the folder that contains them, or train with rnnkit run."
        )
    terminal.show_table(terminal.console(), found, f"Runs in {folder}, the newest first", "their metrics.json")


def _write(folder: Path, out: Path | None) -> Path:
    from rnnkit.study.files import write_page
    from rnnkit.study.folder import RunFolder

    if (folder / "search.json").is_file():
        from rnnkit.tuning.page import search_report

        return write_page(out or folder / "report.html", search_report(folder))
    if (folder / "comparison.json").is_file():
        from rnnkit.study.comparison.page import comparison_report

        return write_page(out or folder / "report.html", comparison_report(folder))
    return RunFolder(folder).write_report(out)
