"""From facts to findings: what is wrong, and in which order to believe it.

A finding rests on something that was measured on this model. The rules stand here in the order of cause and effect:
what is wrong with the data first, then whether a gradient arrives at all, then how it travels, then what the whole
training shows. What nothing speaks for is not known, and is said to be so.
"""

from collections.abc import Callable, Iterator

import numpy as np

from rnnkit.diagnosis import verdict as v
from rnnkit.diagnosis.layers import EARLY, RANK_STEPS, Layer
from rnnkit.diagnosis.verdict import Facts, Finding, compared, learning, ruled_out, way_back

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
UNORDERED = 0.08  # correlation of neighbours
DISPERSED, FAR_DISPERSED = 1.8, 4.0  # dispersion of means, where independent steps give 1; without lost quality
STRONG_DROPOUT, ABOVE = 0.3, 1.1  # rate; training loss over validation loss
RISE, GAP = 1.3, 1.5  # last validation loss over the smallest; over the training loss


def findings(facts: Facts) -> list[Finding]:
    """What is wrong, the most probable cause first; `NOT_KNOWN` if quality is wanting and nothing says why."""
    found = list(not_finite(facts)) or [finding for rule in RULES for finding in rule(facts)]
    found = sorted(found, key=lambda finding: not finding.certain)
    if found or not facts.training.wanting:
        return found
    return [Finding(v.NOT_KNOWN, f"{learning(facts.training)} {ruled_out(facts)}", certain=False)]


def status(layer: Layer, facts: Facts, found: list[Finding]) -> str:
    """The one word for a layer: its first finding, or else how far it looks back."""
    own = (finding.name for finding in found if finding.layer == layer)
    return next(own, v.SHORT if layer.short else v.HEALTHY)


Rule = Iterator[Finding]


def not_finite(facts: Facts) -> Rule:
    """Numbers that are not finite, from the data on: only the first of them is a cause."""
    data, signal, records = facts.data, facts.signal, facts.training.records
    if data.broken_x or data.broken_y:
        side = "x" if data.broken_x else "y"
        fraction = max(data.broken_x, data.broken_y)
        yield Finding(
            v.BROKEN_DATA,
            f"{fraction:.1%} of the sequences have numbers in {side} that are not finite: {data.broken_at}.",
        )
    elif signal.weights:
        when = f" The gradient was not finite from step {records.first_broken} on." if records.first_broken >= 0 else ""
        yield Finding(
            v.BROKEN_WEIGHTS, f"{len(signal.weights)} variables are not finite, the first is {signal.weights[0]}.{when}"
        )
    elif any(layer.grows for layer in facts.layers):
        return  # states or errors that overflow
    elif signal.known and not np.isfinite(signal.loss):
        where = (
            f"{signal.broken_at} makes it of finite numbers" if signal.broken_at else "though predictions are finite"
        )
        yield Finding(v.BROKEN_LOSS, f"The loss on the probe is {signal.loss}, {where}.")
    elif not signal.finite:
        yield Finding(
            v.BROKEN_GRADIENT,
            f"The loss is {signal.loss:.3g}, and its gradient is not finite: a function in it "
            "has no derivative there, such as the square root of an error of 0.",
        )


def arrival(facts: Facts) -> Rule:
    """Whether a gradient of the loss arrives at the recurrent layers at all."""
    signal, layers = facts.signal, facts.layers
    if signal.ends_how in ("dead", "flat"):
        where = f"it ends at {signal.ends_at}" if signal.ends_at else "an operation after them cuts it off"
        why = {
            "dead": ", all of whose units are at zero, where their derivative is zero as well",
            "flat": ", which has no derivative, or one that is zero",
        }[signal.ends_how]
        yield Finding(v.NO_GRADIENT, f"No gradient of the loss arrives at any recurrent layer: {where}{why}.")
    elif signal.ends_how == "unread":
        yield Finding(v.IGNORED, "The predictions stay the same whatever the recurrent layers return.")
    elif not signal.ends_how:
        for layer in layers:
            if not layer.arrives:
                yield Finding(
                    v.IGNORED,
                    "No gradient of the loss arrives at it: the loss does not depend on what it returns.",
                    layer,
                )
            elif layer.read < EARLY and not facts.training.content:
                yield Finding(
                    v.IGNORED,
                    f"What it returns is read up to {layer.read:.0%} of its steps only, so that it "
                    "cannot use the others.",
                    layer,
                )


