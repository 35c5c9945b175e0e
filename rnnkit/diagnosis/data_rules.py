"""Findings on numbers, on the arrival of a gradient, and on the data."""

from collections.abc import Iterator

import numpy as np

from rnnkit.diagnosis import verdict as v
from rnnkit.diagnosis.data import BOUNDS
from rnnkit.diagnosis.layers import EARLY
from rnnkit.diagnosis.verdict import Facts, Finding, learning

LARGE, TINY = 10.0, 0.02  # root mean squares of inputs: a gate's sigmoid is flat beyond 4, and about linear within 0.1
UNLIKE, OFF_CENTRE = 100.0, 20.0  # deviations of two features; a mean in deviations
LARGE_TARGET, TINY_TARGET = 10.0, 0.005  # root mean square; its deviation
FEW_BEYOND = 0.05  # of the targets
PADDED = 0.25  # of the steps
INDEPENDENT = 0.1  # R^2 of a linear model, below which no dependence was seen
UNORDERED = 0.08  # correlation of neighbours
DISPERSED, FAR_DISPERSED = 1.8, 4.0  # dispersion of means, where independent steps give 1; without lost quality

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
        if facts.training.unbounded:
            said = f"The activation of {facts.training.unbounded} has no bound, and weights are no longer finite."
            yield Finding(v.UNBOUNDED, f"{said}{when}")
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
        stuck = any(layer.arrives and layer.saturated for layer in layers)  # what lies behind it gets no gradient
        for layer in layers:
            if not layer.arrives and not stuck:
                yield Finding(
                    v.IGNORED,
                    "No gradient of the loss arrives at it: the loss does not depend on what it returns.",
                    layer,
                )
            elif layer.arrives and layer.read < EARLY and not facts.training.content:
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


def out_of_reach(facts: Facts) -> bool:
    """Whether the last activation cannot answer what the target is."""
    target = facts.data.target
    return target is not None and target.deviation > 0 and target.beyond > FEW_BEYOND


def unreachable(facts: Facts) -> Rule:
    """Targets beyond the last activation; answers at its bounds pass no gradient on."""
    target = facts.data.target
    if target is not None and out_of_reach(facts) and not facts.training.content:
        low, high = BOUNDS[target.activation]
        yield Finding(
            v.TARGET_SCALE,
            f"{target.beyond:.0%} of the targets are outside of what the last activation, {target.activation}, can "
            f"answer, {low:g} to {high:g}: they have mean {target.mean:.3g} and deviation {target.deviation:.2g}.",
        )


def target_scale(facts: Facts) -> Rule:
    """A target that answers of a usual size cannot reach."""
    target = facts.data.target
    if target is None or facts.training.content or out_of_reach(facts):
        return
    if target.deviation and (target.size > LARGE_TARGET or target.deviation < TINY_TARGET):
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
    if data.target is not None and not data.target.deviation:
        yield Finding(v.LABELS, f"Every target of the probe is {data.target.mean:.3g}, whatever the inputs are.")
    elif training.unlearned and data.dependence < INDEPENDENT:
        yield Finding(
            v.LABELS,
            f"{learning(training)} A linear model of the inputs explains "
            f"{max(0.0, data.dependence):.0%} of the target on sequences left out: no dependence was seen, "
            "though one that is not linear is possible.",
            certain=False,
        )
