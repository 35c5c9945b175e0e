import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit import datasets
from rnnkit.datasets import MEMORY_PROBLEMS
from rnnkit.datasets.memory import read_name
from rnnkit.errors import DataError

SEEDS = st.integers(0, 2**32)


def examples(problem, length, seed=0, train=40):
    data = datasets.memory(problem, length, train=train, valid=1, test=1, seed=seed).train
    assert data.columns == ("sequence", "target")
    return list(zip(data["sequence"], data["target"], strict=True))


@given(length=st.integers(2, 60), seed=SEEDS)
def test_adding_marks_one_value_in_each_half_and_asks_for_their_sum(length, seed):
    for sequence, target in examples("adding", length, seed):
        values, markers = zip(*sequence.tolist(), strict=True)
        first, second = [place for place, marker in enumerate(markers) if marker]
        assert first < length // 2 <= second
        assert set(markers) <= {0, 1}
        assert all(0 <= value < 1 for value in values)
        assert target == pytest.approx(values[first] + values[second], abs=1e-6)


@given(length=st.integers(1, 60), seed=SEEDS)
def test_copy_asks_for_the_first_ten_symbols_after_the_delimiter(length, seed):
    for sequence, target in examples("copy", length, seed):
        symbols = sequence[:10].tolist()
        assert set(symbols) <= set(range(1, 9))
        assert sequence.tolist() == [*symbols, *[0] * (length - 1), 9, *[0] * 10]
        assert target.tolist() == [*[0] * (length + 10), *symbols]


@given(length=st.integers(10, 130), seed=SEEDS)
def test_temporal_order_asks_for_the_two_that_matter(length, seed):
    for sequence, target in examples("temporal-order", length, seed):
        (early, first), (middle, second) = [(place, each) for place, each in enumerate(sequence.tolist()) if each > 5]
        assert length // 10 <= early < length // 5
        assert length // 2 <= middle < 3 * length // 5
        assert [(6, 6), (6, 7), (7, 6), (7, 7)][target] == (first, second)
        assert (sequence[0], sequence[-1], len(sequence)) == (0, 1, length)
        others = set(np.delete(sequence[1:-1], [early - 1, middle - 1]).tolist())
        assert others <= {2, 3, 4, 5}


def test_every_place_symbol_and_class_comes_up():
    for problem in ("adding", "temporal-order"):
        drawn = examples(problem, 20, train=2000)
        marks = [row[:, 1] == 1 if problem == "adding" else row > 5 for row, _ in drawn]
        expected = set(range(20)) if problem == "adding" else {2, 3, 10, 11}
        assert {int(place) for mark in marks for place in np.flatnonzero(mark)} == expected
    assert {target for _, target in drawn} == {0, 1, 2, 3}
    assert {row[place] for row, _ in examples("copy", 3, train=300) for place in range(10)} == set(range(1, 9))


def test_chance_is_what_the_best_answer_without_memory_gets():
    length, copies = 30, examples("copy", 30, train=20)
    sums = np.array([target for _, target in examples("adding", length, train=50_000)])
    assert np.mean((sums - 1) ** 2) == pytest.approx(MEMORY_PROBLEMS["adding"].chance(length), rel=0.02)
    probability = np.zeros((length + 20, 9))
    probability[:-10, 0] = 1
    probability[-10:, 1:] = 1 / 8
    losses = [-np.log(probability[range(length + 20), target]).mean() for _, target in copies]
    assert losses == pytest.approx([MEMORY_PROBLEMS["copy"].chance(length)] * 20)
    assert MEMORY_PROBLEMS["copy"].chance(980) == pytest.approx(10 * math.log(8) / 1000)
    classes = [target for _, target in examples("temporal-order", length, train=8000)]
    shares = np.bincount(classes) / len(classes)
    assert shares == pytest.approx([MEMORY_PROBLEMS["temporal-order"].chance(length)] * 4, abs=0.02)


@pytest.mark.parametrize(
    ("problem", "good", "bad"),
    [("adding", 0.0099, 0.0101), ("copy", math.log(8) / 121, math.log(8) / 119), ("temporal-order", 0.991, 0.989)],
)
def test_solved_is_past_the_goal(problem, good, bad):
    found = MEMORY_PROBLEMS[problem]
    assert found.solved({found.metric: good, "other": 0.0}, 100)
    assert not found.solved({found.metric: bad}, 100)
    assert not found.solved({found.metric: math.nan}, 100)


@pytest.mark.parametrize("problem", MEMORY_PROBLEMS)
def test_the_same_seed_gives_the_same_examples_and_parts_differ(problem):
    first, again, other = (datasets.memory(problem, 30, train=6, valid=5, test=4, seed=seed) for seed in (3, 3, 4))
    for one, two in zip(first, again, strict=True):
        for column in one.columns:
            np.testing.assert_array_equal(one[column], two[column])
    assert [len(part) for part in first] == [6, 5, 4]
    for one, two in itertools.combinations([first.train, first.valid, first.test, other.train], 2):
        assert not any(np.array_equal(a, b) for a in one["sequence"] for b in two["sequence"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("recall", 100), "unknown problem 'recall'. Known problems: adding, copy, temporal-order"),
        (("adding", 1), "at least 2, got 1"),
        (("copy", 0), "at least 1, got 0"),
        (("temporal-order", 9), "at least 10, got 9"),
    ],
)
def test_what_cannot_be_made_is_named(arguments, message):
    with pytest.raises(DataError, match=message):
        datasets.memory(*arguments)
    with pytest.raises(DataError, match="valid: .* got 0"):
        datasets.memory("adding", 5, valid=0)


def test_a_name_tells_problem_and_length():
    assert read_name("temporal-order-100") == ("temporal-order", 100)
    for name in ("adding", "adding-", "adding-x", "adding-1", "mine.csv", "-5"):
        with pytest.raises(DataError):
            read_name(name)
