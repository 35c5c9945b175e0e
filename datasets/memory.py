"""The memory problems on which recurrent networks are measured: generated, seeded, and of any length.

Each one is easy but for one thing: what decides stands early in the sequence, and is asked for late. Two of them are
real data as long sequences. Legend: `N` examples, `T` steps, `L` the length that was asked for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.listops import listops
from rnnkit.datasets.long_sequences import BYTES, DIGIT_IMAGES, PIXELS, digits_permuted, imdb_bytes
from rnnkit.datasets.memory_problems import (
    LONGEST_PARITY,
    RECALLED,
    SYMBOLS,
    TRIGGER,
    adding,
    copy,
    induction_heads,
    long_parity,
    parity,
    selective_copy,
    temporal_order,
)
from rnnkit.errors import DataError

SIZES = {"train": 20_000, "valid": 1000, "test": 1000}  # examples of what is generated


@dataclass(frozen=True)
class MemoryProblem:
    """One of the problems: how it is made, and what its figures mean.

    Attributes:
        make: (generator, examples, length) -> sequences and targets; or, of real data, (generator, length) -> `Splits`.
        target: what is asked for: a `"number"` or a `"class"` at the end, or `"symbols"`, one at each step.
        shortest: the least `length`.
        metric: the figure that counts: `"mse"`, `"crossentropy"` (nats per step, over all steps) or `"accuracy"`.
        chance: length -> the metric of the best answer that remembers nothing.
        goal: length -> what the metric has to pass for the problem to count as solved.
        usual: the `length` where nobody names one.
        longest: the greatest `length`, if there is one.
        make_test: as `make`, for test data that are drawn in another way.
        is_real: whether it consists of real data.
    """

    make: Callable[..., Any]
    target: str
    shortest: int
    metric: str
    chance: Callable[[int], float]
    goal: Callable[[int], float]
    usual: int = 100
    longest: int | None = None
    make_test: Callable[..., Any] | None = None
    is_real: bool = False

    def solved(self, metrics: dict[str, Any], length: int) -> bool:
        """Whether a model with these metrics, as `evaluate` gives them, has solved the problem; NaN has not."""
        value, goal = metrics[self.metric], self.goal(length)
        return value > goal if self.metric == "accuracy" else value < goal


def _of_classes(make, chance: float, shortest: int, goal: float = 0.99, **options: Any) -> MemoryProblem:
    """One that asks for a class at the end, of which the most frequent has the fraction `chance`."""
    return MemoryProblem(make, "class", shortest, "accuracy", lambda length: chance, lambda length: goal, **options)


def _copy_chance(length: int) -> float:
    """Blank wherever it is due, and then one of eight at random: spread over all steps, in nats."""
    return RECALLED * math.log(SYMBOLS) / (length + 2 * RECALLED)


MEMORY_PROBLEMS = {
    # Answering 1 is off by the variance of a sum of two uniform values.
    "adding": MemoryProblem(adding, "number", 2, "mse", chance=lambda length: 1 / 6, goal=lambda length: 0.01),
    "copy": MemoryProblem(
        copy, "symbols", 1, "crossentropy", chance=_copy_chance, goal=lambda length: _copy_chance(length) / 10
    ),
    "temporal-order": _of_classes(temporal_order, 1 / 4, 10),
    "parity": _of_classes(parity, 1 / 2, 2, usual=40, longest=LONGEST_PARITY, make_test=long_parity),
    # The fraction of symbols that are recalled; one of eight at random.
    "selective-copy": MemoryProblem(
        selective_copy, "symbols", 1, "accuracy", chance=lambda length: 1 / SYMBOLS, goal=lambda length: 0.99
    ),
    "induction-heads": _of_classes(induction_heads, 1 / TRIGGER, 3),
    # The fraction of the most frequent value, which is 0, at the usual length.
    "listops": _of_classes(listops, 0.18, 10, usual=2000, longest=8000),
    # The fraction of the most frequent digit; a logistic regression of the pixels gets 0.98.
    "digits-permuted": _of_classes(
        digits_permuted, 183 / DIGIT_IMAGES, PIXELS, goal=0.95, usual=PIXELS, longest=PIXELS, is_real=True
    ),
    # A bag of words gets 0.88.
    "imdb-bytes": _of_classes(imdb_bytes, 1 / 2, 1, goal=0.88, usual=BYTES, is_real=True),
}


def memory_problem(problem: str, length: int) -> MemoryProblem:
    """A problem by its name, with `length` checked.

    Raises:
        DataError: there is no such problem, or `length` is too short or too long for it.
    """
    found = _named(problem)
    if length < found.shortest:
        raise DataError(f"length: '{problem}' needs a length of at least {found.shortest}, got {length}.")
    if found.longest is not None and length > found.longest:
        raise DataError(f"length: '{problem}' has a length of at most {found.longest}, got {length}.")
    return found


def usual_length(problem: str) -> int:
    """The length of a problem where nobody names one.

    Raises:
        DataError: there is no such problem.
    """
    return _named(problem).usual


def _named(problem: str) -> MemoryProblem:
    if problem not in MEMORY_PROBLEMS:
        raise DataError(f"problem: unknown problem '{problem}'. Known problems: {', '.join(MEMORY_PROBLEMS)}.")
    return MEMORY_PROBLEMS[problem]


def read_name(name: str) -> tuple[str, int]:
    """Problem and length of a name `PROBLEM-LENGTH`, such as `adding-200`, both checked.

    Raises:
        DataError: it names no problem and length.
    """
    problem, _, length = name.rpartition("-")
    if not length.isdecimal():
        raise DataError(f"data: expected PROBLEM-LENGTH, such as adding-200, got '{name}'.")
    memory_problem(problem, int(length))
    return problem, int(length)


def memory(
    problem: str,
    length: int,
    *,
    train: int | None = None,
    valid: int | None = None,
    test: int | None = None,
    seed: int = 0,
) -> Splits:
    """A memory problem's data, with the columns `sequence` and `target`.

    Args:
        problem: a name of `MEMORY_PROBLEMS`: `"adding"`, `"copy"`, `"temporal-order"`, `"parity"`, `"selective-copy"`,
            `"induction-heads"`, `"listops"`, `"digits-permuted"` or `"imdb-bytes"`.
        length: steps; for `copy` and `selective-copy` the blank steps, which makes L + 20 in all; for `listops` and
            `imdb-bytes` the longest sequence, for `parity` that of training, and 64 for `digits-permuted`.
        train, valid, test: examples of each part; None makes 20,000, 1,000 and 1,000, and takes all of real data.
        seed: another seed gives other examples; the parts are drawn one after the other. Of real data it decides the
            part of each digit, and nothing in reviews.

    Returns:
        `Splits` of `train, valid, test`.

    Raises:
        DataError: an unknown problem, a length too short or too long for it, a part without examples, or with more than
            real data has.
        DownloadError: the reviews of `imdb-bytes` are not in the cache and cannot be had.

    Examples:
        >>> from rnnkit import datasets
        >>> train, valid, test = datasets.memory("adding", length=20, train=100)
        >>> train["sequence"][0].shape
        (20, 2)
        >>> train, valid, test = datasets.memory("parity", length=40, train=100)
        >>> max(map(len, train["sequence"])) <= 40, max(map(len, test["sequence"])) > 200
        (True, True)
    """
    found, rng = memory_problem(problem, length), np.random.default_rng(seed)
    asked = {"train": train, "valid": valid, "test": test}
    for part, examples in asked.items():
        if examples is not None and examples < 1:
            raise DataError(f"{part}: expected a positive number of examples, got {examples}.")
    parts = _taken(found.make(rng, length), asked) if found.is_real else _made(found, rng, length, asked)
    for part, data in parts._asdict().items():
        data.name = f"{problem} {length} {part}"
    return parts


def _made(found: MemoryProblem, rng, length: int, asked: dict[str, int | None]) -> Splits:
    makers = {"test": found.make_test or found.make}
    drawn = (makers.get(part, found.make)(rng, asked[part] or SIZES[part], length) for part in SIZES)
    return Splits(*(Dataset({"sequence": sequences, "target": targets}) for sequences, targets in drawn))


def _taken(splits: Splits, asked: dict[str, int | None]) -> Splits:
    """The first examples of each part of real data."""
    for part, data in splits._asdict().items():
        if (asked[part] or 0) > len(data):
            raise DataError(f"{part}: there are {len(data)} examples, got {asked[part]}. Leave it out to take all.")
    return Splits(*(data[: asked[part]] for part, data in splits._asdict().items()))
