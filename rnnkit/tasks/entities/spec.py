"""A run of named entity recognition."""

import json
import sys
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path
from typing import ClassVar

from rich.text import Text

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError
from rnnkit.report.terminal import show_table
from rnnkit.tasks.entities.checks import types_of
from rnnkit.tasks.options import COLUMNS, COMMENT, ENCODING, SEPARATOR, TEST, VALID, Option
from rnnkit.tasks.parts import Baseline, PageParts, Results
from rnnkit.tasks.spec import TaskSpec

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")
SENTENCE = "Ada Lovelace, who lives in London, said on Monday that she works at Hill & King."
SHOWN = 60  # rows of a table by type
OBJECTS = (".json", ".jsonl", ".conllu", ".conllup")  # files whose reader is found by their suffix


def most_frequent_tags(train: Dataset, data: Dataset) -> dict[str, float]:
    """Gives each word the tag that it has most often in training, and O to words that were not seen there."""
    from rnnkit.tasks.entities.schemes import repair
    from rnnkit.tasks.entities.scores import score_entities

    counts: dict[str, Counter] = defaultdict(Counter)
    for words, tags in zip(train["tokens"], train["tags"], strict=True):
        for word, tag in zip(words, repair(tags, "IOB2"), strict=True):
            counts[word][tag] += 1
    known = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
    found = [[known.get(word, "O") for word in words] for words in data["tokens"]]
    scores = score_entities(data["tags"], found)
    return {"f1": scores.f1, "precision": scores.precision, "recall": scores.recall}


class EntitySpec(TaskSpec):
    """Tagged sentences from a file in CoNLL columns, whatever it is called; writes the scores by type."""

    task = "ner"  # as the field says; its folder is `entities`, its class `EntityRecognizer`
    model = "rnnkit.tasks.entities.model:EntityRecognizer"
    title = "Entities"
    about = "Find people, places, organisations and dates."
    time = "1 minute"
    sample = "ner-sample"
    headline = ("f1", "precision", "recall")
    options = (
        Option("text", "Column of the tokens in a file, a number from 0.", panel="Data", metavar="COLUMN"),
        Option("label", "Column of the tags in a file, a number from 0.", panel="Data", metavar="COLUMN"),
        *(COLUMNS, SEPARATOR, COMMENT, ENCODING, VALID, TEST),
    )
    examples = (
        "rnnkit run ner --data tagged.conll --cell gru --units 100",
        "rnnkit run ner --data wnut17 --set char_units=50 --clip global_norm:5",
    )
    space: ClassVar = {
        "units": [50, 100, 200],
        "bidirectional": [True, False],
        "embedding_dim": [50, 100, 200],
        "char_units": [25, 50, 100],
        "word_dropout": (0.0, 0.3),
    }
    objectives: ClassVar = {"f1": "max", "precision": "max", "recall": "max"}
    rules: ClassVar = {"most frequent tag of each word": most_frequent_tags}

    def read(self, config, path):
        told = self.reading(config)
        if Path(path.lower().removesuffix(".gz")).suffix in OBJECTS:
            return datasets.read(path, **told)
        named = {name: told.pop(name) for name in ("text", "label") if name in told}
        try:
            token, tag = int(named.get("text", 0)), int(named.get("label", -1))
        except ValueError as error:
            raise ArgumentError(f"text, label: expected the numbers of columns, from 0, got {named}.") from error
        return datasets.read_conll(path, token_column=token, tag_column=tag, **told)

    def split(self, data, fraction):
        return datasets.stratified_split(data, fraction, types_of(data))

    def baseline(self, train, valid):
        """An F1 of 0."""
        return Baseline(0.0, epochs=4, steps=400)

    def results(self, model, splits, config, metrics):
        return Results({"types": model.score(splits.test).to_frame().reset_index()})

    def evaluate(self, console, model, data, folder, name, **options):
        metrics, _ = super().evaluate(console, model, data, folder, name)
        return metrics, lambda: show_types(console, model.score(data).to_frame().reset_index())

    def show(self, console, trained, folder, test):
        show_types(console, trained.tables["types"])
        console.print("A few sentences of the test data, as the model tags them", style="italic")
        tokens, _ = test.sample(6, seed=0)
        for words, entities in zip(tokens, trained.model.tag(tokens), strict=True):
            console.print(" ", entity_text(" ".join(words), entities, trained.model.types), sep="")
        return f'rnnkit predict {folder} "{SENTENCE}"'

    def answers(self, model, texts, as_json):
        """The text with each entity in brackets, with its type and probability; as JSON their places too."""
        for text, entities in zip(texts, model.tag(texts), strict=True):
            found = {"text": text, "entities": [entity._asdict() for entity in entities]}
            yield json.dumps(found, ensure_ascii=False) if as_json else entity_text(text, entities, model.types)

    def answer_rows(self, model, rows, **options):
        return {"entities": [[each._asdict() for each in row] for row in model.tag(rows, **options)]}

    def page(self, folder):
        from rnnkit.report.markup import table

        types = folder.table("types").head(SHOWN) if folder.has("types") else None
        return PageParts(tables=[] if types is None else [table(types, "Entities of the test data, by type")])

    def web_page(self, model):
        from rnnkit.tasks.web.export import whole_network

        if model.contexts is not None:
            raise ArgumentError(
                "format: a page cannot run the pretrained language model of characters. Choose another format."
            )
        facts = {"words": model.vocabulary.words, "characters": model.spelling.vocabulary.words, "tags": model.tags}
        facts |= {
            "types": model.types,
            "joins": model.get_build_config().get("joins", {}),
            "lowercase": model.lowercase,
        }
        facts |= {"width": model.spelling.width if model.chars else None, "numeric": _numeric_letters()}
        return whole_network(model, "Entities in a text", ("text.js", "tagging.js", "entities.js"), facts)


def _numeric_letters() -> str:
    """Characters with a number's value that are no numbers by their category; JavaScript knows the category alone."""
    every = map(chr, range(sys.maxunicode + 1))
    return "".join(each for each in every if each.isnumeric() and not unicodedata.category(each).startswith("N"))


def show_types(console, scores) -> None:
    """Prints precision, recall and F1 by type of entity."""
    figures = scores.map(lambda value: f"{value:.3f}" if isinstance(value, float) else value)
    show_table(console, figures, "Entities by type", "types.csv")


def entity_text(text: str, entities, types) -> Text:
    """A text with its entities in brackets, coloured by type, each with its type and probability."""
    shown, end = Text(), 0
    for entity in entities:
        shown.append(text[end : entity.start])
        colour = COLOURS[types.index(entity.label) % len(COLOURS)]
        shown.append(f"[{entity.text} {entity.label} {entity.score:.2f}]", style=f"bold {colour}")
        end = entity.end
    return shown.append(text[end:])
