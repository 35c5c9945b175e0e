"""`rnnkit report`: the page of a run, a search or a comparison, made again from its folder."""

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.options import Run

Out = Annotated[Path | None, typer.Option(help="The file to write; default: report.html in the run folder.")]


def report(run: Run, out: Out = None) -> None:
    """Write the page of a run, a search or a comparison again, from its folder, and print where it is."""
    print(_write(run, out))


def _write(folder: Path, out: Path | None) -> Path:
    from rnnkit.study.files import write_page
    from rnnkit.study.folder import RunFolder

    if (folder / "search.json").is_file():
        from rnnkit.tuning.page import search_report

        return write_page(out or folder / "report.html", search_report(folder))
    if (folder / "comparison.json").is_file():
        from rnnkit.comparison.page import comparison_report

        return write_page(out or folder / "report.html", comparison_report(folder))
    return RunFolder(folder).write_report(out)
