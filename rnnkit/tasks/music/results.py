"""What a run of music leaves beside its metrics: generated pieces, their measures, and what its NLL is worth."""

from typing import TYPE_CHECKING

from rnnkit.datasets import Splits
from rnnkit.tasks.music.baselines import baseline_nll
from rnnkit.tasks.music.piece import Piece
from rnnkit.tasks.music.statistics import MEASURES, compare_music

if TYPE_CHECKING:
    import pandas as pd

GENERATED = 20  # pieces


def result_tables(pieces: list[Piece], splits: Splits, nll: float) -> dict[str, "pd.DataFrame"]:
    """`statistics`: `compare_music` of training data, test data and generated pieces; `baselines`: NLL on test data.

    Args:
        pieces: what the model generated.
        splits: the run's data, with the column `roll` of `Piece`s.
        nll: the model's NLL on test data, nats a step.
    """
    import pandas as pd

    train, test = splits.train["roll"], splits.test["roll"]
    statistics = compare_music(train, test=test, generated=pieces).reset_index()
    statistics["what it is"] = list(MEASURES.values())
    floors = baseline_nll(train, test)
    baselines = pd.DataFrame([*floors.items(), ("this model", nll)], columns=["model", "nll"])
    return {"statistics": statistics, "baselines": baselines}
