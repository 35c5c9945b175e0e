from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import DataError
from rnnkit.tasks.entities.scores import Counts, score_entities

LABELS = ["PER", "LOC"]
TAGS = ["O", *(f"{letter}-{label}" for letter in "BI" for label in LABELS)]
pairs_of_sentences = st.lists(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), max_size=9), max_size=4)
PUBLISHED = {
    "uh_ritual": 41.86,
    "spinningbytes.txt": 40.78,
    "sjtu_adapt.txt": 40.42,
    "arcada": 39.98,
    "flytxt": 38.35,
    "mic-cis.txt": 37.06,
    "drexel_cci": 26.30,
}


def read_columns(path):
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line.split() for line in lines]


def streamed_counts(gold, found):
    """The scorer's own way: one pass over both, with a flag that says that they agree since a common start."""
    counts = {"gold": 0, "found": 0, "correct": 0}
    for gold_tags, found_tags in zip(gold, found, strict=True):
        agree, before = False, ("O", "O")
        for now in [*zip(gold_tags, found_tags, strict=True), ("O", "O")]:
            ends = [old != "O" and (new[0] in "BO" or new[2:] != old[2:]) for old, new in zip(before, now, strict=True)]
            starts = [
                new != "O" and (new[0] == "B" or new[2:] != old[2:]) for old, new in zip(before, now, strict=True)
            ]
            if agree and any(ends):
                counts["correct"] += all(ends)
                agree = False
            counts["gold"] += starts[0]
            counts["found"] += starts[1]
            agree = all(starts) and now[0][2:] == now[1][2:] if any(starts) else agree
            before = now
    return counts


@given(pairs_of_sentences)
def test_counts_are_those_of_one_pass_over_both(pairs):
    gold = [[tag for tag, _ in sentence] for sentence in pairs]
    found = [[tag for _, tag in sentence] for sentence in pairs]
    scores = score_entities(gold, found)
    assert streamed_counts(gold, found) == {"gold": scores.gold, "found": scores.found, "correct": scores.correct}


def test_a_case_worked_by_hand():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "O"]]
    found = [["B-PER", "I-PER", "O", "B-PER"], ["O", "I-LOC"]]
    scores = score_entities(gold, found)
    assert (scores.gold, scores.found, scores.correct) == (3, 3, 1)
    assert scores.types == {"LOC": Counts(1, 1, 0), "PER": Counts(2, 2, 1)}
    assert scores.precision == scores.recall == pytest.approx(1 / 3)
    table = scores.to_frame()
    assert list(table.index) == ["LOC", "PER", "total"]
    assert table.loc["PER"].to_dict() == {
        "gold": 2, "found": 2, "correct": 1, "precision": 0.5, "recall": 0.5, "f1": 0.5,
    }  # fmt: skip
    assert table.loc["total", "f1"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (Counts(0, 0, 0), (0, 0, 0)),
        (Counts(4, 0, 0), (0, 0, 0)),
        (Counts(0, 4, 0), (0, 0, 0)),
        (Counts(4, 2, 1), (0.5, 0.25, pytest.approx(1 / 3))),
    ],
)
def test_fractions_and_their_zero_denominators(counts, expected):
    assert (counts.precision, counts.recall, counts.f1) == expected


def test_the_same_stretch_of_another_sentence_is_not_correct():
    assert score_entities([["B-PER"], ["O"]], [["O"], ["B-PER"]]).correct == 0


def test_schemes_may_differ():
    assert score_entities([["B-PER", "E-PER", "S-PER"]], [["B-PER", "I-PER", "B-PER"]]).f1 == 1


def test_sentences_that_do_not_match_are_named():
    with pytest.raises(DataError, match="expected 2 sentences .* got 1"):
        score_entities([["O"], ["O"]], [["O"]])
    with pytest.raises(DataError, match="sentence 1: expected 2 tags .* got 1"):
        score_entities([["O"], ["O", "O"]], [["O"], ["O"]])


@pytest.mark.realdata
@pytest.mark.parametrize(("system", "f1"), PUBLISHED.items())
def test_published_scores_of_the_wnut_2017_systems(public_data, system, f1):
    folder = Path(public_data) / "wnut17"
    submission = folder / "submissions" / system
    if not submission.is_file():
        pytest.skip("this copy of wnut17 has no submissions of the shared task")
    tags = iter([columns[-1] for columns in read_columns(submission) if columns])
    gold, found = [[]], [[]]
    for columns in read_columns(folder / "emerging.test.annotated"):
        if columns:
            gold[-1].append(columns[-1])
            found[-1].append(next(tags))
        else:
            gold.append([])
            found.append([])
    assert next(tags, None) is None
    scores = score_entities(gold, found)
    assert scores.gold == 1079
    assert round(100 * scores.f1, 2) == f1
