"""What helps against which trouble: one table of rules, and one of cures."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

from rnnkit.diagnosis import verdict as v
from rnnkit.diagnosis.cure_table import TABLE
from rnnkit.diagnosis.verdict import Finding, Training
from rnnkit.recurrent.cells import find_cell
from rnnkit.recurrent.table import CELLS, Cell, key

USUAL_UPDATE = 0.01  # norm of an update over that of the weights, at the start of a training


@dataclass(frozen=True)
class Cure:
    """One thing to change.

    Attributes:
        name: its name.
        line: how to apply it, in a line of code: arguments of a task of rnnkit, or for a Keras model of your own.
        why: how it helps.
        source: the paper.
        side_effect: what it can make worse.
    """

    name: str
    line: str
    why: str
    source: str
    side_effect: str

    def __str__(self) -> str:
        return f"{self.name}: {self.line}. {self.why} ({self.source}.) But: {self.side_effect}"


def _known(found: Finding) -> Cell | None:
    """The table's entry for the layer's cell, if it has one."""
    return CELLS.get(key(found.cell))


def _simple(found: Finding, training: Training) -> bool:
    cell = _known(found)
    return cell is not None and not cell.gates and cell.accepts("recurrent_initializer")


def _gated(found: Finding, training: Training) -> bool:
    cell = _known(found)
    return cell is not None and bool(cell.keep_gate) and cell.accepts("bias_initializer")


def _parallel(found: Finding, training: Training) -> bool:
    return _gated(found, training) and not find_cell(found.cell).accepts("recurrent_initializer")


def _growing_state(found: Finding, training: Training) -> bool:
    return _simple(found, training) and found.unbounded


def _orthogonal(found: Finding, training: Training) -> bool:
    return found.orthogonal


def _penalised(found: Finding, training: Training) -> bool:
    return found.penalised


def _biased(found: Finding, training: Training) -> bool:
    return found.bias >= v.LARGE_BIAS


def _null(found: Finding, training: Training) -> bool:
    return found.zeros >= v.NULL


def _deep(found: Finding, training: Training) -> bool:
    return training.sunk


def _overstepping(found: Finding, training: Training) -> bool:
    return training.overstepping


def _creeping(found: Finding, training: Training) -> bool:
    return training.update_ratio < v.SMALL_UPDATE


def _always(found: Finding, training: Training) -> bool:
    return True


HOLDING = ("clipping", "spectral cap", "gradient penalty", "L2 penalty")  # what holds explosions down

# Trouble, condition, cures in order; the first rule that fits counts.
RULES: list[tuple[str, Callable[[Finding, Training], bool], tuple[str, ...]]] = [
    (v.EXPLODING, _orthogonal, HOLDING),
    (v.EXPLODING, _growing_state, ("gated cell", "orthogonal start", *HOLDING)),
    (v.EXPLODING, _simple, ("orthogonal start", *HOLDING, "gated cell")),
    (v.EXPLODING, _always, ("orthogonal start", *HOLDING)),
    (v.SATURATED, _biased, ("bias start", "layer normalisation")),
    (v.SATURATED, _always, ("layer normalisation",)),
    (v.COLLAPSE, _parallel, ("chrono start",)),
    (v.COLLAPSE, _penalised, ("no penalty", "orthogonal start", "soft orthogonality")),
    (v.COLLAPSE, _orthogonal, ("soft orthogonality",)),
    (v.COLLAPSE, _simple, ("orthogonal start", "soft orthogonality", "gated cell")),
    (v.COLLAPSE, _always, ("orthogonal start", "soft orthogonality")),
    (v.NOT_LEARNING, _overstepping, ("lower learning rate", "clipping")),
    (v.NOT_LEARNING, _null, ("fresh weights", "no penalty")),
    (v.NOT_LEARNING, _deep, ("residual and layer normalisation",)),
    (v.NOT_LEARNING, _creeping, ("higher learning rate",)),
    (v.NOT_LEARNING, _always, ("lower learning rate", "layer normalisation")),
    (v.VANISHING, _penalised, ("no penalty", "soft orthogonality")),
    (v.VANISHING, _simple, ("gated cell", "relu", "Omega", "soft orthogonality")),
    (v.VANISHING, _gated, ("chrono start", "soft orthogonality")),
    (v.VANISHING, _always, ("gated cell", "soft orthogonality")),
]


ON_RECURRENT_KERNELS = {"orthogonal start", "soft orthogonality", "spectral cap", "L2 penalty", "no penalty"}


def cures(findings: list[tuple[Finding, str]], training: Training) -> list[Cure]:
    """What to try, in order: against the first trouble of `verdict.TROUBLES` that is there, and then the others.

    Args:
        findings: each with its status.
        training: what is known of it.
    """
    found: dict[str, Cure] = {}
    for trouble in v.TROUBLES:
        for finding in (finding for finding, word in findings if word == trouble):
            for name in names(trouble, finding, training):
                found.setdefault(name, _cure(name, finding, training))
    return list(found.values())


def names(trouble: str, finding: Finding, training: Training) -> tuple[str, ...]:
    """The cures of the first rule that fits, without those that a cell without recurrent kernel cannot take."""
    found = next(cures for word, fits, cures in RULES if word == trouble and fits(finding, training))
    return tuple(name for name in found if not (_parallel(finding, training) and name in ON_RECURRENT_KERNELS))


def _cure(name: str, finding: Finding, training: Training) -> Cure:
    entry = TABLE[name]
    lag = max(3, round(finding.needed))
    ratio = training.update_ratio
    gated = _gated(finding, training)
    values = {
        "orthogonal": "gate_orthogonal" if gated else "orthogonal",
        "plain_start": None if _parallel(finding, training) else '"orthogonal"',
        "orthogonal_start": "rnnkit.initializers.GateOrthogonal()" if gated else '"orthogonal"',
        "cell": finding.cell,
        "layer": finding.cell if (cell := _known(finding)) is None else cell.in_code,
        "lag": lag,
        "limit": finding.limit,
        "chrono": _chrono(finding.cell, lag) if gated else "",
        "threshold": 1.0 if np.isnan(training.threshold) else training.threshold,
        "optimizer": _optimizer(training.optimizer),
        "lower": training.rate * (USUAL_UPDATE / ratio if ratio > USUAL_UPDATE else 0.1),
        "higher": training.rate * (USUAL_UPDATE / 10 / ratio if 0 < ratio < USUAL_UPDATE / 10 else 10),
    }
    line, why = (text.format(**values) for text in (entry.task if training.task else entry.own, entry.why))
    return Cure(name, line, why, entry.source, entry.side_effect)


def _chrono(cell: str, lag: int) -> str:
    entry = find_cell(cell)
    start = f'bias_initializer=rnnkit.initializers.Chrono("{entry.gates}", max_lag={lag})'
    return f"{start}, unit_forget_bias=False" if entry.accepts("unit_forget_bias") else start


def _optimizer(name: str) -> str:
    """How code names an optimizer's class; one of the user's own goes by its bare name."""
    if name == "LazyAdam":
        return "rnnkit.LazyAdam"
    return f"keras.optimizers.{name}" if hasattr(keras.optimizers, name) else name
