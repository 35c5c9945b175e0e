"""From facts to findings: what is wrong, and in which order to believe it.

A finding rests on something that was measured on this model. The rules stand here in the order of cause and effect:
what is wrong with the data first, then whether a gradient arrives at all, then how it travels, then what the whole
training shows. What nothing speaks for is not known, and is said to be so.
"""

from collections.abc import Callable

import numpy as np

from rnnkit.diagnosis import verdict as v
from rnnkit.diagnosis.data_rules import (
    LARGE,
    Rule,
    arrival,
    input_scale,
    labels,
    not_finite,
    order,
    padding,
    target_scale,
    unreachable,
)
from rnnkit.diagnosis.layers import RANK_STEPS, Layer
from rnnkit.diagnosis.training import ENOUGH_STEPS, UNLEARNED
from rnnkit.diagnosis.verdict import Facts, Finding, learning, ruled_out

LARGE_UPDATE, OFTEN_LARGE = 0.3, 0.1  # norm of an update over that of the weights: the largest, the median
TRAVELLED = 0.3  # sum of all updates over the weights, below which nothing can have been learned
STOOD_STILL = 0.003  # the same, below which few steps are no excuse
WIDE = 2.0  # spectral radius of a kernel without gates; an orthogonal one has 1, and training adds a little
SPIKE, JUMP = 1000.0, 3.0  # largest over median norm; the loss of an epoch over the smallest before
DEEP_FROM = 5  # recurrent layers on top of each other
LARGE_BIAS = 4.0  # a sigmoid's derivative is 0.018 there
ALL_NULL = 0.99  # fraction of weights that are exactly zero
STRONG_DROPOUT, ABOVE = 0.3, 1.1  # rate; training loss over validation loss
TOO_EARLY = f"That is too early to know what keeps it from learning: train for {ENOUGH_STEPS} steps or more."
RISE, GAP = 1.3, 1.5  # last validation loss over the smallest; over the training loss


def findings(facts: Facts) -> list[Finding]:
    """What is wrong, the most probable cause first; `NOT_KNOWN` if quality is wanting and nothing says why."""
    found = list(not_finite(facts)) or [finding for rule in RULES for finding in rule(facts)]
    found = sorted(found, key=lambda finding: not finding.certain)
    if found or not (facts.training.wanting or facts.training.early):
        return found
    reason = TOO_EARLY if facts.training.early else ruled_out(facts)
    return [Finding(v.NOT_KNOWN, f"{learning(facts.training)} {reason}", certain=False)]


def status(layer: Layer, facts: Facts, found: list[Finding]) -> str:
    """The one word for a layer: its first finding, or else how far it looks back."""
    own = (finding.name for finding in found if finding.layer == layer)
    return next(own, v.SHORT if layer.short else v.HEALTHY)


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
    for layer in facts.layers:
        if layer.grows:
            grown = layer.span * np.log10(layer.gain)
            yield Finding(
                v.EXPLODING, f"A gradient grows to 10^{grown:.0f} times its size as it is propagated back.", layer
            )
        elif layer.radius > WIDE and training.wanting:
            said = f"Its recurrent kernel has a spectral radius of {layer.radius * layer.limit:.2g}"
            yield Finding(v.EXPLODING, f"{said}, by which a gradient grows per step where units are not flat.", layer)
    records, jump = training.records, training.history.jump
    grows = any(layer.grows for layer in facts.layers)
    if not grows and records.spike > SPIKE and (jump > JUMP or records.refused > 0):
        said = f"The gradient norm was {records.largest_norm:.2g} at most and {records.norm:.2g} in the median"
        yield Finding(v.EXPLODING, f"{said}, and the loss of an epoch rose to {jump:.2g} times an earlier one.")


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
    """Errors that do not reach as far as the task needs; where nobody has said that, only if quality is wanting."""
    training = facts.training
    for layer in facts.layers:
        known = bool(layer.needed_from)
        if layer.short and not training.content and ((known and not layer.estimated) or training.wanting):
            certain = known or layer.reach < layer.needed / 2
            lag = "the task needs" if known else "half of the length, if the task needs that much, is"
            said = f"1 % of a gradient or more reaches {layer.reach:.0f} steps back, and {lag} {layer.needed:.0f}."
            yield Finding(v.VANISHING, said, layer, certain=certain)


def rate_too_low(facts: Facts) -> Rule:
    """Weights that hardly moved."""
    training = facts.training
    moved = training.records.travelled
    hopeful = training.history.falling or training.wanting
    hardly = training.trained and moved < TRAVELLED and hopeful
    if (hardly or (training.early and moved < STOOD_STILL)) and not training.content:
        falling = " The loss was still falling at the end." if training.history.falling else ""
        yield Finding(
            v.RATE_LOW,
            f"All {training.steps} steps together moved the weights by at most {moved:.2g} times "
            f"their size, at a learning rate of {training.rate:.2g}.{falling}",
        )


def underfitting(facts: Facts) -> Rule:
    """A training loss that dropout holds up."""
    training, history = facts.training, facts.training.history
    if history.paired and training.dropout >= STRONG_DROPOUT and not training.content:
        ratios = np.array(history.loss) / np.array(history.val_loss)
        if min(history.val_loss) > 0 and ratios[len(ratios) // 2 :].min() > ABOVE:
            yield Finding(
                v.UNDERFITTING,
                f"The training loss, with a dropout of {training.dropout:.2g}, was above the "
                f"validation loss in every epoch of the second half: {history.loss[-1]:.3g} and "
                f"{history.val_loss[-1]:.3g} in the last.",
            )


def overfitting(facts: Facts) -> Rule:
    """A validation loss that rises while the training loss falls, of a model that had learned something before."""
    training, history = facts.training, facts.training.history
    if history.paired and min(history.val_loss) > 0 and not training.content:
        if min(history.val_loss) * (1 - training.explained) > (1 - UNLEARNED) * facts.signal.loss:
            return  # at its best it was hardly better than the mean answer
        best = int(np.argmin(history.val_loss))
        last = history.val_loss[-1]
        if last > RISE * history.val_loss[best] and last > GAP * history.loss[-1] < history.loss[best]:
            yield Finding(
                v.OVERFITTING,
                f"The validation loss was lowest in epoch {best + 1}, {history.val_loss[best]:.3g}, "
                f"and rose to {last:.3g}, while the training loss fell to {history.loss[-1]:.3g}.",
            )


RULES: tuple[Callable[[Facts], Rule], ...] = (
    unreachable,
    arrival,
    null,
    input_scale,
    target_scale,
    padding,
    unbounded,
    rate_too_high,
    order,
    overfitting,
    exploding,
    saturated,
    too_deep,
    collapsed,
    rate_too_low,
    underfitting,
    vanishing,
    labels,
)
