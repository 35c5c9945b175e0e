"""Answers and data on the terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

EXAMPLES = {"sentiment": "not bad at all", "ner": "Ada Lovelace wrote to Charles Babbage from London on 5 July 1843."}
COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")


def show_answers(console: Console, task: str, model, data, samples) -> None:
    """A few answers to test data; for entities also the scores by type."""
    if task != "ner":
        console.print(data_table(samples, "A few texts of the test data"))
        return
    show_types(console, model, data)
    console.print("A few sentences of the test data, as the model tags them", style="italic")
    tokens, _ = data.sample(6, seed=0)
    for words, entities in zip(tokens, model.tag(tokens), strict=True):
        console.print(" ", entity_text(" ".join(words), entities, model.types), sep="")


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
