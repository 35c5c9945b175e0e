"""ListOps, drawn as Long Range Arena draws it: nested expressions over digits, and their values.

Nangia and Bowman, "ListOps: a diagnostic dataset for latent tree learning", 2018; Tay et al., "Long Range Arena: a
benchmark for efficient transformers", 2021. Trees are drawn level by level, many at a time. Legend: `N` examples, `T`
steps, `L` the length that was asked for.
"""

from typing import NamedTuple

import numpy as np

DIGITS = 10
OPERATORS = ("MIN", "MAX", "MED", "SM")  # the symbols 10 to 13: minimum, maximum, median, and sum modulo 10
CLOSE = DIGITS + len(OPERATORS)
MOST_ARGUMENTS, MOST_LEVELS = 10, 10
OPERATOR_PROBABILITY = 0.25  # of a node above the lowest level
TREES = 500  # drawn at a time


class Level(NamedTuple):
    """The nodes at one depth of many trees, those of a parent side by side. Each an array with an entry a node.

    `symbol` is a digit or an operator; `arguments` says how many nodes of the next level are its own, 0 for a digit.
    """

    symbol: np.ndarray
    arguments: np.ndarray


def listops(rng: np.random.Generator, examples: int, length: int) -> tuple[list[np.ndarray], list[int]]:
    """ListOps: the value of a nested expression such as `[MAX 2 9 [MIN 4 7 ] 0 ]`, here 9.

    As in Long Range Arena, where L is 2,000: operators minimum, maximum, median (rounded down) and sum modulo 10 of 2
    to 10 arguments, each an expression with a probability of 1/4 and else a digit, at most ten levels deep; expressions
    of more than L / 4 and less than L symbols are taken.

    Returns:
        Sequences of symbols, int8, shape (T,): digits 0 to 9, `[MIN` 10, `[MAX` 11, `[MED` 12, `[SM` 13, `]` 14; and
        classes, the values of the expressions, 0 to 9.
    """
    x: list[np.ndarray] = []
    y: list[int] = []
    while len(x) < examples:
        levels = _draw(rng, TREES)
        sizes = _sizes(levels)
        symbols, values = np.split(_written(levels, sizes), np.cumsum(sizes[0])[:-1]), _values(levels)
        fitting = np.flatnonzero((sizes[0] > length / 4) & (sizes[0] < length))
        x += [symbols[tree] for tree in fitting]
        y += [int(values[tree]) for tree in fitting]
    return x[:examples], y[:examples]


def _draw(rng, trees) -> list[Level]:
    """Trees whose root is an operator: a digit alone is too short for every length."""
    levels, nodes = [], trees
    for depth in range(1, MOST_LEVELS + 1):
        probability = 1 if depth == 1 else OPERATOR_PROBABILITY if depth < MOST_LEVELS else 0
        is_operator = rng.random(nodes) < probability
        operators = rng.integers(DIGITS, CLOSE, nodes, dtype="int8")
        symbol = np.where(is_operator, operators, rng.integers(0, DIGITS, nodes, dtype="int8"))
        arguments = np.where(is_operator, rng.integers(2, MOST_ARGUMENTS + 1, nodes), 0)
        levels.append(Level(symbol, arguments))
        nodes = int(arguments.sum())
    return levels


def _firsts(arguments):
    """Where the arguments of each operator of a level begin in the next one."""
    return (np.cumsum(arguments) - arguments)[arguments > 0]


def _sizes(levels) -> list[np.ndarray]:
    """How many symbols each node has with all below it, level by level."""
    sizes: list[np.ndarray] = []
    below = np.zeros(0, int)
    for level in reversed(levels):
        size = np.ones(len(level.symbol), int)
        if len(below):
            size[level.arguments > 0] = 2 + np.add.reduceat(below, _firsts(level.arguments))
        sizes.append(below := size)
    return sizes[::-1]


def _values(levels) -> np.ndarray:
    """The value of each tree."""
    values = levels[-1].symbol.astype(int)
    for level in levels[-2::-1]:
        below, values = values, level.symbol.astype(int)
        is_operator = level.arguments > 0
        if is_operator.any():
            found = _applied(below, level.arguments[is_operator])
            values[is_operator] = np.choose(values[is_operator] - DIGITS, found)
    return values


def _applied(values, arguments) -> list[np.ndarray]:
    """Each of `OPERATORS` of each operator's arguments, whose values stand side by side."""
    firsts = _firsts(arguments)
    ordered = values[np.lexsort((values, np.repeat(np.arange(len(arguments)), arguments)))]
    medians = (ordered[firsts + (arguments - 1) // 2] + ordered[firsts + arguments // 2]) // 2
    sums = np.add.reduceat(values, firsts)
    return [ordered[firsts], ordered[firsts + arguments - 1], medians, sums % DIGITS]


def _written(levels, sizes) -> np.ndarray:
    """The symbols of all trees, one tree after the other."""
    written = np.empty(sizes[0].sum(), "int8")
    places = np.cumsum(sizes[0]) - sizes[0]
    for depth, (level, size) in enumerate(zip(levels, sizes, strict=True)):
        is_operator = level.arguments > 0
        written[places] = level.symbol
        written[(places + size - 1)[is_operator]] = CLOSE
        if not is_operator.any():
            break
        before = np.cumsum(sizes[depth + 1]) - sizes[depth + 1]
        moved = places[is_operator] + 1 - before[_firsts(level.arguments)]
        places = before + np.repeat(moved, level.arguments[is_operator])
    return written
