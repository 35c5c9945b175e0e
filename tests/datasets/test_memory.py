import io
import itertools
import math
import statistics
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit import datasets
from rnnkit.datasets import MEMORY_PROBLEMS, catalog, imdb
from rnnkit.datasets.memory import read_name, usual_length
from rnnkit.errors import DataError

SEEDS = st.integers(0, 2**32)
GENERATED = [name for name, problem in MEMORY_PROBLEMS.items() if not problem.is_real]


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


@given(length=st.integers(1, 60), seed=SEEDS)
def test_selective_copy_asks_for_the_scattered_symbols_in_their_order(length, seed):
    for sequence, target in examples("selective-copy", length, seed):
        before, after = sequence[: length + 9].tolist(), sequence[length + 9 :].tolist()
        symbols = [symbol for symbol in before if symbol]
        assert len(symbols) == 10
        assert set(symbols) <= set(range(1, 9))
        assert after == [9, *[0] * 10]
        assert target.tolist() == [*[0] * (length + 10), *symbols]


@given(length=st.integers(3, 60), seed=SEEDS)
def test_induction_heads_ask_for_the_symbol_after_the_trigger(length, seed):
    for sequence, target in examples("induction-heads", length, seed):
        first, last = [place for place, symbol in enumerate(sequence.tolist()) if symbol == 16]
        assert (last, len(sequence)) == (length - 1, length)
        assert first + 1 < last
        assert sequence[first + 1] == target
        assert set(sequence.tolist()) <= set(range(17))


@given(length=st.integers(2, 256), seed=SEEDS)
def test_parity_is_trained_up_to_its_length_and_tested_from_there_to_256(length, seed):
    parts = datasets.memory("parity", length, train=20, valid=20, test=20, seed=seed)
    for part, (shortest, longest) in zip(parts, [(1, length), (1, length), (length, 256)], strict=True):
        for bits, target in zip(part["sequence"], part["target"], strict=True):
            assert shortest <= len(bits) <= longest
            assert set(bits.tolist()) <= {0, 1}
            assert target == bits.tolist().count(1) % 2


def value_of(symbols):
    """The value of a ListOps expression, read from left to right."""
    operators = {
        10: min,
        11: max,
        12: lambda values: int(statistics.median(values)),
        13: lambda values: sum(values) % 10,
    }
    open_ones = [[]]
    for symbol in symbols:
        if symbol in operators:
            open_ones.append([operators[symbol]])
        elif symbol == 14:
            operator, *values = open_ones.pop()
            assert 2 <= len(values) <= 10
            open_ones[-1].append(operator(values))
        else:
            open_ones[-1].append(symbol)
        assert len(open_ones) <= 10
    ((value,),) = open_ones
    return value


@pytest.mark.parametrize("length", [10, 100, 2000])
def test_listops_ask_for_the_value_of_an_expression(length):
    drawn = examples("listops", length, train=100)
    for symbols, target in drawn:
        assert length / 4 < len(symbols) < length
        assert value_of(symbols.tolist()) == target
    assert {symbol for symbols, _ in drawn for symbol in symbols.tolist()} == set(range(15))
    assert value_of([11, 2, 9, 10, 4, 7, 14, 0, 14]) == 9


def test_listops_are_as_deep_as_they_may_be_and_a_quarter_of_the_arguments_are_expressions():
    drawn = [symbols for symbols, _ in examples("listops", 2000, train=50)]
    depths = [np.cumsum((row >= 10) & (row < 14)) - np.cumsum(row == 14) for row in drawn]
    assert max(depth.max() for depth in depths) == 9
    opens = [(row[1:] >= 10)[(depth[:-1] < 9) & (row[1:] != 14)] for row, depth in zip(drawn, depths, strict=True)]
    assert np.concatenate(opens).mean() == pytest.approx(0.25, abs=0.03)


def test_digits_are_pixels_in_one_order():
    from sklearn.datasets import load_digits

    parts = datasets.memory("digits-permuted", 64)
    assert [len(part) for part in parts] == [1197, 300, 300]
    pixels = np.concatenate([part["sequence"] for part in parts])[..., 0]
    found = sorted(zip(pixels.tolist(), itertools.chain(*(part["target"] for part in parts)), strict=True))
    order = np.random.default_rng(0).permutation(64)  # saved models have seen this one: it stays
    digits = load_digits()
    assert found == sorted(zip((digits.data[:, order] / 16).tolist(), digits.target.tolist(), strict=True))
    again = datasets.memory("digits-permuted", 64, train=5, test=4, seed=1)
    assert [len(part) for part in again] == [5, 300, 4]
    assert not np.array_equal(again.test["sequence"][0], parts.test["sequence"][0])


