"""A run of named entity recognition."""

from rnnkit import datasets
from rnnkit.entities.checks import split_tagged
from rnnkit.errors import ArgumentError
from rnnkit.recipes.recipe import Recipe, Results, columns


class Ner(Recipe):
    """Tagged sentences from a file in CoNLL columns, whatever it is called; it leaves the scores by type."""

    task = "ner"
    title = "Entities"
    sample = "ner-sample"
    headline = ("f1", "precision", "recall")
    options = ("text", "label")

    def read(self, config, path):
        try:
            token, tag = int(config.text or 0), int(config.label or -1)
        except ValueError as error:
            message = f"text, label: expected the numbers of columns, from 0, got {columns(config)}."
            raise ArgumentError(message) from error
        return datasets.read_conll(path, token_column=token, tag_column=tag)

    def split(self, whole):
        return split_tagged(whole)

    def results(self, model, splits, config, metrics):
        return Results({"types": model.score(splits.test).to_frame().reset_index()})
