"""What a diagnosis says: facts, the findings that rest on them, and sentences."""

from dataclasses import dataclass, field

import numpy as np

from rnnkit.diagnosis.data import Data
from rnnkit.diagnosis.layers import Layer
from rnnkit.diagnosis.signal import Signal
from rnnkit.diagnosis.training import WORSE, Training

HEALTHY, SHORT = "healthy", "short memory"
BROKEN_DATA, BROKEN_WEIGHTS = "data not finite", "weights not finite"
BROKEN_LOSS, BROKEN_GRADIENT = "loss not finite", "gradient not finite"
NO_GRADIENT, IGNORED = "no gradient", "head ignores the state"
INPUT_SCALE, TARGET_SCALE = "input scale", "target scale"
PADDING, UNBOUNDED = "padding", "unbounded activation"
RATE_HIGH, RATE_LOW = "learning rate too high", "learning rate too low"
EXPLODING, SATURATED, COLLAPSE = "exploding", "saturated", "rank collapse"
DEEP, NULL, VANISHING = "too deep", "zero weights", "vanishing"
ORDER, LABELS = "order of time", "labels independent of the inputs"
UNDERFITTING, OVERFITTING, NOT_KNOWN = "underfitting", "overfitting", "not known"

PROBLEMS = (
    *(BROKEN_DATA, BROKEN_WEIGHTS, BROKEN_LOSS, BROKEN_GRADIENT, NO_GRADIENT, IGNORED, INPUT_SCALE, TARGET_SCALE),
    *(PADDING, UNBOUNDED, RATE_HIGH, ORDER, OVERFITTING, EXPLODING, SATURATED, DEEP, COLLAPSE, NULL, RATE_LOW),
    *(UNDERFITTING, VANISHING, LABELS, NOT_KNOWN),
)


@dataclass(frozen=True)
class Facts:
    """All that is known of a model: what the findings go by."""

    data: Data = field(default_factory=Data)
    signal: Signal = field(default_factory=Signal)
    training: Training = field(default_factory=Training)
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class Finding:
    """One problem.

    Attributes:
        name: one of `PROBLEMS`.
        evidence: what was measured, in a sentence.
        layer: the layer that it is found in, and its direction; None where it is the model or its data.
        certain: whether it is seen directly, and stops a network from learning by itself.
    """

    name: str
    evidence: str
    layer: Layer | None = None
    certain: bool = True

    def __str__(self) -> str:
        where = f" in {self.layer.layer} ({self.layer.direction})" if self.layer else ""
        return f"{self.name.capitalize()}{where}: {self.evidence}"


def sentences(layer: Layer, word: str) -> str:
    """Some plain sentences on a layer: what was measured, what it is compared with, and the status."""
    parts = [way_back(layer), compared(layer)]
    if layer.dead > 0:
        parts.append(f"In {layer.dead:.0%} of the sequences it dies out entirely.")
    if layer.followed < 1:
        parts.append(
            f"In {1 - layer.followed:.0%} of the sequences the loss sends no gradient into the step from which it was "
            "followed, and a random one was taken."
        )
    if word == SHORT:
        parts.append(
            f"That is a problem only if the task needs more than {layer.reach:.0f} steps: say so with needed_lag=."
        )
    return f"{layer.layer} ({layer.direction}): {' '.join(parts)} Verdict: {word}."


def way_back(layer: Layer) -> str:
    """What becomes of the gradient that is propagated back through a layer."""
    how = f"{'grows' if layer.gain > 1 else 'shrinks'} by a factor of {layer.gain:.3g} per step"
    change = f"The backpropagated gradient {how if f'{layer.gain:.3g}' != '1' else 'hardly changes from step to step'}"
    if layer.grows:
        return f"{change}, which is 10^{layer.span * np.log10(layer.gain):.0f} over {layer.span} steps."
    if layer.horizon_reached:
        return f"{change}, and is below 1 % of its initial size after {layer.horizon + 1} steps."
    return f"{change}, and after all {layer.span} steps measured it is at {layer.left:.2g} of its initial size."


def compared(layer: Layer) -> str:
    """How far back it has to reach."""
    if not layer.needed_from:
        said = "How far back the task needs gradients to reach is not known"
        return f"{said}; half of the median length is {layer.needed:.0f} steps."
    said = f"The task needs gradients to reach {layer.needed:.0f} steps back ({layer.needed_from})"
    if layer.horizon < layer.needed <= layer.reach and layer.horizon_reached and layer.routes:
        return f"{said}; other routes (pooling, attention, layers above) lead there."
    return f"{said}."


def learning(training: Training) -> str:
    """What is known of how much was learned."""
    if training.solved:
        return "The model is as good as it has to be."
    if np.isnan(training.explained):
        return "Whether it has learned is not known: its loss does not compare predictions with targets."
    said = f"After {training.steps} optimizer steps the inputs explain {max(0, training.explained):.0%} of the loss"
    behind = training.explained < training.linear and training.linear > WORSE
    return f"{said}, and a linear model of them {training.linear:.0%}." if behind else f"{said}."


def ruled_out(facts: Facts) -> str:
    """What was looked at, and is not the cause."""
    training, records = facts.training, facts.training.records
    looked = ["numbers that are not finite", "a gradient that does not arrive", "the scale of inputs and target"]
    looked += ["exploding gradients", "saturated gates", "too many layers"]
    if not np.isnan(records.ratio):
        looked.append(f"the learning rate (updates are {records.ratio:.2g} of the weights)")
    if training.history.paired:
        looked.append("overfitting")
    if not any(layer.short for layer in facts.layers):
        looked.append("vanishing gradients")
    missing = "" if not np.isnan(records.ratio) else " The learning rate could not be judged: give health=."
    return f"The cause is not known from this. Ruled out: {', '.join(looked)}.{missing}"