def test_reviews_are_bytes_cut_at_the_length(monkeypatch, tmp_path):
    with tarfile.open(tmp_path / imdb.ARCHIVE, "w:gz") as tar:
        for part, kind, number in itertools.product(("train", "test"), ("neg", "pos"), range(10)):
            member = tarfile.TarInfo(f"aclImdb/{part}/{kind}/{number}_1.txt")
            content = f"{kind} {number} é".encode()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(catalog, "fetch", lambda name, directory=None: tmp_path)
    parts = datasets.memory("imdb-bytes", 7)
    assert [len(part) for part in parts] == [18, 2, 20]
    for part in parts:
        for sequence, target in zip(part["sequence"], part["target"], strict=True):
            assert bytes(sequence)[:3] == (b"pos" if target else b"neg")
            assert bytes(sequence)[3:].hex() in {f"20{ord(str(number)):x}20c3" for number in range(10)}
    assert {target for part in parts for target in part["target"]} == {0, 1}


@pytest.mark.realdata
def test_reviews_of_the_public_data_are_as_balanced_as_chance_says(public_data):
    if not (datasets.path("imdb") / imdb.ARCHIVE).exists():
        pytest.skip(f"{imdb.ARCHIVE} is not in the folder of public data")
    parts = datasets.memory("imdb-bytes", 4096)
    assert [len(part) for part in parts] == [22_500, 2500, 25_000]
    assert np.mean(parts.test["target"]) == MEMORY_PROBLEMS["imdb-bytes"].chance(4096)
    assert max(map(len, parts.test["sequence"])) == 4096


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
    symbols = np.concatenate([target[-10:] for _, target in examples("selective-copy", length, train=800)])
    assert np.bincount(symbols)[1:] / len(symbols) == pytest.approx(
        [MEMORY_PROBLEMS["selective-copy"].chance(length)] * 8, abs=0.02
    )


@pytest.mark.parametrize(("problem", "classes"), [("temporal-order", 4), ("parity", 2), ("induction-heads", 16)])
def test_chance_is_the_fraction_of_each_class(problem, classes):
    targets = [target for _, target in examples(problem, 30, train=8000)]
    chance = MEMORY_PROBLEMS[problem].chance(30)
    assert np.bincount(targets) / len(targets) == pytest.approx([chance] * classes, abs=0.02)


@pytest.mark.parametrize(("problem", "examples"), [("listops", {"train": 2000}), ("digits-permuted", {})])
def test_chance_is_the_fraction_of_the_most_frequent_class(problem, examples):
    length = usual_length(problem)
    parts = datasets.memory(problem, length, **examples)
    targets = np.bincount([target for part in parts for target in part["target"]])
    assert targets.max() / targets.sum() == pytest.approx(MEMORY_PROBLEMS[problem].chance(length), abs=0.02)


@pytest.mark.parametrize(
    ("problem", "good", "bad"),
    [("adding", 0.0099, 0.0101), ("copy", math.log(8) / 121, math.log(8) / 119), ("temporal-order", 0.991, 0.989)],
)
def test_solved_is_past_the_goal(problem, good, bad):
    found = MEMORY_PROBLEMS[problem]
    assert found.solved({found.metric: good, "other": 0.0}, 100)
    assert not found.solved({found.metric: bad}, 100)
    assert not found.solved({found.metric: math.nan}, 100)


@pytest.mark.parametrize("problem", [*GENERATED, "digits-permuted"])
def test_the_same_seed_gives_the_same_examples_and_parts_differ(problem):
    length = 64 if problem == "digits-permuted" else 30
    first, again, other = (datasets.memory(problem, length, train=6, valid=5, test=4, seed=seed) for seed in (3, 3, 4))
    for one, two in zip(first, again, strict=True):
        for column in one.columns:
            for a, b in zip(one[column], two[column], strict=True):
                np.testing.assert_array_equal(a, b)
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
        (("parity", 1), "at least 2, got 1"),
        (("parity", 257), "at most 256, got 257"),
        (("selective-copy", 0), "at least 1, got 0"),
        (("induction-heads", 2), "at least 3, got 2"),
        (("listops", 9), "at least 10, got 9"),
        (("listops", 8001), "at most 8000, got 8001"),
        (("digits-permuted", 63), "at least 64, got 63"),
        (("digits-permuted", 65), "at most 64, got 65"),
        (("imdb-bytes", 0), "at least 1, got 0"),
    ],
)
def test_what_cannot_be_made_is_named(arguments, message):
    with pytest.raises(DataError, match=message):
        datasets.memory(*arguments)
    with pytest.raises(DataError, match="valid: .* got 0"):
        datasets.memory("adding", 5, valid=0)
    with pytest.raises(DataError, match="test: there are 300 examples, got 301. Leave it out"):
        datasets.memory("digits-permuted", 64, test=301)


def test_a_name_tells_problem_and_length():
    assert read_name("temporal-order-100") == ("temporal-order", 100)
    assert read_name("digits-permuted-64") == ("digits-permuted", usual_length("digits-permuted"))
    for name in ("adding", "adding-", "adding-x", "adding-1", "mine.csv", "-5"):
        with pytest.raises(DataError):
            read_name(name)
