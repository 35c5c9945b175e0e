"""Answers and data on the terminal."""

import contextlib
import shlex
import warnings

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

EXAMPLES = {
    "sentiment": "not bad at all",
    "ner": "Ada Lovelace, who lives in London, said on Monday that she works at Hill & King.",
    "adding": "[[0.5, 1], [0.9, 0], [0.2, 0], [0.25, 1]]",
    "copy": "[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]",
    "temporal-order": "[0, 6, 2, 5, 3, 7, 4, 2, 1]",
}
COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")


def trial(folder: str, task: str, data: str, samples) -> str:
    """A command to try a run's model with."""
    if task == "music":
        return f"rnnkit generate {folder} -o piece.mid"
    if task == "translation":
        return f"rnnkit translate {folder} {shlex.quote(samples['source'].iloc[0])}"
    return f'rnnkit predict {folder} "{EXAMPLES[data.rpartition("-")[0] if task == "memory" else task]}"'


@contextlib.contextmanager
def notices(console: Console):
    """Prints the warnings of what is done within, each once, when it is done."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        console.print(f"[yellow]note:[/] {escape(message)}", highlight=False, soft_wrap=True)


def solved(data: str, metrics) -> str:
    """What chance is on a memory problem, when it counts as solved, and whether it is."""
    from rnnkit.datasets.memory import MEMORY_PROBLEMS, read_name

    name, length = read_name(data)
    problem = MEMORY_PROBLEMS[name]
    relation = "above" if problem.metric == "accuracy" else "below"
    verdict = "solved" if problem.solved(metrics, length) else "not solved"
    chance, goal = f"{problem.chance(length):.4f}", f"{problem.goal(length):.4f}"
    return f"Chance is {problem.metric} {chance}; it counts as solved {relation} {goal}: {verdict}."


def show_answers(console: Console, task: str, model, data, samples) -> None:
    """A few answers to test data; for entities also the scores by type."""
    if task != "ner":
        console.print(data_table(samples, f"A few {'sequences' if task == 'memory' else 'texts'} of the test data"))
        return
    show_types(console, model, data)
    console.print("A few sentences of the test data, as the model tags them", style="italic")
    tokens, _ = data.sample(6, seed=0)
    for words, entities in zip(tokens, model.tag(tokens), strict=True):
        console.print(" ", entity_text(" ".join(words), entities, model.types), sep="")


def show_music(console: Console, statistics, baselines) -> None:
    """What the generated pieces are like, and what the model's NLL is worth."""
    count = statistics.set_index("measure").loc["pieces", "generated"]
    shown = statistics[~statistics["measure"].isin(["pieces", "steps"])].drop(columns="what it is")
    console.print(data_table(shown, f"{count:.0f} generated pieces beside the data (see statistics.csv)"))
    *others, (_, own) = baselines.itertuples(index=False)
    beside = ", ".join(f"{name} {nll:.2f}" for name, nll in others)
    console.print(f"NLL on test data, in nats a step: {own:.2f}. Without a network: {beside}.", highlight=False)


def show_signatures(console: Console, signatures, hypotheses) -> None:
    """How BLEU and chrF were counted, and where the translations are from which both can be counted again."""
    for name, signature in signatures.items():
        console.print(f"{name}: {signature}", highlight=False, soft_wrap=True)
    console.print(f"The translations are in {escape(str(hypotheses))}", highlight=False, soft_wrap=True)


def show_types(console: Console, model, data) -> None:
    """Precision, recall and F1 by type of entity."""
    table = model.score(data).to_frame().reset_index()
    table = table.map(lambda value: f"{value:.3f}" if isinstance(value, float) else value)
    console.print(data_table(table, "Entities by type"))


def entity_text(text: str, entities, types) -> Text:
    """A text with its entities in brackets, coloured by type, each with its type and probability."""
    shown, end = Text(), 0
    for entity in entities:
        shown.append(text[end : entity.start])
        colour = COLOURS[types.index(entity.label) % len(COLOURS)]
        shown.append(f"[{entity.text} {entity.label} {entity.score:.2f}]", style=f"bold {colour}")
        end = entity.end
    return shown.append(text[end:])


def data_table(frame, title: str) -> Table:
    """A DataFrame as a table; numbers get three significant digits."""
    table = Table(*map(str, frame.columns), title=title, title_justify="left")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{cell:.3g}" if isinstance(cell, float) else escape(str(cell)) for cell in row))
    return table
