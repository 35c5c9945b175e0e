"""What generated music is like, in numbers, compared with the music that the model learned from.

The measures are simple ones of the field: Dong et al., "MuseGAN", AAAI 2018, and L.-C. Yang and A. Lerch, "On the
evaluation of generative models in music", Neural Computing and Applications 32, 2020. They do not say whether music is
good; they show what is wrong with it: silence that does not end, a chord that is held for ever, keys never played.
Legend: `T` steps of a piece.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from rnnkit.datasets import Splits
from rnnkit.datasets.piano_rolls import KEYS, LOWEST
from rnnkit.tasks.music.baselines import baseline_nll
from rnnkit.tasks.music.piece import Piece
from rnnkit.tasks.music.rolls import runs

if TYPE_CHECKING:
    import pandas as pd

MEASURES = {
    "pieces": "how many",
    "steps": "of all pieces",
    "chord_size": "mean of the keys that sound in a step, silence left out",
    "repeated": "fraction of the steps that are like the step before",
    "longest_hold": "steps that a chord, or a note, sounds without change",
    "empty": "fraction of the steps in which nothing sounds",
    "longest_silence": "steps without a note",
    "lowest": "MIDI pitch",
    "highest": "MIDI pitch",
    "distinct": "fraction of the steps that sound as none before them in their piece",
    "pitch_class_distance": "of the pitch classes from the training data's, 0 to 1 (total variation)",
}
Pieces = Piece | Iterable[Piece | np.ndarray]


def music_statistics(pieces: Pieces) -> "pd.Series":
    """Measures of some pieces, taken together: steps are counted over all of them, runs within each.

    Args:
        pieces: `Piece`s, rolls of shape (T, 88), or one `Piece`.

    Returns:
        The measures of `MEASURES`, which says what each is, but the last. One that there is nothing to measure for,
        such as the lowest pitch of silence, is NaN. `distinct` falls with the length of the pieces: compare pieces of
        like length.

    Raises:
        ArgumentError: a piece is no roll.
    """
    import pandas as pd

    rolls = _rolls(pieces)
    steps = sum(map(len, rolls))
    lengths, sounding = runs(rolls)
    keys = np.sum([roll.sum(axis=0) for roll in rolls], axis=0) if rolls else np.zeros(KEYS)
    pitches = np.flatnonzero(keys) + LOWEST
    values = {
        "pieces": len(rolls),
        "steps": steps,
        "chord_size": _ratio(keys.sum(), lengths[sounding].sum()),
        "repeated": _ratio(steps - len(lengths), steps - len(rolls)),
        "longest_hold": lengths[sounding].max(initial=0),
        "empty": _ratio(lengths[~sounding].sum(), steps),
        "longest_silence": lengths[~sounding].max(initial=0),
        "lowest": pitches.min() if len(pitches) else np.nan,
        "highest": pitches.max() if len(pitches) else np.nan,
        "distinct": _ratio(sum(len({frame.tobytes() for frame in roll}) for roll in rolls), steps),
    }
    return pd.Series(values, dtype=float)


def compare_music(training: Pieces, **others: Pieces) -> "pd.DataFrame":
    """Measures of pieces compared with those of the training data.

    ```python
    compare_music(train["roll"], test=test["roll"], generated=model.generate(count=20))
    ```

    Held-out pieces show how far apart music of one kind is.

    Args:
        training: `Piece`s, rolls of shape (T, 88), or one `Piece`.
        others: more of them, by the names of their columns.

    Returns:
        A row for each of `MEASURES`, in the index, and a column `training` and one for each of `others`.
        `pitch_class_distance` is the total variation distance (half the sum of absolute differences) of the pitch
        classes' shares from those of the training data: 0 for the same shares, 1 for no pitch class in common.

    Raises:
        ArgumentError: a piece is no roll.
    """
    import pandas as pd

    columns = {name: _rolls(pieces) for name, pieces in {"training": training, **others}.items()}
    expected = pitch_classes(columns["training"])
    frame = pd.DataFrame({name: music_statistics(rolls) for name, rolls in columns.items()})
    frame.loc["pitch_class_distance"] = {
        name: np.abs(pitch_classes(rolls) - expected).sum() / 2 for name, rolls in columns.items()
    }
    return frame.rename_axis("measure")


def result_tables(pieces: list[Piece], splits: Splits, nll: float) -> dict[str, "pd.DataFrame"]:
    """The tables of a run: `statistics`, of `compare_music`, and `baselines`, the NLL on test data.

    Args:
        pieces: what the model generated.
        splits: the run's data, with the column `roll` of `Piece`s.
        nll: the model's NLL on test data, nats per step.
    """
    import pandas as pd

    train, test = splits.train["roll"], splits.test["roll"]
    statistics = compare_music(train, test=test, generated=pieces).reset_index()
    statistics["what it is"] = list(MEASURES.values())
    rows = [*baseline_nll(train, test).items(), ("this model", nll)]
    baselines = pd.DataFrame(rows, columns=["model", "nll"])
    return {"statistics": statistics, "baselines": baselines}


def pitch_classes(pieces: Pieces) -> np.ndarray:
    """How much of the sounding time, counted key by key and in steps, goes to each pitch class.

    Args:
        pieces: `Piece`s, rolls of shape (T, 88), or one `Piece`.

    Returns:
        Shape (12,), from C, sharps and flats taken as one, to B: shares that sum to one; NaN where nothing sounds.

    Raises:
        ArgumentError: a piece is no roll.
    """
    steps = np.zeros(12)
    for roll in _rolls(pieces):
        np.add.at(steps, (np.arange(KEYS) + LOWEST) % 12, roll.sum(axis=0))
    return steps / steps.sum() if steps.any() else np.full(12, np.nan)


def _rolls(pieces: Pieces) -> list[np.ndarray]:
    several = [pieces] if isinstance(pieces, Piece) else pieces
    return [piece.roll if isinstance(piece, Piece) else Piece(piece).roll for piece in several]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else np.nan
