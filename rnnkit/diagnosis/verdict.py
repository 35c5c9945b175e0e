"""From facts to findings: what is wrong, the evidence for it, and in which order to believe it.

A finding rests on something that was measured on this model. The rules stand here in the order of cause and effect: what
is wrong with the data first, then whether a gradient arrives at all, then how it travels, then what the whole training
shows. What nothing speaks for is not known, and is said to be so.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from rnnkit.diagnosis.data import Data
from rnnkit.diagnosis.layers import EARLY, RANK_STEPS, Layer
from rnnkit.diagnosis.signal import Signal
from rnnkit.diagnosis.training import Training

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

LARGE, TINY = 10.0, 0.02  # root mean squares of inputs: a gate's sigmoid is flat beyond 4, and about linear within 0.1
UNLIKE, OFF_CENTRE = 100.0, 20.0  # deviations of two features; a mean in deviations
LARGE_TARGET, TINY_TARGET = 10.0, 0.005  # root mean square; its deviation
PADDED = 0.25  # of the steps
LARGE_UPDATE, OFTEN_LARGE = 0.3, 0.1  # norm of an update over that of the weights: the largest, the median
TRAVELLED = 0.3  # sum of all updates over the weights, below which nothing can have been learned
SPIKE, JUMP = 1000.0, 3.0  # largest over median norm; the loss of an epoch over the smallest before
DEEP_FROM = 5  # recurrent layers on top of each other
LARGE_BIAS = 4.0  # a sigmoid's derivative is 0.018 there
ALL_NULL = 0.99  # fraction of weights that are exactly zero
INDEPENDENT = 0.1  # R^2 of a linear model, below which no dependence was seen
UNORDERED, DISPERSED = 0.08, 1.8  # correlation of neighbours; dispersion of means, where independent steps give 1
STRONG_DROPOUT, ABOVE = 0.3, 1.1  # rate; training loss over validation loss
RISE, GAP = 1.15, 1.3  # last validation loss over the smallest; over the training loss


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


def findings(facts: Facts) -> list[Finding]:
    """What is wrong, the most probable cause first; `NOT_KNOWN` where quality is wanting and nothing speaks for a cause."""
    found = [finding for rule in RULES for finding in rule(facts)]
    found = sorted(found, key=lambda finding: not finding.certain)
    if found or not facts.training.wanting:
        return found
    return [Finding(NOT_KNOWN, f"{learning(facts.training)} {ruled_out(facts)}", certain=False)]


def status(layer: Layer, facts: Facts, found: list[Finding]) -> str:
    """The one word for a layer: its first finding, or else how far it looks back."""
    own = (finding.name for finding in found if finding.layer == layer)
    return next(own, SHORT if layer.short else HEALTHY)


Rule = Iterator[Finding]


def not_finite(facts: Facts) -> Rule:
    """Numbers that are not finite, from the data on: only the first of them is a cause."""
    data, signal, records = facts.data, facts.signal, facts.training.records
    if data.broken_x or data.broken_y:
        side = "x" if data.broken_x else "y"
        fraction = max(data.broken_x, data.broken_y)
        yield Finding(BROKEN_DATA, f"{fraction:.1%} of the sequences have numbers in {side} that are not finite: "
                      f"{data.broken_at}.")
    elif signal.weights:
        when = f" The gradient was not finite from step {records.first_broken} on." if records.first_broken >= 0 else ""
        yield Finding(BROKEN_WEIGHTS, f"{len(signal.weights)} variables are not finite, the first is "
                      f"{signal.weights[0]}.{when}")
    elif signal.known and not np.isfinite(signal.loss):
        where = f"{signal.broken_at} makes it of finite numbers" if signal.broken_at else "though predictions are finite"
        yield Finding(BROKEN_LOSS, f"The loss on the probe is {signal.loss}, {where}.")
    elif not signal.finite:
        yield Finding(BROKEN_GRADIENT, f"The loss is {signal.loss:.3g}, and its gradient is not finite: a function in it "
                      "has no derivative there, such as the square root of an error of 0.")


def arrival(facts: Facts) -> Rule:
    """Whether a gradient of the loss arrives at the recurrent layers at all."""
    signal, layers = facts.signal, facts.layers
    if signal.ends_how in ("dead", "flat"):
        where = f"it ends at {signal.ends_at}" if signal.ends_at else "an operation after them cuts it off"
        why = {
            "dead": ", all of whose units are at zero, where their derivative is zero as well",
            "flat": ", which has no derivative, or one that is zero",
        }[signal.ends_how]
        yield Finding(NO_GRADIENT, f"No gradient of the loss arrives at any recurrent layer: {where}{why}.")
    elif signal.ends_how == "unread":
        yield Finding(IGNORED, "The predictions stay the same whatever the recurrent layers return.")
    elif not signal.ends_how:
        for layer in layers:
            if not layer.arrives:
                yield Finding(IGNORED, "No gradient of the loss arrives at it: the loss does not depend on what it "
                              "returns.", layer)
            elif layer.read < EARLY and not facts.training.content:
                yield Finding(IGNORED, f"What it returns is read up to {layer.read:.0%} of its steps only, so that it "
                              "cannot use the others.", layer)


def input_scale(facts: Facts) -> Rule:
    inputs = facts.data.inputs
    if inputs is None or facts.training.content:
        return
    said = []
    if inputs.size[0] > LARGE:
        said.append(f"feature {inputs.size[1]} has a root mean square of {inputs.size[0]:.3g}")
    elif inputs.raw and inputs.small[0] < TINY and inputs.spread <= UNLIKE and inputs.size[0] < TINY:
        said.append(f"the root mean square of all features is at most {inputs.size[0]:.2g}")
    if inputs.raw and inputs.spread > UNLIKE:
        said.append(f"the deviation of one is {inputs.spread:.2g} times that of another")
    if inputs.raw and inputs.offset > OFF_CENTRE:
        said.append(f"means are up to {inputs.offset:.2g} deviations from zero")
    if said:
        constant = f" Features that never change: {', '.join(map(str, inputs.constant))}." if inputs.constant else ""
        reads = f"{inputs.layer} reads {inputs.features} feature{'s' * (inputs.features > 1)}"
        yield Finding(INPUT_SCALE, f"{reads}; {', and '.join(said)}, where about 1 can be learned from.{constant}")


def target_scale(facts: Facts) -> Rule:
    target = facts.data.target
    if target is None or facts.training.content:
        return
    if target.size > LARGE_TARGET or target.deviation < TINY_TARGET:
        yield Finding(TARGET_SCALE, f"The target has mean {target.mean:.3g} and deviation {target.deviation:.2g}, the "
                      f"predictions {target.predicted_mean:.3g} and {target.predicted_deviation:.2g}; a network starts "
                      "with answers around 0 with a deviation of about 1.")


def padding(facts: Facts) -> Rule:
    data = facts.data
    if data.padding > PADDED and not facts.training.content:
        mask = "; the model makes a mask, which does not arrive there" if data.masked else ""
        yield Finding(PADDING, f"{data.padding:.0%} of the steps that the first recurrent layer reads are padding after "
                      f"the end of a sequence{mask}.")


def unbounded(facts: Facts) -> Rule:
    """An activation without bound in a gated cell, where something speaks against it."""
    training = facts.training
    spike, jump = training.records.spike, training.history.jump
    harm = []
    if spike > SPIKE:
        harm.append(f"the largest gradient norm was {spike:.2g} times the median one")
    if jump > JUMP:
        harm.append(f"the loss of an epoch rose to {jump:.2g} times an earlier one")
    for layer in facts.layers:
        if layer.unbounded and layer.cell != "simple_rnn" and not training.content:
            own = [f"its states reach {layer.largest:.3g}"] if layer.largest > LARGE else []
            own += [f"a gradient grows by a factor of {layer.gain:.3g} per step"] if layer.grows else []
            if harm or own or training.wanting:
                shown = ", and ".join(harm + own) or learning(training).rstrip(".")
                yield Finding(UNBOUNDED, f"The activation of its {layer.cell} cell has no bound: {shown}.", layer)


def rate_too_high(facts: Facts) -> Rule:
    training = facts.training
    records = training.records
    large = records.largest_ratio > LARGE_UPDATE or records.ratio > OFTEN_LARGE
    by_gradient = training.optimizer == "SGD" and (records.spike > LARGE or any(layer.grows for layer in facts.layers))
    if large and training.trained and not training.content and not by_gradient:
        yield Finding(RATE_HIGH, f"Updates were up to {records.largest_ratio:.2g} times as large as the weights (median "
                      f"{records.ratio:.2g}), where 0.01 is usual, at a learning rate of {training.rate:.2g}.")


def exploding(facts: Facts) -> Rule:
    training = facts.training
    if training.content:
        return
    seen = False
    for layer in facts.layers:
        if layer.grows:
            seen = True
            yield Finding(EXPLODING, way_back(layer), layer)
    records, jump = training.records, training.history.jump
    if not seen and records.spike > SPIKE and (jump > JUMP or records.refused > 0):
        yield Finding(EXPLODING, f"The gradient norm was {records.largest_norm:.2g} at most and {records.norm:.2g} in the "
                      f"median, and the loss of an epoch rose to {jump:.2g} times an earlier one.")


def saturated(facts: Facts) -> Rule:
    for layer in facts.layers:
        if layer.saturated and not facts.training.content:
            names = f"gate{'s' * (len(layer.saturated) > 1)} {', '.join(layer.saturated)}"
            yield Finding(SATURATED, f"Most units of {names} are constant: their activations do not depend on the input.",
                          layer)


def too_deep(facts: Facts) -> Rule:
    training = facts.training
    if training.depth >= DEEP_FROM and not training.shortcuts and training.wanting:
        yield Finding(DEEP, f"{training.depth} recurrent layers stand on top of each other without a way around them. "
                      f"{learning(training)}")


def collapsed(facts: Facts) -> Rule:
    for layer in facts.layers:
        if layer.collapsed and not facts.training.content:
            yield Finding(COLLAPSE, f"After {RANK_STEPS} steps back only one direction is left of "
                          f"{layer.directions} (effective rank {layer.rank:.1f}).", layer)


def null(facts: Facts) -> Rule:
    for layer in facts.layers:
        if layer.zeros >= ALL_NULL:
            yield Finding(NULL, "All its weights are zero.", layer)


def vanishing(facts: Facts) -> Rule:
    """Errors that do not reach as far as the task needs; where that is not known, only if quality is wanting."""
    training = facts.training
    for layer in facts.layers:
        known = bool(layer.needed_from)
        if layer.short and not training.content and (known or training.wanting):
            certain = known or layer.reach < layer.needed / 2
            yield Finding(VANISHING, f"{way_back(layer)} {compared(layer)}", layer, certain=certain)


def rate_too_low(facts: Facts) -> Rule:
    training = facts.training
    moved = training.records.travelled
    if training.trained and not training.content and moved < TRAVELLED:
        if training.unlearned or training.history.falling or training.wanting:
            falling = " The loss was still falling at the end." if training.history.falling else ""
            yield Finding(RATE_LOW, f"All {training.steps} steps together moved the weights by at most {moved:.2g} times "
                          f"their size, at a learning rate of {training.rate:.2g}.{falling}")


def order(facts: Facts) -> Rule:
    data, training = facts.data, facts.training
    unordered = abs(data.correlation) < UNORDERED
    dispersed = data.dispersion > DISPERSED or data.dispersion < 1 / DISPERSED
    if unordered and dispersed and training.wanting:
        yield Finding(ORDER, f"Neighbouring steps are no more alike than distant ones (correlation {data.correlation:.2f})"
                      f", though the steps of a sequence are not independent: the sequences' means vary "
                      f"{data.dispersion:.2g} times as much as they would. They look shuffled.")


def labels(facts: Facts) -> Rule:
    data, training = facts.data, facts.training
    if training.unlearned and data.dependence < INDEPENDENT:
        yield Finding(LABELS, f"{learning(training)} A linear model of the inputs explains "
                      f"{max(0.0, data.dependence):.0%} of the target on sequences left out: no dependence was seen, "
                      "though one that is not linear is possible.", certain=False)


def underfitting(facts: Facts) -> Rule:
    training, history = facts.training, facts.training.history
    if history.paired and training.dropout >= STRONG_DROPOUT and not training.content:
        ratios = np.array(history.loss) / np.array(history.val_loss)
        if min(history.val_loss) > 0 and ratios[1:].min() > ABOVE:
            yield Finding(UNDERFITTING, f"The training loss, with a dropout of {training.dropout:.2g}, was above the "
                          f"validation loss in every epoch: {history.loss[-1]:.3g} and {history.val_loss[-1]:.3g} in the "
                          "last.")


def overfitting(facts: Facts) -> Rule:
    training, history = facts.training, facts.training.history
    if history.paired and min(history.val_loss) > 0 and not training.content:
        best = int(np.argmin(history.val_loss))
        last = history.val_loss[-1]
        if last > RISE * history.val_loss[best] and last > GAP * history.loss[-1] < history.loss[best]:
            yield Finding(OVERFITTING, f"The validation loss was lowest in epoch {best + 1}, {history.val_loss[best]:.3g}, "
                          f"and rose to {last:.3g}, while the training loss fell to {history.loss[-1]:.3g}.")


RULES: tuple[Callable[[Facts], Rule], ...] = (
    not_finite,
    arrival,
    input_scale,
    target_scale,
    padding,
    unbounded,
    rate_too_high,
    rate_too_low,
    order,
    exploding,
    saturated,
    too_deep,
    collapsed,
    null,
    overfitting,
    underfitting,
    vanishing,
    labels,
)
PROBLEMS = (
    *(BROKEN_DATA, BROKEN_WEIGHTS, BROKEN_LOSS, BROKEN_GRADIENT, NO_GRADIENT, IGNORED, INPUT_SCALE, TARGET_SCALE),
    *(PADDING, UNBOUNDED, RATE_HIGH, RATE_LOW, ORDER, EXPLODING, SATURATED, DEEP, COLLAPSE, NULL),
    *(OVERFITTING, UNDERFITTING, VANISHING, LABELS, NOT_KNOWN),
)


def sentences(layer: Layer, word: str) -> str:
    """Some plain sentences on a layer: what was measured, what it is compared with, and the status."""
    parts = [way_back(layer), compared(layer)]
    if 0 < layer.dead:
        parts.append(f"In {layer.dead:.0%} of the sequences it dies out entirely.")
    if layer.followed < 1:
        parts.append(f"In {1 - layer.followed:.0%} of them no gradient of the loss enters where it was followed, and a "
                     "random one was taken.")
    if word == SHORT:
        parts.append(f"That is a problem only if the task needs more than {layer.reach:.0f} steps: say so with "
                     "needed_lag=.")
    return f"{layer.layer} ({layer.direction}): {' '.join(parts)} Verdict: {word}."


def way_back(layer: Layer) -> str:
    verb = "grows" if layer.gain > 1 else "shrinks"
    change = f"The backpropagated gradient {verb} by a factor of {layer.gain:.3g} per step"
    if layer.grows:
        return f"{change}, which is 10^{layer.span * np.log10(layer.gain):.0f} over {layer.span} steps."
    if layer.horizon_reached:
        return f"{change}, and is below 1 % of its initial size after {layer.horizon + 1} steps."
    return f"{change}, and after all {layer.span} steps measured it is at {layer.left:.2g} of its initial size."


def compared(layer: Layer) -> str:
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
    behind = training.explained < training.linear and training.linear > INDEPENDENT
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
