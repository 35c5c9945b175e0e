"""The memory problems on which recurrent networks are measured: generated, seeded, and of any length.

Each one is easy but for one thing: what decides stands early in the sequence, and is asked for late. Legend: `N`
examples, `T` steps, `L` the length that was asked for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.errors import DataError

SYMBOLS, RECALLED = 8, 10  # copy: kinds of symbol, and how many are to be recalled
BLANK, DELIMITER = 0, 9
START, END, FIRST_DISTRACTOR, LAST_DISTRACTOR, X = 0, 1, 2, 5, 6  # temporal order; Y is X + 1


def adding(rng: np.random.Generator, examples: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The adding problem: the sum of the two values that are marked.

    After Hochreiter and Schmidhuber, "Long short-term memory", 1997, with values in [0, 1) and one marker in each half
    of the sequence, as in Arjovsky, Shah and Bengio, "Unitary evolution recurrent neural networks", 2016. (Bai, Kolter
    and Koltun, "An empirical evaluation of generic convolutional and recurrent networks", 2018, draw both markers
    anywhere, which is easier: here the first is always at least half a sequence from the end.)

    Returns:
        Sequences of (value, marker), float32, shape (N, L, 2), and sums, float32, shape (N,).
    """
    values = rng.random((examples, length), dtype="float32")
    middle = length // 2
    places = np.stack([rng.integers(0, middle, examples), rng.integers(middle, length, examples)], axis=1)
    markers = np.zeros_like(values)
    np.put_along_axis(markers, places, 1, axis=1)
    return np.stack([values, markers], axis=-1), (values * markers).sum(axis=1)


def copy(rng: np.random.Generator, examples: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Copy memory: ten symbols, each one of 1 to 8, to be said again after `length` blank steps.

    After Hochreiter and Schmidhuber 1997, in the form of Arjovsky et al. 2016: ten symbols, L - 1 blanks (0), one
    delimiter (9), ten blanks; the target is blank up to and with the delimiter, and then the ten symbols. (Bai et al.
    2018 repeat the delimiter for as long as symbols are recalled.)

    Returns:
        Two arrays of symbols, int8, shape (N, L + 20): the sequences, and the target at each step.
    """
    symbols = rng.integers(1, SYMBOLS + 1, (examples, RECALLED), dtype="int8")
    x = np.full((examples, length + 2 * RECALLED), BLANK, dtype="int8")
    y = x.copy()
    x[:, :RECALLED] = y[:, -RECALLED:] = symbols
    x[:, -RECALLED - 1] = DELIMITER
    return x, y


def temporal_order(rng: np.random.Generator, examples: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Temporal order: which of X and Y stood at an early and at a middle place.

    Problem 6a of Hochreiter and Schmidhuber 1997 at any length: a start symbol (0), distractors (2 to 5) and an end
    symbol (1); X (6) or Y (7) stands once in [L / 10, L / 5) and once in [L / 2, 3 L / 5).

    Returns:
        Sequences of symbols, int8, shape (N, L), and classes, shape (N,): 0 is XX, 1 is XY, 2 is YX, 3 is YY.
    """
    x = rng.integers(FIRST_DISTRACTOR, LAST_DISTRACTOR + 1, (examples, length), dtype="int8")
    x[:, 0], x[:, -1] = START, END
    kinds = rng.integers(0, 2, (examples, 2))
    early = rng.integers(length // 10, length // 5, examples)
    middle = rng.integers(length // 2, 3 * length // 5, examples)
    np.put_along_axis(x, np.stack([early, middle], axis=1), X + kinds, axis=1)
    return x, 2 * kinds[:, 0] + kinds[:, 1]


@dataclass(frozen=True)
class MemoryProblem:
    """One of the problems: how it is made, and what its figures mean.

    Attributes:
        make: (generator, examples, length) -> sequences and targets.
        target: what is asked for: a `"number"` or a `"class"` at the end, or `"symbols"`, one at each step.
        shortest: the least `length`.
        metric: the figure that counts: `"mse"`, `"crossentropy"` (nats per step, over all steps) or `"accuracy"`.
        chance: length -> the metric of the best answer that remembers nothing.
        goal: length -> what the metric has to pass for the problem to count as solved.
    """

    make: Callable[[np.random.Generator, int, int], tuple[Any, Any]]
    target: str
    shortest: int
    metric: str
    chance: Callable[[int], float]
    goal: Callable[[int], float]

    def solved(self, metrics: dict[str, Any], length: int) -> bool:
        """Whether a model with these metrics, as `evaluate` gives them, has solved the problem; NaN has not."""
        value, goal = metrics[self.metric], self.goal(length)
        return value > goal if self.metric == "accuracy" else value < goal


def _copy_chance(length: int) -> float:
    """Blank wherever it is due, and then one of eight at random: spread over all steps, in nats."""
    return RECALLED * math.log(SYMBOLS) / (length + 2 * RECALLED)


MEMORY_PROBLEMS = {
    # Answering 1 is off by the variance of a sum of two uniform values.
    "adding": MemoryProblem(adding, "number", 2, "mse", chance=lambda length: 1 / 6, goal=lambda length: 0.01),
    "copy": MemoryProblem(
        copy, "symbols", 1, "crossentropy", chance=_copy_chance, goal=lambda length: _copy_chance(length) / 10
    ),
    # One class of four; the loss by chance is ln 4.
    "temporal-order": MemoryProblem(
        temporal_order, "class", 10, "accuracy", chance=lambda length: 1 / 4, goal=lambda length: 0.99
    ),
}


def memory_problem(problem: str, length: int) -> MemoryProblem:
    """A problem by its name, with `length` checked.

    Raises:
        DataError: there is no such problem, or `length` is too short for it.
    """
    if problem not in MEMORY_PROBLEMS:
        raise DataError(f"problem: unknown problem '{problem}'. Known problems: {', '.join(MEMORY_PROBLEMS)}.")
    found = MEMORY_PROBLEMS[problem]
    if length < found.shortest:
        raise DataError(f"length: '{problem}' needs a length of at least {found.shortest}, got {length}.")
    return found


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
    problem: str, length: int, *, train: int = 20_000, valid: int = 1000, test: int = 1000, seed: int = 0
) -> Splits:
    """A memory problem's data, with the columns `sequence` and `target`.

    Args:
        problem: `"adding"`, `"copy"` or `"temporal-order"`; what they hold is said at the functions of this module.
        length: steps; for `copy` the blank steps, which makes L + 20 in all.
        train, valid, test: examples of each part.
        seed: another seed gives other examples; the parts are drawn one after the other.

    Returns:
        `Splits` of `train, valid, test`.

    Raises:
        DataError: an unknown problem, a length too short for it, or a part without examples.

    Examples:
        >>> from rnnkit import datasets
        >>> train, valid, test = datasets.memory("adding", length=20, train=100)
        >>> train["sequence"][0].shape
        (20, 2)
    """
    make = memory_problem(problem, length).make
    rng = np.random.default_rng(seed)
    parts = []
    for part, examples in {"train": train, "valid": valid, "test": test}.items():
        if examples < 1:
            raise DataError(f"{part}: expected a positive number of examples, got {examples}.")
        sequences, targets = make(rng, examples, length)
        parts.append(Dataset({"sequence": sequences, "target": targets}, name=f"{problem} {length} {part}"))
    return Splits(*parts)
