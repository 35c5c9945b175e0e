"""A run of a language model."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from rich.markup import escape

from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.options import DATA, ENCODING, TEST, VALID, Option
from rnnkit.tasks.parts import Results
from rnnkit.tasks.spec import TaskSpec
from rnnkit.text.corpus import Corpus
from rnnkit.text.tokenization import TOKENIZATIONS

MOST = 10**9  # characters that a run reads into memory
WRITTEN = "written.txt"
LENGTH = 400  # tokens of the text that a run writes


class LanguageSpec(TaskSpec):
    """Text; writes what the model continues it with.

    A file is one text, of which the last tenth is test data and the tenth before validation data, cut where lines end.
    """

    task = "language-model"
    model = "rnnkit.tasks.language.model:LanguageModel"
    title = "Language model"
    about = "Learn to write text, from text alone."
    time = "5 minutes"
    sample = "language-model-sample"
    headline = ("bits_per_character", "bits_per_byte", "perplexity", "nll")
    counted = "texts"
    fewest = 1  # it is cut
    options = (
        replace(DATA, help="A built-in sample (the default), a public data set, or a text file or folder of them."),
        Option("each_line", "Each line of a file is a text of its own.", bool, False, panel="Data"),
        *(ENCODING, VALID, TEST),
        Option("tokenization", "What a token is; default: characters.", metavar="NAME", choices=TOKENIZATIONS),
    )
    examples = (
        "rnnkit run language-model --data book.txt --units 256",
        "rnnkit run language-model --data tweets.txt.gz --each-line --tokenization words",
    )
    space: ClassVar = {"units": [128, 256, 512], "embedding_dim": [64, 128, 256], "tied_embeddings": [True, False]}
    objectives: ClassVar = {"nll": "min", "bits_per_character": "min", "bits_per_byte": "min", "perplexity": "min"}

    def read(self, config, path):
        corpus = Corpus(path, each_line=config.each_line, **self.reading(config))
        if (size := sum(file.stat().st_size for file in corpus.files)) > MOST:
            raise DataError(
                f"data: {path} has {size:,} bytes; a run reads at most {MOST:,}. In Python, LanguageModel().fit(path) "
                "reads a part at a time."
            )
        return Dataset({"text": corpus.texts()}, name=str(path))

    def split(self, data, fraction):
        if len(data) >= TaskSpec.fewest:
            return data.split(fraction)
        parts = [_cut(text, fraction) for text in data["text"]]
        return tuple(Dataset({"text": list(part)}, name=data.name) for part in zip(*parts, strict=True))

    def model_arguments(self, config):
        own = super().model_arguments(config)
        return own if config.tokenization is None else {**own, "tokenization": config.tokenization}

    def results(self, model, splits, config, metrics):
        tokens = int(model.encoded(splits.train)["lengths"].sum()) * metrics["epochs"]
        speed = {"tokens_per_second": round(tokens / metrics["seconds"], 1)}
        return Results(metrics=speed, artifacts=[Written(model.generate(length=LENGTH, seed=config.seed))])

    def show(self, console, trained, folder, test):
        text = (Path(folder) / WRITTEN).read_text(encoding="utf-8") if (Path(folder) / WRITTEN).exists() else ""
        if text:
            console.print("[bold]Written by the model[/], from nothing:")
            console.print(escape(text), highlight=False, soft_wrap=True)
        return f"rnnkit generate {folder}"

    def answer_rows(self, model, rows, **options):
        scores = [model.score(row, **options) for row in rows]
        return {"log_probability": [float(each.sum()) for each in scores], "tokens": list(map(len, scores))}

    def check_predict(self, run, **options):
        raise ArgumentError(f'run: {run} is a run of a language model. Use rnnkit generate {run} --prompt "...".')

    def web_page(self, model):
        from rnnkit.tasks.web.export import by_steps

        learned = model.tokens.to_config()
        if learned["kind"] not in ("characters", "bytes"):
            raise ArgumentError(
                f"format: a page writes characters or bytes, and this model {learned['kind']}. Choose another format."
            )
        facts = {"kind": learned["kind"], "entries": learned["entries"], "lowercase": model.tokens.lowercase}
        return by_steps(model, "Text as it is written", ("step.js", "language.js"), facts)


def _cut(text: str, fraction: float) -> tuple[str, str]:
    """The text up to the end of a line, and about this fraction of it behind."""
    place = text.rfind("\n", 0, round(len(text) * (1 - fraction))) + 1
    if not 0 < place < len(text):
        raise DataError(f"data: expected a text of several lines, got one of {len(text)} characters. Give more text.")
    return text[:place], text[place:]


@dataclass(frozen=True)
class Written:
    """A text that the model has written from nothing."""

    text: Any

    def write(self, folder: Path) -> None:
        """Writes it below a run's folder."""
        (folder / WRITTEN).write_text(self.text, encoding="utf-8")
