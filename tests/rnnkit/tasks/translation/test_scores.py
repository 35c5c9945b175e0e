import math
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.translation.scores import bleu_tokenizer, score_translations

HYPOTHESES = ["the small dog sleeps in the house", "a child sees two dogs", "yes", "The bird sings loudly today"]
REFERENCES = ["the small dog sleeps under the house", "a child sees two dogs", "no", "the bird sings very loudly today"]

sentences = st.lists(st.sampled_from("abcde"), min_size=4, max_size=9).map(" ".join)
pairs = st.lists(st.tuples(sentences, sentences), min_size=1, max_size=6)


def ngrams(words, n):
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def bleu(hypotheses, references):
    """Papineni's definition over words, with sacrebleu's smoothing: the k-th order without a match counts 1 / 2^k."""
    found, asked = [text.split() for text in hypotheses], [text.split() for text in references]
    logarithms, halved = [], 1
    for n in range(1, 5):
        counts = [[ngrams(words, n) for words in side] for side in (found, asked)]
        correct = sum(sum((one & other).values()) for one, other in zip(*counts, strict=True))
        total = sum(sum(each.values()) for each in counts[0])
        if not correct:
            halved *= 2
        logarithms.append(math.log(100 * (correct or 1 / halved) / total))
    lengths = [sum(map(len, side)) for side in (found, asked)]
    return math.exp(min(0, 1 - lengths[1] / lengths[0]) + sum(logarithms) / 4)


@given(pairs)
def test_bleu_is_as_defined(rows):
    hypotheses, references = map(list, zip(*rows, strict=True))
    scores = score_translations(hypotheses, references)
    assert 0 <= scores.chrf <= 100 + 1e-9
    if any(set(one.split()) & set(other.split()) for one, other in rows):
        assert scores.bleu == pytest.approx(bleu(hypotheses, references))


def test_scores_are_those_of_the_published_program(tmp_path):
    files = {"hypotheses": HYPOTHESES, "references": REFERENCES}
    for name, texts in files.items():
        (tmp_path / name).write_text("\n".join(texts) + "\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "sacrebleu",
        "references",
        "-i",
        "hypotheses",
        "-m",
        "bleu",
        "chrf",
        "-b",
        "-w",
        "4",
    ]
    published = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60).stdout
    scores = score_translations(HYPOTHESES, REFERENCES)
    assert [float(line.strip(' ,"[]')) for line in published.split() if any(map(str.isdigit, line))] == pytest.approx(
        [scores.bleu, scores.chrf], abs=1e-4
    )


def test_exact_match_and_signatures():
    scores = score_translations([*HYPOTHESES, " padded "], [*REFERENCES, "padded"])
    assert scores.exact_match == 2 / 5
    assert "tok:13a" in scores.bleu_signature
    assert "case:mixed" in scores.bleu_signature
    assert "version:" in scores.chrf_signature
    assert score_translations(REFERENCES, REFERENCES).bleu == pytest.approx(100)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Ein Hund rennt.", "Zwei Katzen."], "13a"),
        (["这本书比那本书更有意思", "他用 Python 写的"], "zh"),
        (["개가 달린다"], "13a"),
        (["123 !!", ""], "13a"),
        (["The word 猫 means cat"], "13a"),
    ],
)
def test_the_tokenizer_of_bleu_follows_the_script(texts, expected):
    assert bleu_tokenizer(texts) == expected
    assert f"tok:{expected}" in score_translations(texts, texts).bleu_signature


@pytest.mark.parametrize("text", ["猫が走っています。犬も走る", "แมวกำลังวิ่ง", "ខ្មែរ", "ကြောင်"])
def test_counting_characters_is_told(text, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="BLEU counts characters .* Report chrF"):
        assert bleu_tokenizer([text]) == "char"
    with pytest.raises(ArgumentError, match=r"bleu_tokenize: 'ja-mecab' is not installed here. Install sacrebleu.ja."):
        bleu_tokenizer([text], "ja-mecab")


def test_japanese_is_counted_by_words_where_mecab_is_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name in ("MeCab", "ipadic") or None)
    assert bleu_tokenizer(["猫が走っています。犬も走る"]) == "ja-mecab"


def test_chinese_that_is_nearly_right_is_not_zero():
    hypotheses, references = ["这本书比那本书更有意思吗"], ["这本书比那本书更有意思"]
    assert score_translations(hypotheses, references).bleu == pytest.approx(90.36, abs=0.01)
    assert score_translations(hypotheses, references, "13a").bleu == 0


@pytest.mark.parametrize(
    ("hypotheses", "references", "named"),
    [
        (["a"], ["a", "b"], "got 1 and 2"),
        ([], [], "at least one"),
        ("a text", ["a"], "list of texts, got 'a text'"),
        (["a", "b"], ["a", None], "references.*None in row 1"),
        (3, ["a"], "hypotheses: expected a list"),
    ],
)
def test_mistakes_are_named(hypotheses, references, named):
    with pytest.raises(DataError, match=named):
        score_translations(hypotheses, references)