def input_scale(facts: Facts) -> Rule:
    """Inputs of a size, or of sizes, that a recurrent layer cannot use."""
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
        yield Finding(v.INPUT_SCALE, f"{reads}; {', and '.join(said)}, where about 1 can be learned from.{constant}")


def target_scale(facts: Facts) -> Rule:
    """A target that answers of a usual size cannot reach."""
    target = facts.data.target
    if target is None or facts.training.content:
        return
    if target.size > LARGE_TARGET or target.deviation < TINY_TARGET:
        yield Finding(
            v.TARGET_SCALE,
            f"The target has mean {target.mean:.3g} and deviation {target.deviation:.2g}, the "
            f"predictions {target.predicted_mean:.3g} and {target.predicted_deviation:.2g}; a network starts "
            "with answers around 0 with a deviation of about 1.",
        )


def padding(facts: Facts) -> Rule:
    """Padding that a layer reads as if it were data."""
    data = facts.data
    if data.padding > PADDED and not facts.training.content:
        mask = "; the model makes a mask, which does not arrive there" if data.masked else ""
        yield Finding(
            v.PADDING,
            f"{data.padding:.0%} of the steps that the first recurrent layer reads are padding after "
            f"the end of a sequence{mask}.",
        )


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
                yield Finding(v.UNBOUNDED, f"The activation of its {layer.cell} cell has no bound: {shown}.", layer)


def rate_too_high(facts: Facts) -> Rule:
    """Updates so large that they destroy what was learned before."""
    training = facts.training
    records = training.records
    large = records.largest_ratio > LARGE_UPDATE or records.ratio > OFTEN_LARGE
    by_gradient = training.optimizer == "SGD" and (records.spike > LARGE or any(layer.grows for layer in facts.layers))
    if large and training.trained and not training.content and not by_gradient:
        yield Finding(
            v.RATE_HIGH,
            f"Updates were up to {records.largest_ratio:.2g} times as large as the weights (median "
            f"{records.ratio:.2g}), where 0.01 is usual, at a learning rate of {training.rate:.2g}.",
        )


def exploding(facts: Facts) -> Rule:
    """Errors that grow on their way back, or gradients that did in training."""
    training = facts.training
    if training.content:
        return
    seen = False
    for layer in facts.layers:
        if layer.grows:
            seen = True
            yield Finding(v.EXPLODING, way_back(layer), layer)
    records, jump = training.records, training.history.jump
    if not seen and records.spike > SPIKE and (jump > JUMP or records.refused > 0):
        yield Finding(
            v.EXPLODING,
            f"The gradient norm was {records.largest_norm:.2g} at most and {records.norm:.2g} in the "
            f"median, and the loss of an epoch rose to {jump:.2g} times an earlier one.",
        )


def saturated(facts: Facts) -> Rule:
    """Gates that have stopped listening."""
    for layer in facts.layers:
        if layer.saturated and not facts.training.content:
            names = f"gate{'s' * (len(layer.saturated) > 1)} {', '.join(layer.saturated)}"
            yield Finding(
                v.SATURATED, f"Most units of {names} are constant: their activations do not depend on the input.", layer
            )


def too_deep(facts: Facts) -> Rule:
    """Many layers without a way around them."""
    training = facts.training
    if training.depth >= DEEP_FROM and not training.shortcuts and training.wanting:
        yield Finding(
            v.DEEP,
            f"{training.depth} recurrent layers stand on top of each other without a way around them. "
            f"{learning(training)}",
        )


def collapsed(facts: Facts) -> Rule:
    """Directions that are lost on the way back, though norms look well."""
    for layer in facts.layers:
        if layer.collapsed and not facts.training.fair:
            yield Finding(
                v.COLLAPSE,
                f"After {RANK_STEPS} steps back only one direction is left of "
                f"{layer.directions} (effective rank {layer.rank:.1f}).",
                layer,
            )


