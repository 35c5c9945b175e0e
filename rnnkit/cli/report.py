"""`rnnkit report`: a run's page, made again from its folder."""

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.options import Run

Out = Annotated[Path | None, typer.Option(help="The file to write; default: report.html in the run folder.")]


def report(run: Run, out: Out = None) -> None:
    """Write a run's page again, from what lies in its folder, and print where it is."""
    from rnnkit.study.folder import RunFolder

    print(RunFolder(run).write_report(out))
