"""What helps against which problem: rules, which fill in the table of cures."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import keras

from rnnkit.diagnosis import verdict as v
from rnnkit.diagnosis.cure_table import NETWORK, Entry
from rnnkit.diagnosis.data_rules import LARGE, LARGE_TARGET, UNLIKE, out_of_reach
from rnnkit.diagnosis.layers import Layer
from rnnkit.diagnosis.rules import LARGE_BIAS, LARGE_UPDATE, SPIKE
from rnnkit.diagnosis.training import Training
from rnnkit.diagnosis.training_cures import TRAINING
from rnnkit.diagnosis.verdict import Facts, Finding
from rnnkit.recurrent.table import CELLS, Cell, key

TABLE = NETWORK | TRAINING
USUAL_UPDATE, LARGEST_UPDATE = 0.01, 0.03  # norm of an update over that of the weights: usually, and in the first step
FARTHEST = 0.005  # of the rate, that a rate is lowered to at once: updates of a training that ran away say no more
LARGEST_THRESHOLD = 1000.0  # of clipping; where most norms were larger the records tell no size to clip at
LESS_DROPOUT = 0.1  # little enough to see whether it is the cause
STRAIGHT_THROUGH = "x = x + keras.ops.stop_gradient(keras.ops.round(x) - x)  # or leave out what has no derivative"
LEAKY = 'keras.layers.Dense(units, activation="leaky_relu")  # in a new model'


@dataclass(frozen=True)
class Cure:
    """One thing to change.

    Attributes:
        name: its name.
        python: how to apply it, in a line of code: arguments of a task of rnnkit, or for a Keras model of your own.
        shell: options to add to `rnnkit run TASK`; None where the shell has none.
        why: how it helps.
        source: the paper.
        side_effect: what it can make worse.
    """

    name: str
    python: str
    shell: str | None
    why: str
    source: str
    side_effect: str

    @property
    def line(self) -> str:
        """The same as `python`."""
        return self.python

    def as_dict(self) -> dict[str, str | None]:
        """All of it as plain values, with `line` for `python`."""
        values = asdict(self)
        return {"name": values.pop("name"), "line": values.pop("python"), **values}

    def said(self, line: str) -> str:
        """All of it in sentences, with this line in place of `python`: a whole command, where that is what fits."""
        return f"{self.name}: {line}. {self.why} ({self.source}.) But: {self.side_effect}"

    def __str__(self) -> str:
        return self.said(self.python)


HOLDING = ("clipping", "spectral cap", "gradient penalty", "L2 penalty")  # what holds explosions down

# Problem, condition on facts and layer, cures in order; the first rule that fits counts.
RULES: list[tuple[str, Callable[[Facts, Any], bool], tuple[str, ...]]] = [
    (v.BROKEN_DATA, lambda facts, layer: True, ("drop broken rows",)),
    (v.BROKEN_WEIGHTS, lambda facts, layer: _diverged(facts), ("lower learning rate", "clipping", "guard")),
    (v.BROKEN_WEIGHTS, lambda facts, layer: True, ("guard", "clipping", "lower learning rate")),
    (v.BROKEN_LOSS, lambda facts, layer: True, ("loss with a derivative",)),
    (v.BROKEN_GRADIENT, lambda facts, layer: True, ("loss with a derivative",)),
    (v.NO_GRADIENT, lambda facts, layer: True, ("open the path",)),
    (v.IGNORED, lambda facts, layer: True, ("read the last state",)),
    (v.INPUT_SCALE, lambda facts, layer: _made_large(facts), ("rescaling", "layer normalisation")),
    (v.INPUT_SCALE, lambda facts, layer: True, ("normalization",)),
    (v.TARGET_SCALE, lambda facts, layer: out_of_reach(facts) and _far(facts), ("target into reach",)),
    (v.TARGET_SCALE, lambda facts, layer: out_of_reach(facts), ("linear output",)),
    (v.TARGET_SCALE, lambda facts, layer: True, ("scale the target",)),
    (v.PADDING, lambda facts, layer: True, ("mask", "padding in front")),
    (v.UNBOUNDED, lambda facts, layer: True, ("tanh", "clipping", "lower learning rate")),
    (v.RATE_HIGH, lambda facts, layer: True, ("lower learning rate", "clipping")),
    (v.RATE_LOW, lambda facts, layer: True, ("higher learning rate",)),
    (v.ORDER, lambda facts, layer: True, ("sort by time",)),
    (v.EXPLODING, lambda facts, layer: layer is None or layer.orthogonal, HOLDING),
    (
        v.EXPLODING,
        lambda facts, layer: _simple(layer) and layer.unbounded,
        ("gated cell", "orthogonal initialiser", *HOLDING),
    ),
    (v.EXPLODING, lambda facts, layer: _simple(layer), ("orthogonal initialiser", *HOLDING, "gated cell")),
    (v.EXPLODING, lambda facts, layer: True, ("orthogonal initialiser", *HOLDING)),
    (v.SATURATED, lambda facts, layer: layer.bias >= LARGE_BIAS, ("bias initializer", "layer normalisation")),
    (v.SATURATED, lambda facts, layer: True, ("layer normalisation", "lower learning rate")),
    (v.DEEP, lambda facts, layer: True, ("residual and layer normalisation", "fewer layers")),
    (v.COLLAPSE, lambda facts, layer: _parallel(layer), ("chrono initialisation",)),
    (v.COLLAPSE, lambda facts, layer: layer.orthogonal, ()),  # in each trial case another finding stood before it
    (v.COLLAPSE, lambda facts, layer: _simple(layer), ("orthogonal initialiser", "soft orthogonality", "gated cell")),
    (v.COLLAPSE, lambda facts, layer: True, ("orthogonal initialiser", "soft orthogonality")),
    (v.NULL, lambda facts, layer: True, ("fresh weights", "no penalty")),
    (v.OVERFITTING, lambda facts, layer: True, ("early stopping", "dropout")),
    (v.UNDERFITTING, lambda facts, layer: True, ("lower dropout", "more units")),
    (v.VANISHING, lambda facts, layer: layer.penalised, ("no penalty", "soft orthogonality")),
    (v.VANISHING, lambda facts, layer: _simple(layer), ("gated cell", "relu", "Omega", "soft orthogonality")),
    (
        v.VANISHING,
        lambda facts, layer: _gated(layer) and not layer.unbounded,
        ("chrono initialisation", "soft orthogonality"),
    ),
    (v.VANISHING, lambda facts, layer: True, ("gated cell", "soft orthogonality")),
    (v.LABELS, lambda facts, layer: True, ("check the labels",)),
    (v.NOT_KNOWN, lambda facts, layer: True, ()),
]


def cures(found: list[Finding], facts: Facts) -> list[Cure]:
    """What to try, in order: against the first finding, and then the others.

    Args:
        found: the findings, in order.
        facts: that they rest on.
    """
    named: dict[str, Cure] = {}
    for finding in found:
        for name in names(finding, facts):
            named.setdefault(name, _cure(name, finding.layer or _first(facts), facts))
    return list(named.values())


def names(finding: Finding, facts: Facts) -> tuple[str, ...]:
    """The cures of the first rule that fits, without those that the cell or the data cannot take."""
    layer = finding.layer
    found = next(listed for word, fits, listed in RULES if word == finding.name and fits(facts, layer))
    return tuple(name for name in found if _applies(name, layer or _first(facts), facts))


def _applies(name: str, layer: Layer | None, facts: Facts) -> bool:
    entry, inputs = TABLE[name], facts.data.inputs
    if name == "layer normalisation" and inputs is not None and layer is not None:
        deletes = inputs.features == 1 or inputs.spread > UNLIKE
        return not (inputs.raw and inputs.layer == layer.layer and deletes)
    if not entry.argument and not any(word in _line(entry, facts.training) for word in ("{layer}", "{cell}")):
        return True
    if layer is None:
        return name == "tanh" and bool(facts.training.unbounded)  # then that layer is known
    cell = _known(layer)
    return cell is not None and bool(layer.code) and (not entry.argument or cell.accepts(entry.argument))


def _diverged(facts: Facts) -> bool:
    """Whether steps were so large before the weights broke that one broken batch is not what did it."""
    records = facts.training.records
    return records.largest_ratio > LARGE_UPDATE or records.spike > SPIKE


def _far(facts: Facts) -> bool:
    """Whether the target is too large for an output without a bound as well."""
    return facts.data.target is not None and facts.data.target.size > LARGE_TARGET


def _made_large(facts: Facts) -> bool:
    """Whether it is the layers in front of the first recurrent one that make its inputs large."""
    inputs = facts.data.inputs
    return inputs is not None and not inputs.raw and inputs.given <= LARGE


def _first(facts: Facts) -> Layer | None:
    return facts.layers[0] if facts.layers else None


def _known(layer: Layer | None) -> Cell | None:
    """The table's entry for the layer's cell, if it has one."""
    return None if layer is None else CELLS.get(key(layer.cell))


def _simple(layer: Layer | None) -> bool:
    cell = _known(layer)
    return cell is not None and not cell.gates and cell.accepts("recurrent_initializer")


def _gated(layer: Layer | None) -> bool:
    cell = _known(layer)
    return cell is not None and bool(cell.keep_gate) and cell.accepts("bias_initializer")


def _parallel(layer: Layer | None) -> bool:
    cell = _known(layer)
    return cell is not None and _gated(layer) and not cell.accepts("recurrent_initializer")


def _cure(name: str, layer: Layer | None, facts: Facts) -> Cure:
    entry, training = TABLE[name], facts.training
    values = {
        **_of_layer(layer, training.unbounded),
        **_of_training(training),
        **_of_path(facts),
        "shrink": _shrink(facts),
    }
    shell = entry.shell.format(**values) if training.task and entry.shell else None
    python, why, side_effect = (
        text.format(**values) for text in (_line(entry, training), entry.why, entry.side_effect)
    )
    return Cure(name, python, shell, why, entry.source, side_effect)


def _line(entry: Entry, training: Training) -> str:
    return entry.task if training.task and entry.task else entry.own


def _of_layer(layer: Layer | None, unbounded: str) -> dict:
    if layer is None:
        return {"layer": unbounded or "keras.layers.LSTM", "lag": 100, "limit": 1.0, "orthogonal": "orthogonal"}
    gated, lag = _gated(layer), max(3, round(layer.needed))
    return {
        "orthogonal": "gate_orthogonal" if gated else "orthogonal",
        "plain_start": None if _parallel(layer) else '"orthogonal"',
        "orthogonal_start": "rnnkit.initializers.GateOrthogonal()" if gated else '"orthogonal"',
        "cell": layer.cell,
        "layer": layer.code or layer.cell,
        "lag": lag,
        "limit": layer.limit,
        "chrono": _chrono(layer, lag) if gated else "",
    }


def _of_training(training: Training) -> dict:
    ratio, largest = training.records.ratio, training.records.largest_ratio
    threshold = training.records.threshold
    return {
        "threshold": threshold if threshold < LARGEST_THRESHOLD else 1.0,
        "optimizer": _optimizer(training.optimizer),
        "lower": training.rate * (max(LARGEST_UPDATE / largest, FARTHEST) if largest > LARGEST_UPDATE else 0.1),
        "higher": training.rate * (USUAL_UPDATE / ratio if 0 < ratio < USUAL_UPDATE else 10),
        "depth": training.depth,
        "less_dropout": min(LESS_DROPOUT, training.dropout / 3),
    }


def _shrink(facts: Facts) -> float:
    """What brings the largest input of the first recurrent layer to a size of 1."""
    return 1.0 if facts.data.inputs is None else 1 / max(facts.data.inputs.size[0], 1e-30)


def _of_path(facts: Facts) -> dict:
    dead = facts.signal.ends_how == "dead"
    price = "a little of what is below zero gets through" if dead else "the gradient is only about right"
    return {"opened": LEAKY if dead else STRAIGHT_THROUGH, "opened_effect": f"{price}."}


def _chrono(layer: Layer, lag: int) -> str:
    cell: Any = _known(layer)
    start = f'bias_initializer=rnnkit.initializers.Chrono("{cell.gates}", max_lag={lag})'
    return f"{start}, unit_forget_bias=False" if cell.accepts("unit_forget_bias") else start


def _optimizer(name: str) -> str:
    """How code names an optimizer's class; one of the user's own goes by its bare name."""
    if name == "LazyAdam":
        return "rnnkit.LazyAdam"
    return f"keras.optimizers.{name}" if hasattr(keras.optimizers, name) else name
