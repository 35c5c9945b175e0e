"""What came out of a run, for each task, and a command to try its model with."""

import shlex
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rnnkit.cli.diagnose import show_words
from rnnkit.cli.show import data_table, entity_text, show_signatures, show_types, shown

SEQUENCES = {
    "adding": "[[0.5, 1], [0.9, 0], [0.2, 0], [0.25, 1]]",
    "copy": "[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]",
    "temporal-order": "[0, 6, 2, 5, 3, 7, 4, 2, 1]",
}
SENTENCE = "Ada Lovelace, who lives in London, said on Monday that she works at Hill & King."


def show_results(console: Console, trained, folder: Path, test) -> None:
    """Prints what a run has measured, what its model answers, and where everything is.

    Args:
        console: where to print.
        trained: a `Trained`.
        folder: the run's folder.
        test: the test data.
    """
    metrics = trained.metrics
    table = Table("", *metrics["test"], title="Results of the best epoch", title_justify="left")
    for split in ("valid", "test"):
        table.add_row(split, *(f"{value:.4f}" for value in metrics[split].values()))
    console.print(table)
    console.print(f"{metrics['seconds']:.0f} s, {metrics['examples_per_second']:.0f} examples/s")
    console.print(data_table(trained.health.summary().reset_index(), "Gradient norms by layer, before clipping"))
    _say_steps(console, trained.health.steps)
    _say_diagnosis(console, trained)
    command = OUTCOMES[metrics["task"]](console, trained, str(folder), test)
    console.print(f"Everything is in [bold]{escape(str(folder))}[/]; open report.html there. Try it:", highlight=False)
    console.print(f"  {escape(command)}", highlight=False, soft_wrap=True)


def _say_diagnosis(console: Console, trained) -> None:
    """What becomes of errors on their way back through time, or why that is not known."""
    found = trained.diagnosis
    if isinstance(found, str):
        console.print(f"[yellow]There is no diagnosis:[/] {shown(found)}", highlight=False)
        return
    show_words(console, found.verdict, (trained.cause or found).cure)


def _say_steps(console: Console, steps) -> None:
    """How many steps were clipped or not taken, where there were any."""
    refused = steps[steps["status"] != "taken"]
    if len(refused):
        reasons = ", ".join(f"{count} {status}" for status, count in refused["status"].value_counts().items() if count)
        console.print(f"[yellow]{len(refused)} steps were not taken[/] ({reasons}); see gradients.csv")
    if steps["clipped"].any():
        console.print(f"clipping made {steps['clipped'].mean():.0%} of the recorded steps smaller", highlight=False)


def _sentiment(console, trained, folder, test) -> str:
    console.print(data_table(trained.samples, "A few texts of the test data"))
    return f'rnnkit predict {folder} "not bad at all"'


def _ner(console, trained, folder, test) -> str:
    show_types(console, trained.tables["types"])
    console.print("A few sentences of the test data, as the model tags them", style="italic")
    tokens, _ = test.sample(6, seed=0)
    for words, entities in zip(tokens, trained.model.tag(tokens), strict=True):
        console.print(" ", entity_text(" ".join(words), entities, trained.model.types), sep="")
    return f'rnnkit predict {folder} "{SENTENCE}"'


def _memory(console, trained, folder, test) -> str:
    from rnnkit.tasks.memory.spec import worth

    console.print(data_table(trained.samples, "A few sequences of the test data"))
    console.print(worth(trained.metrics), highlight=False, soft_wrap=True)
    return f'rnnkit predict {folder} "{SEQUENCES[trained.metrics["data"].rpartition("-")[0]]}"'


def _music(console, trained, folder, test) -> str:
    statistics, baselines = trained.tables["statistics"], trained.tables["baselines"]
    count = statistics.set_index("measure").loc["pieces", "generated"]
    shown = statistics[~statistics["measure"].isin(["pieces", "steps"])].drop(columns="what it is")
    console.print(data_table(shown, f"{count:.0f} generated pieces beside the data (see statistics.csv)"))
    *others, (_, own) = baselines.itertuples(index=False)
    beside = ", ".join(f"{name} {nll:.2f}" for name, nll in others)
    console.print(f"NLL on test data, in nats a step: {own:.2f}. Without a network: {beside}.", highlight=False)
    return f"rnnkit generate {folder} -o piece.mid"


def _translation(console, trained, folder, test) -> str:
    console.print(data_table(trained.samples, "A few texts of the test data"))
    show_signatures(console, trained.metrics["signatures"], f"{folder}/translations/test.hypotheses.txt")
    return f"rnnkit translate {folder} {shlex.quote(trained.samples['source'].iloc[0])}"


OUTCOMES = {"sentiment": _sentiment, "ner": _ner, "memory": _memory, "music": _music, "translation": _translation}
