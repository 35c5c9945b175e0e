"""A data set, translated and scored, and the files from which its scores can be computed again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnkit.datasets import Dataset
from rnnkit.tasks.translation.scores import TranslationScores, score_translations

BEAM = 4
AT_ONCE = 128  # texts between two reports of progress


@dataclass(frozen=True)
class TranslatedSet:
    """Sources, their references and a model's hypotheses, each on one line, and the scores of just these lines."""

    sources: list[str]
    references: list[str]
    hypotheses: list[str]
    scores: TranslationScores

    @property
    def metrics(self) -> dict[str, float]:
        """`bleu` and `chrf`, 0 to 100, and `exact_match`, 0 to 1."""
        return {name: getattr(self.scores, name) for name in ("bleu", "chrf", "exact_match")}

    @property
    def signatures(self) -> dict[str, str]:
        """sacrebleu's signatures of `bleu` and `chrf`."""
        return {"bleu": self.scores.bleu_signature, "chrf": self.scores.chrf_signature}

    def write(self, folder: Path, name: str) -> list[Path]:
        """Writes NAME.sources.txt, NAME.references.txt and NAME.hypotheses.txt, and says where.

        `sacrebleu NAME.references.txt -i NAME.hypotheses.txt` gives the scores again; with `-tok` where the signature
        of BLEU has another `tok:` than `13a`.

        Raises:
            OSError: the folder cannot be written to.
        """
        files = {kind: folder / f"{name}.{kind}.txt" for kind in ("sources", "references", "hypotheses")}
        folder.mkdir(exist_ok=True)
        for kind, file in files.items():
            lines = "".join(f"{line}\n" for line in getattr(self, kind))
            file.write_text(lines, encoding="utf-8", newline="\n")
        return list(files.values())


def translate_set(model, data: Dataset, beam: int = BEAM, progress: Callable[[int], None] | None = None):
    """Translates the sources of a data set, each as a whole, and compares with its targets.

    Args:
        model: a trained `Translator`.
        data: columns `source` and `target`.
        beam, progress: as for `translate_lines`.

    Returns:
        A `TranslatedSet`.
    """
    sources, references = ([one_line(text) for text in data[side]] for side in ("source", "target"))
    hypotheses = translate_lines(model, sources, beam, progress=progress, split_sentences=False)
    scores = score_translations(hypotheses, references, model.bleu_tokenizer)
    return TranslatedSet(sources, references, hypotheses, scores)


def translate_lines(
    model, texts: Sequence[str], beam: int, n_best=None, progress=None, *, split_sentences: bool = True
) -> list:
    """What `model.translate` answers, in the order of the texts, and without line ends.

    Args:
        model: a trained `Translator`.
        texts: the sources.
        beam, n_best, split_sentences: see `Translator.translate`.
        progress: is called now and then with the number of texts that were done since.
    """
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]), reverse=True)
    answers: list = [None] * len(texts)
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        chunk = [texts[row] for row in rows]
        found = model.translate(chunk, beam=beam, n_best=n_best, split_sentences=split_sentences)
        for row, answer in zip(rows, found, strict=True):
            answers[row] = (
                one_line(answer) if n_best is None else [each._replace(text=one_line(each.text)) for each in answer]
            )
        if progress:
            progress(len(rows))
    return answers


def one_line(text: str) -> str:
    """The text with a blank in place of what any program might take for the end of a line."""
    return " ".join(text.splitlines())
