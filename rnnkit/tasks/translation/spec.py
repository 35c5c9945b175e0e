"""A run of translation."""

import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.markup import escape

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError
from rnnkit.report.terminal import counted, notices
from rnnkit.tasks.options import COLUMNS, DATA, ENCODING, HEADER, LABEL, TEST, TEXT, VALID, Option, counting
from rnnkit.tasks.parts import Results
from rnnkit.tasks.spec import TaskSpec

if TYPE_CHECKING:
    from rnnkit.tasks.translation.results import TranslatedSet

TABLES = (".csv", ".jsonl", ".json")  # files of pairs whose columns have names
FOLDER = "translations"
NO_ATTENTION = "none"
BEAM = Option("beam", "Beam width; 1 is greedy. Default: 4.", int, metavar="N", check=counting)
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
    from rnnkit.tasks.translation.scores import bleu_tokenizer, score_translations

    scores = score_translations(data["source"], data["target"], bleu_tokenizer(train["target"]))
    return {"bleu": scores.bleu, "chrf": scores.chrf, "exact_match": scores.exact_match}


class TranslationSpec(TaskSpec):
    """Pairs of sentences; writes its translations, with their sources and references.

    A file is read as `datasets.read_pairs` does, unless columns are named or its suffix is that of a table with names:
    `source` and `target` where no others are given.
    """

    task = "translation"
    model = "rnnkit.tasks.translation.model:Translator"
    title = "Translation"
    about = "Translate sentences, with attention."
    time = "4 minutes"
    sample = "translation-sample"
    extra, packages = "translation", ("tokenizers", "sacrebleu")
    cell = "gru"
    headline = ("bleu", "chrf", "exact_match")
    counted = "pairs"
    suited: ClassVar = {sample: SMALL}
    options = (
        replace(DATA, help="A built-in sample (the default), a public data set, or lines of text TAB translation."),
        replace(TEXT, help="Column of the texts in a file, by name."),
        replace(LABEL, help="Column of the translations in a file, by name."),
        Option(
            *("target", "File with the translations of the lines of --data."),
            panel="Data",
            metavar="FILE",
            of_files="'{data}' has its own translations. Leave the file of translations out.",
        ),
        *(COLUMNS, HEADER, ENCODING, VALID, TEST),
        Option(
            "attention",
            "Attention; default: general.",
            metavar="NAME",
            suggested=("general", "additive", "dot", NO_ATTENTION),
        ),
    )
    evaluate_options = (BEAM,)
    examples = (
        "rnnkit run translation --data pairs.tsv --cell gru --units 256",
        "rnnkit run translation --data texts.de --target texts.en --attention additive",
    )
    space: ClassVar = {
        "cell": ["gru", "lstm"],
        "units": [128, 256, 512],
        "embedding_dim": [128, 256],
        "attention": ["general", "additive"],
        "label_smoothing": (0.0, 0.2),
    }
    objectives: ClassVar = {"bleu": "max", "chrf": "max", "exact_match": "max", "perplexity": "min"}
    rules: ClassVar = {"source left as it is": copied_source}

    def read(self, config, path):
        told = self.reading(config)
        is_table = "text" in told or "label" in told or path.lower().removesuffix(".gz").endswith(TABLES)
        if not is_table or config.target is not None:
            target = config.target if path == config.data else None
            return datasets.read_pairs(path, target, **told)
        table = datasets.read(path, **{"text": "source", "label": "target", **told})
        return Dataset({"source": table["text"], "target": table["label"]}, name=table.name)

    def split(self, data, fraction):
        return datasets.split_pairs(data, fraction)

    def model_arguments(self, config):
        own = super().model_arguments(config)
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

    def evaluate(self, console, model, data, folder, name, *, beam=None, **options):
        from rnnkit.tasks.translation.results import BEAM as DEFAULT
        from rnnkit.tasks.translation.results import translate_set

        metrics, _ = super().evaluate(console, model, data, folder, name)
        with notices(console), counted(console, "Translating", len(data)) as progress:
            translated = translate_set(model, data, beam or DEFAULT, progress)

        def write() -> None:
            files = translated.write(folder / FOLDER, name)
            show_signatures(console, translated.signatures, files[-1])

        return metrics | translated.metrics, write

    def show(self, console, trained, folder, test):
        super().show(console, trained, folder, test)
        show_signatures(console, trained.metrics["signatures"], f"{folder}/{FOLDER}/test.hypotheses.txt")
        return f"rnnkit translate {folder} {shlex.quote(trained.samples['source'].iloc[0])}"

    def answer_rows(self, model, rows, **options):
        return {"predicted": model.translate(rows, **options)}

    def check_predict(self, run, **options):
        raise ArgumentError(f"run: {run} is a run of translation. Use rnnkit translate {run}.")


def show_signatures(console, signatures, hypotheses) -> None:
    """How BLEU and chrF were counted, and where the translations are from which both can be counted again."""
    for name, signature in signatures.items():
        console.print(f"{name}: {signature}", highlight=False, soft_wrap=True)
    console.print(f"The translations are in {escape(str(hypotheses))}", highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Written:
    """A translated set, named."""

    translated: "TranslatedSet"
    name: str

    def write(self, folder: Path) -> None:
        """Writes its files below a run's folder."""
        self.translated.write(folder / FOLDER, self.name)
