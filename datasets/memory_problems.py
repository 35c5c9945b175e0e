"""How the memory problems are drawn. `rnnkit.datasets.memory` has their table.

Each function takes a generator, the number of examples and the length that was asked for, and returns sequences and
targets. Legend: `N` examples, `T` steps, `L` the length that was asked for.
"""

import numpy as np

SYMBOLS, RECALLED = 8, 10  # copy: kinds of symbol, and how many are to be recalled
BLANK, DELIMITER = 0, 9
START, END, FIRST_DISTRACTOR, LAST_DISTRACTOR, X = 0, 1, 2, 5, 6  # temporal order; Y is X + 1
TRIGGER = 16  # induction heads: the symbol after the 16 others
LONGEST_PARITY = 256  # steps of a test sequence


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


def selective_copy(rng: np.random.Generator, examples: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Selective copying: ten symbols, each one of 1 to 8, scattered among blanks, to be said again in their order.

    After Gu and Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2024, section 4.1.1, and Jing
    et al., "Gated orthogonal recurrent units: on learning to forget", 2019, in the form of `copy`: the symbols stand at
    random places of the first L + 9 steps, the others are blank (0); then one delimiter (9) and ten blanks. What a step
    has to do depends on its symbol, so that no fixed delay helps, as it does in `copy`.

    Returns:
        Two arrays of symbols, int8, shape (N, L + 20): the sequences, and the target at each step.
    """
    steps = length + RECALLED - 1
    symbols = rng.integers(1, SYMBOLS + 1, (examples, RECALLED), dtype="int8")
    places = np.sort(rng.random((examples, steps)).argsort(axis=1)[:, :RECALLED], axis=1)
    x = np.full((examples, length + 2 * RECALLED), BLANK, dtype="int8")
    y = x.copy()
    np.put_along_axis(x, places, symbols, axis=1)
    x[:, steps] = DELIMITER
    y[:, -RECALLED:] = symbols
    return x, y


def induction_heads(rng: np.random.Generator, examples: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Induction heads: which symbol came after the trigger, when the trigger comes again.

    After Olsson et al., "In-context learning and induction heads", 2022, in the form of Dao et al., "Hungry hungry
    hippos: towards language modeling with state space models", 2023, and Gu and Dao 2024: symbols of 0 to 15 at random,
    a trigger (16) once somewhere before the last two steps, and once more as the last step.

    Returns:
        Sequences of symbols, int8, shape (N, L), and classes, shape (N,): the symbol after the first trigger.
    """
    x = rng.integers(0, TRIGGER, (examples, length), dtype="int8")
    first = rng.integers(0, length - 2, (examples, 1))
    x[:, -1] = TRIGGER
    np.put_along_axis(x, first, TRIGGER, axis=1)
    return x, np.take_along_axis(x, first + 1, axis=1)[:, 0].astype("int64")


def parity(rng: np.random.Generator, examples: int, length: int) -> tuple[list[np.ndarray], list[int]]:
    """Parity: whether the ones among the bits are odd in number, for sequences of every length up to L.

    State tracking: every one has to turn the state over, however long ago the sequence began. A linear recurrence with
    factors between 0 and 1 cannot do that at every length (Grazzi et al., "Unlocking state-tracking in linear RNNs
    through negative eigenvalues", 2025). Trained up to 40 steps and tested from 40 to 256, as in Beck et al., "xLSTM:
    extended long short-term memory", 2024.

    Returns:
        Sequences of bits, int8, shape (T,) with T of 1 to L, and classes: 1 where the ones are odd in number.
    """
    return _parity_between(rng, examples, 1, length)


def long_parity(rng: np.random.Generator, examples: int, length: int) -> tuple[list[np.ndarray], list[int]]:
    """The test part of `parity`: as there, with T of L to 256, whatever was trained on."""
    return _parity_between(rng, examples, length, LONGEST_PARITY)


def _parity_between(rng, examples, shortest, longest):
    lengths = rng.integers(shortest, longest + 1, examples)
    x = [rng.integers(0, 2, length, dtype="int8") for length in lengths]
    return x, [int(bits.sum() % 2) for bits in x]