def null(facts: Facts) -> Rule:
    """Weights that pass nothing on."""
    for layer in facts.layers:
        if layer.zeros >= ALL_NULL:
            yield Finding(v.NULL, "All its weights are zero.", layer)


def vanishing(facts: Facts) -> Rule:
    """Errors that do not reach as far as the task needs; where that is not known, only if quality is wanting."""
    training = facts.training
    for layer in facts.layers:
        known = bool(layer.needed_from)
        if layer.short and not training.content and (known or training.wanting):
            certain = known or layer.reach < layer.needed / 2
            yield Finding(v.VANISHING, f"{way_back(layer)} {compared(layer)}", layer, certain=certain)


def rate_too_low(facts: Facts) -> Rule:
    """Weights that hardly moved."""
    training = facts.training
    moved = training.records.travelled
    hopeful = training.history.falling or training.wanting
    if training.trained and not training.content and moved < TRAVELLED and hopeful:
        falling = " The loss was still falling at the end." if training.history.falling else ""
        yield Finding(
            v.RATE_LOW,
            f"All {training.steps} steps together moved the weights by at most {moved:.2g} times "
            f"their size, at a learning rate of {training.rate:.2g}.{falling}",
        )


def order(facts: Facts) -> Rule:
    """Steps that were shuffled."""
    data, training = facts.data, facts.training
    unordered = abs(data.correlation) < UNORDERED
    limit = DISPERSED if training.wanting else FAR_DISPERSED
    if unordered and not training.content and not 1 / limit <= data.dispersion <= limit:
        yield Finding(
            v.ORDER,
            f"Neighbouring steps are no more alike than distant ones (correlation {data.correlation:.2f})"
            f", though the steps of a sequence are not independent: the sequences' means vary "
            f"{data.dispersion:.2g} times as much as they would. They look shuffled.",
        )


def labels(facts: Facts) -> Rule:
    """Targets that nothing in the inputs foretells."""
    data, training = facts.data, facts.training
    if training.unlearned and data.dependence < INDEPENDENT:
        yield Finding(
            v.LABELS,
            f"{learning(training)} A linear model of the inputs explains "
            f"{max(0.0, data.dependence):.0%} of the target on sequences left out: no dependence was seen, "
            "though one that is not linear is possible.",
            certain=False,
        )


def underfitting(facts: Facts) -> Rule:
    """A training loss that dropout holds up."""
    training, history = facts.training, facts.training.history
    if history.paired and training.dropout >= STRONG_DROPOUT and not training.content:
        ratios = np.array(history.loss) / np.array(history.val_loss)
        if min(history.val_loss) > 0 and ratios[1:].min() > ABOVE:
            yield Finding(
                v.UNDERFITTING,
                f"The training loss, with a dropout of {training.dropout:.2g}, was above the "
                f"validation loss in every epoch: {history.loss[-1]:.3g} and {history.val_loss[-1]:.3g} in the "
                "last.",
            )


def overfitting(facts: Facts) -> Rule:
    """A validation loss that rises while the training loss falls."""
    training, history = facts.training, facts.training.history
    if history.paired and min(history.val_loss) > 0 and not training.content:
        best = int(np.argmin(history.val_loss))
        last = history.val_loss[-1]
        if last > RISE * history.val_loss[best] and last > GAP * history.loss[-1] < history.loss[best]:
            yield Finding(
                v.OVERFITTING,
                f"The validation loss was lowest in epoch {best + 1}, {history.val_loss[best]:.3g}, "
                f"and rose to {last:.3g}, while the training loss fell to {history.loss[-1]:.3g}.",
            )


RULES: tuple[Callable[[Facts], Rule], ...] = (
    arrival,
    input_scale,
    target_scale,
    padding,
    unbounded,
    rate_too_high,
    order,
    exploding,
    saturated,
    too_deep,
    collapsed,
    null,
    rate_too_low,
    overfitting,
    underfitting,
    vanishing,
    labels,
)
