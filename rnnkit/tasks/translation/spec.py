"""A run of translation."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rnnkit import datasets
from rnnkit.datasets import Dataset, Splits
from rnnkit.tasks.spec import Results, TaskSpec, columns

if TYPE_CHECKING:
    from rnnkit.tasks.translation.results import TranslatedSet

TABLES = (".csv", ".jsonl", ".json")  # files of pairs whose columns have names
FOLDER = "translations"
NO_ATTENTION = "none"
# The sample is small, and without noise: what keeps a model of real language from overfitting only slows it down here.
SMALL: dict[str, Any] = {
    "cell": "lstm",
    "units": 96,
    "embedding_dim": 128,
    "vocabulary_size": 1000,
    "dropout": 0.1,
    "label_smoothing": 0.0,
}
SMALL_RATE = 3e-3


def copied_source(train: Dataset, data: Dataset) -> dict[str, float]:
    """Leaves each text as it is."""
    from rnnkit.tasks.translation.scores import score_translations

    scores = score_translations(data["source"], data["target"])
    return {"bleu": scores.bleu, "chrf": scores.chrf, "exact_match": scores.exact_match}


class TranslationSpec(TaskSpec):
    """Pairs of sentences; it leaves its translations, with their sources and references.

    A file is read as `datasets.read_pairs` does, unless columns are named or its suffix is that of a table with names:
    `source` and `target` where no others are given.
    """

    task = "translation"
    title = "Translation"
    about = "Translate sentences, with attention."
    time = "4 minutes"
    sample = "translation-sample"
    cell = "gru"
    headline = ("bleu", "chrf", "exact_match")
    counted = "pairs"
    suited: ClassVar = {sample: SMALL}
    options = ("text", "label", "target", "attention")
    space: ClassVar = {
        "cell": ["gru", "lstm"],
        "units": [128, 256, 512],
        "embedding_dim": [128, 256],
        "attention": ["general", "additive"],
        "label_smoothing": (0.0, 0.2),
    }
    objectives: ClassVar = {"bleu": "max", "chrf": "max", "exact_match": "max", "perplexity": "min"}
    rules: ClassVar = {"source left as it is": copied_source}
    of_files: ClassVar = {"target": "'{data}' has its own translations. Leave the file of translations out."}

    def read(self, config, path):
        named = columns(config)
        if config.target is not None or not (named or path.lower().removesuffix(".gz").endswith(TABLES)):
            return datasets.read_pairs(path, config.target)
        table = datasets.read(path, **{"text": "source", "label": "target", **named})
        return Dataset({"source": table["text"], "target": table["label"]}, name=table.name)

    def split(self, whole):
        rest, test = datasets.split_pairs(whole, 0.1, seed=0)
        return Splits(*datasets.split_pairs(rest, 1 / 9, seed=0), test)

    def model_options(self, config):
        own = super().model_options(config)
        if config.attention is None:
            return own
        return {**own, "attention": None if config.attention == NO_ATTENTION else config.attention}

    def compile(self, model, config):
        if config.data == self.sample:
            from rnnkit.optimizers import Adam

            model.compile(Adam(SMALL_RATE, global_clipnorm=1.0))

    def results(self, model, splits, config, metrics):
        from rnnkit.tasks.translation.results import BEAM, translate_set

        sets = {part: translate_set(model, getattr(splits, part)) for part in ("test", "valid")}
        more = {"beam": BEAM, "signatures": sets["test"].signatures}
        for part, translated in sets.items():
            more[part] = {**metrics[part], **translated.metrics}
        return Results(metrics=more, artifacts=[Written(translated, part) for part, translated in sets.items()])


@dataclass(frozen=True)
class Written:
    """A translated set, named."""

    translated: "TranslatedSet"
    name: str

    def write(self, folder: Path) -> None:
        """Writes its files below a run's folder."""
        self.translated.write(folder / FOLDER, self.name)
