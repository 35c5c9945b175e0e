"""What came out of a run, and a command to try its model with."""

from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.markup import escape

from rnnkit.report.terminal import show_table, show_words, shown
from rnnkit.study.made import throughput
from rnnkit.tasks.specs import find_spec


def show_results(console: Console, config, trained, folder: Path, test) -> None:
    """Prints what a run has measured, what its model answers, and where everything is.

    Args:
        console: where to print.
        config: a `RunConfig`.
        trained: a `Trained`.
        folder: the run's folder.
        test: the test data.
    """
    metrics = trained.metrics
    figures = [{"data": part, **{n: f"{v:.4f}" for n, v in metrics[part].items()}} for part in ("valid", "test")]
    show_table(console, pd.DataFrame(figures), "Results of the best epoch", "metrics.json")
    console.print(f"{metrics['seconds']:.0f} s of training, {throughput(metrics)}")
    show_table(
        console, trained.health.summary().reset_index(), "Gradient norms by layer, before clipping", "gradients.csv"
    )
    _say_steps(console, trained.health.steps)
    _say_diagnosis(console, trained, config)
    line = find_spec(config.task).show(console, trained, str(folder), test)
    console.print(f"Results are in [bold]{escape(str(folder))}[/]; open report.html there. Try it:", highlight=False)
    console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)


def _say_diagnosis(console: Console, trained, config) -> None:
    """What becomes of the backpropagated gradient through time, or why that is not known."""
    found = trained.diagnosis
    if trained.floor:
        console.print(shown(trained.floor), highlight=False)
    if isinstance(found, str):
        console.print(f"[yellow]There is no diagnosis:[/] {shown(found)}", highlight=False)
        return
    show_words(console, found.verdict, (trained.cause or found).cure, config)


def _say_steps(console: Console, steps) -> None:
    """How many steps were clipped or not taken, where there were any."""
    refused = steps[steps["status"] != "taken"]
    if len(refused):
        reasons = ", ".join(f"{count} {status}" for status, count in refused["status"].value_counts().items() if count)
        console.print(f"[yellow]{len(refused)} steps were skipped[/] ({reasons}); see gradients.csv")
    if steps["clipped"].any():
        console.print(f"clipping was active in {steps['clipped'].mean():.0%} of the recorded steps", highlight=False)
