"""A run of named entity recognition."""

from collections import Counter, defaultdict
from typing import ClassVar

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.datasets.splits import three_parts
from rnnkit.errors import ArgumentError
from rnnkit.tasks.baseline import Baseline
from rnnkit.tasks.entities.checks import types_of
from rnnkit.tasks.spec import Results, TaskSpec, columns


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
    """Tagged sentences from a file in CoNLL columns, whatever it is called; it leaves the scores by type."""

    task = "ner"
    title = "Entities"
    about = "Find people, places, organisations and dates."
    time = "1 minute"
    sample = "ner-sample"
    headline = ("f1", "precision", "recall")
    options = ("text", "label")
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
        try:
            token, tag = int(config.text or 0), int(config.label or -1)
        except ValueError as error:
            message = f"text, label: expected the numbers of columns, from 0, got {columns(config)}."
            raise ArgumentError(message) from error
        return datasets.read_conll(path, token_column=token, tag_column=tag)

    def split(self, whole):
        return three_parts(whole, types_of(whole))

    def baseline(self, train, valid):
        """An F1 of 0."""
        return Baseline(0.0, epochs=4, steps=400)

    def results(self, model, splits, config, metrics):
        return Results({"types": model.score(splits.test).to_frame().reset_index()})
