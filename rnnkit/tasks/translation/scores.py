"""How good translations are: BLEU and chrF by sacrebleu, with the signatures that make figures comparable."""

from collections.abc import Sequence
from dataclasses import dataclass

from rnnkit.errors import DataError


@dataclass(frozen=True)
class TranslationScores:
    """Scores of a whole set of translations.

    K. Papineni et al., "BLEU: a method for automatic evaluation of machine translation", ACL 2002; M. Popović, "chrF:
    character n-gram F-score for automatic MT evaluation", WMT 2015; M. Post, "A call for clarity in reporting BLEU
    scores", WMT 2018.

    Attributes:
        bleu: corpus BLEU, 0 to 100.
        chrf: corpus chrF, 0 to 100.
        exact_match: the share of translations that are their reference to the letter, 0 to 1.
        bleu_signature, chrf_signature: sacrebleu's own words on how it counted.
    """

    bleu: float
    chrf: float
    exact_match: float
    bleu_signature: str
    chrf_signature: str


def score_translations(hypotheses: Sequence[str], references: Sequence[str]) -> TranslationScores:
    """Compares translations with one reference each; both as plain text, not tokenised, with their case.

    Args:
        hypotheses: the translations.
        references: what each should be.

    Raises:
        DataError: there are none, they differ in number, or one of them is no text.
    """
    from sacrebleu.metrics import BLEU, CHRF

    hypotheses, references = _texts("hypotheses", hypotheses), _texts("references", references)
    if len(hypotheses) != len(references):
        raise DataError(
            f"hypotheses, references: expected as many of each, got {len(hypotheses)} and {len(references)}. "
            "Give one reference for each translation."
        )
    if not hypotheses:
        raise DataError("hypotheses: expected at least one translation, got none.")
    same = sum(one.strip() == other.strip() for one, other in zip(hypotheses, references, strict=True))
    bleu, chrf = BLEU(), CHRF()
    return TranslationScores(
        bleu=bleu.corpus_score(hypotheses, [references]).score,
        chrf=chrf.corpus_score(hypotheses, [references]).score,
        exact_match=same / len(hypotheses),
        bleu_signature=str(bleu.get_signature()),
        chrf_signature=str(chrf.get_signature()),
    )


def _texts(argument: str, texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str) or not hasattr(texts, "__iter__"):
        raise DataError(f"{argument}: expected a list of texts, got {texts!r}.")
    texts = list(texts)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"{argument}: expected a text in every row, got {text!r} in row {row}.")
    return texts
