"""A run of sentiment classification."""

import json
from typing import ClassVar

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.report.terminal import show_table
from rnnkit.tasks.options import COLUMNS, DELIMITER, ENCODING, HEADER, LABEL, TEST, TEXT, VALID, Option
from rnnkit.tasks.parts import Baseline, PageParts, Results, majority_fraction
from rnnkit.tasks.spec import TaskSpec

UNLABELLED = Option(
    *("unlabelled", "File or folder of texts without labels, one on each line, for virtual_adversarial and entropy."),
    panel="Training",
    metavar="FILE",
)


def most_frequent_label(train: Dataset, data: Dataset) -> dict[str, float]:
    """Says the training data's most frequent label to every text."""
    return {"accuracy": majority_fraction(train["label"], data["label"])}


class SentimentSpec(TaskSpec):
    """Texts and labels from a CSV, TSV or JSON lines file."""

    task = "sentiment"
    model = "rnnkit.tasks.sentiment.model:SentimentClassifier"
    title = "Sentiment"
    about = "Classify texts: is a review good or bad?"
    time = "1 minute"
    sample = "sentiment-sample"
    headline = ("accuracy",)
    options = (TEXT, LABEL, COLUMNS, HEADER, DELIMITER, ENCODING, VALID, TEST, UNLABELLED)
    examples = (
        "rnnkit run sentiment --data reviews.csv --text review --label stars --cell gru",
        "rnnkit run sentiment --data sst2 --set bidirectional=true --set learning_rate=5e-4",
        "rnnkit run sentiment --data few.csv --unlabelled more.txt --set virtual_adversarial=1 --set entropy=0.1",
    )
    space: ClassVar = {
        "bidirectional": [True, False],
        "embedding_dim": [64, 128, 256],
        "pooling": ["max", "mean", "attention", "last"],
        "word_dropout": (0.0, 0.3),
    }
    objectives: ClassVar = {"accuracy": "max"}
    rules: ClassVar = {"most frequent label": most_frequent_label}

    def split(self, data, fraction):
        return datasets.stratified_split(data, fraction, [{label} for label in data["label"]])

    def fit_arguments(self, config):
        return {} if config.unlabelled is None else {"unlabelled": config.unlabelled}

    def baseline(self, train, valid):
        """Two points above the most frequent label."""
        return Baseline(most_frequent_label(train, valid)["accuracy"] + 0.02, epochs=2, steps=400)

    def networks(self):
        from rnnkit.tasks.sentiment.networks import BagOfWords, WordConvolution

        return {"bag of words": BagOfWords, "convolution": WordConvolution}

    def results(self, model, splits, config, metrics):
        scores = {part: model.score(getattr(splits, part)) for part in ("test", "valid")}
        tables = {
            "classes": scores["test"].to_frame().reset_index(),
            "confusion": scores["test"].confusion.reset_index(),
            "errors": model.worst_errors(splits.test),
        }
        return Results(tables, {part: {**metrics[part], **each.metrics} for part, each in scores.items()})

    def evaluate(self, console, model, data, folder, name, **options):
        metrics, _ = super().evaluate(console, model, data, folder, name)
        scores = model.score(data)
        return {**metrics, **scores.metrics}, lambda: _show(console, scores.to_frame().reset_index())

    def show(self, console, trained, folder, test):
        _show(console, trained.tables["classes"])
        if len(trained.tables["errors"]):
            show_table(console, trained.tables["errors"], "Wrong answers on test data, worst first", "errors.csv")
        super().show(console, trained, folder, test)
        return f'rnnkit predict {folder} "not bad at all"'

    def answers(self, model, texts, as_json):
        """The label, its probability and the text, with tabs between them."""
        for text, answer in zip(texts, model.classify(texts), strict=True):
            found = {"text": text, "label": answer.label, "score": answer.score}
            yield json.dumps(found, ensure_ascii=False) if as_json else f"{answer.label}\t{answer.score:.4f}\t{text}"

    def answer_rows(self, model, rows, **options):
        answers = model.classify(rows, **options)
        return {"predicted": [each.label for each in answers], "score": [each.score for each in answers]}

    def page(self, folder):
        from rnnkit.report.markup import table

        titles = {
            "classes": "Test data by class",
            "confusion": "Confusion matrix: true labels in rows, predicted labels in columns",
            "errors": "Errors on test data, worst first: wrong answers with the highest probability",
        }
        found = {name: folder.table(name) for name in titles if folder.has(name)}
        return PageParts(tables=[table(each, titles[name], wrap=name == "errors") for name, each in found.items()])

    def web_page(self, model):
        from rnnkit.tasks.web.export import whole_network

        facts = {"words": model.vocabulary.words, "labels": model.labels}
        facts |= {"lowercase": model.lowercase, "max_length": model.max_length}
        return whole_network(model, "A text's sentiment, word by word", ("text.js", "sentiment.js"), facts)


def _show(console, classes) -> None:
    show_table(console, classes, "Scores by class", "classes.csv")
