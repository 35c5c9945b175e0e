"""How much dropout suits how much music."""

import numpy as np

MEASURED = 13_807, 176_561  # training frames of JSB and of Nottingham
SUITED = {"dropout": (0.6, 0.35), "head_dropout": (0.5, 0.2)}  # for both
LARGEST = 0.6


def suited_dropout(frames: int) -> dict[str, float]:
    """The rates of dropout that suit a number of training frames, by argument.

    They were fitted on two data sets: the chorales of JSB (13,807 frames: 0.6, and 0.5 in the head) and the folk tunes
    of Nottingham (176,561 frames: 0.35 and 0.2). Between the two they follow the logarithm of the number of frames, and
    beyond them they stay as they are there.

    Examples:
        >>> from rnnkit.tasks.music.dropout import suited_dropout
        >>> suited_dropout(50_000)
        {'dropout': 0.474, 'head_dropout': 0.349}
    """
    return {name: round(float(np.interp(np.log(frames), np.log(MEASURED), ends)), 3) for name, ends in SUITED.items()}
