"""From numbers to a status and sentences.

The limits stand here, each with its reason; the measurements stand in the modules beside this one, and what helps
against a trouble in `cures`.
"""

from dataclasses import dataclass, replace

import numpy as np

HEALTHY, SHORT = "healthy", "short by choice"
EXPLODING, SATURATED, COLLAPSE = "exploding", "saturated", "rank collapse"
NOT_LEARNING, VANISHING = "not learning", "vanishing"
TROUBLES = (EXPLODING, SATURATED, COLLAPSE, NOT_LEARNING, VANISHING)  # the first one present is cured first

GROWTH = 100.0  # an error that grows so much on its way back explodes: the mirror image of the horizon's 0.01
RANK_STEPS, COLLAPSED = 5, 1.5  # after so many steps back no more than one direction is left
LEARNED, UNLEARNED = 0.9, 0.1  # shares of the loss that the inputs explain
ENOUGH_STEPS = 100  # of the optimizer; before, nothing can be said about learning
DEEP = 5  # recurrent layers on top of each other
LARGE_UPDATE, SMALL_UPDATE = 0.3, 1e-5  # norm of an update over that of the weights; 0.01 to 0.001 is usual
LARGE_BIAS = 4.0  # a sigmoid's derivative is 0.018 there
NULL = 0.99  # share of weights that are exactly zero


@dataclass(frozen=True)
class Finding:
    """What is known about one layer in one direction; steps are steps of the sequence.

    Attributes:
        layer, direction: as in the tables.
        cell: its name in the cell table, or the class name of a cell of your own.
        gain, gain_low: factor a step of the joint path, and the lower end of its interval.
        horizon, horizon_reached: see `decay.fit`.
        reach: steps back from which at least 1 % of an error is left by any route: this layer's own recurrence, or
            pooling, attention and the layers above. Beyond the steps measured it goes on with the gain.
        needed: the steps that it is compared with.
        needed_from: what these are, in words.
        span: steps back that were measured.
        rank: effective rank of the Jacobians' product over 5 steps, among the leading 8 directions; NaN if unknown.
        kernel_rank: effective rank of the recurrent kernel, of the gate where it is largest.
        saturated: letters of the gates that are.
        bias: the median size of the cell's biases, of the gate where it is largest.
        zeros: share of the layer's weights, without biases, that are zero.
        orthogonal: whether the recurrent kernel started orthogonal, as in Keras unless something else is asked for.
        penalised: whether an L1 or L2 penalty shrinks the recurrent kernel.
        limit: 1 / max|phi'| of the cell's activation, where SimpleRNN's kernel begins to be able to explode.
        unbounded: whether the activation lets the state itself grow without end, as relu does.
    """

    layer: str
    direction: str
    cell: str
    gain: float
    gain_low: float
    horizon: int
    horizon_reached: bool
    reach: float
    needed: float
    needed_from: str
    span: int
    rank: float
    kernel_rank: float = float("inf")
    saturated: tuple[str, ...] = ()
    bias: float = 0.0
    zeros: float = 0.0
    orthogonal: bool = False
    penalised: bool = False
    limit: float = 1.0
    unbounded: bool = False

    @property
    def grows(self) -> bool:
        """Whether an error grows a hundredfold on its way back, with 97.5 % certainty."""
        with np.errstate(over="ignore"):
            return bool(np.float64(self.gain_low) ** self.span >= GROWTH)


@dataclass(frozen=True)
class Training:
    """What is known about the model's training; NaN is unknown.

    Attributes:
        steps: optimizer steps so far.
        explained: share of the loss that the inputs explain (see `learned`).
        solved: whether the user is content with the model's test quality; None if nothing was said.
        update_ratio: the largest norm of an update over the norm of the weights, from the records.
        threshold: for clipping the global norm, from the records.
        rate: the learning rate.
        optimizer: its class name.
        depth: recurrent layers on top of each other.
        shortcuts: whether there are residual connections.
        task: whether the model is one of rnnkit's tasks.
    """

    steps: int = 0
    explained: float = float("nan")
    solved: bool | None = None
    update_ratio: float = float("nan")
    threshold: float = float("nan")
    rate: float = float("nan")
    optimizer: str = "Adam"
    depth: int = 1
    shortcuts: bool = False
    task: bool = False

    def with_depth(self, findings: list[Finding]) -> "Training":
        """The same, with the number of layers that read forward."""
        return replace(self, depth=len({found.layer for found in findings if found.direction == "forward"}))

    @property
    def content(self) -> bool:
        """Whether the quality is as good as any: by the user's word, or else since the inputs explain the loss."""
        return self.explained >= LEARNED if self.solved is None else self.solved

    @property
    def unlearned(self) -> bool:
        """Whether there was training, and the answers still do not depend on the inputs."""
        return not self.solved and self.steps >= ENOUGH_STEPS and self.explained < UNLEARNED

    @property
    def sunk(self) -> bool:
        """Whether there was training through many layers without a way around them, and quality is wanting."""
        return self.depth >= DEEP and not self.shortcuts and self.steps >= ENOUGH_STEPS and not self.content

    @property
    def overstepping(self) -> bool:
        """Whether updates were so large that they destroy what was learned before, and quality is wanting."""
        return not self.content and self.steps >= ENOUGH_STEPS and self.update_ratio > LARGE_UPDATE

    @property
    def overstepping_by_itself(self) -> bool:
        """The same, where large gradients cannot be the reason: most optimizers divide by their size."""
        return self.overstepping and self.optimizer != "SGD"


def status(found: Finding, training: Training) -> str:
    """The one word for a layer: causes come before what follows from them."""
    reached = found.reach >= found.needed
    rules = {
        NOT_LEARNING: training.overstepping_by_itself,  # such steps bring on all that follows
        EXPLODING: found.grows,
        SATURATED: bool(found.saturated),
        # Vanishing errors lose their directions too, so there it has to be the kernel that has none.
        COLLAPSE: found.rank < COLLAPSED and (reached or found.kernel_rank < COLLAPSED),
        SHORT: not reached and training.content,
        VANISHING: not reached and not training.sunk,
    }
    stuck = training.unlearned or training.overstepping or training.sunk or found.zeros >= NULL
    last = NOT_LEARNING if stuck else HEALTHY
    return next((name for name, holds in rules.items() if holds), last)


def sentences(found: Finding, training: Training, word: str) -> str:
    """Some plain sentences: what was measured, what it is compared with, what else is wrong, and the status."""
    parts = [_way_back(found), _compared(found)]
    if found.saturated:
        names = f"gate{'s' * (len(found.saturated) > 1)} {', '.join(found.saturated)}"
        parts.append(f"Most units of {names} are stuck: they say the same to every input.")
    if found.rank < COLLAPSED:
        parts.append(f"After {RANK_STEPS} steps back only one direction is left (effective rank {found.rank:.1f}).")
    if found.zeros >= NULL:
        parts.append("Its weights are zero.")
    if word in (NOT_LEARNING, SHORT):
        parts.append(_learning(training))
    return f"{found.layer} ({found.direction}): {' '.join(filter(None, parts))} Verdict: {word}."


def _way_back(found: Finding) -> str:
    change = f"An error on its way back through the layer changes by the factor {found.gain:.3g} a step"
    if found.grows:
        return f"{change}, which is 10^{found.span * np.log10(found.gain):.0f} over {found.span} steps."
    if found.horizon_reached:
        return f"{change}, and less than 1 % of it is left after {found.horizon} steps."
    return f"{change}, and more than 1 % of it is left after all {found.span} steps measured."


def _compared(found: Finding) -> str:
    compared = f"The steps to be reached are {found.needed:.0f}, {found.needed_from}"
    if found.horizon < found.needed <= found.reach and found.horizon_reached:
        return f"{compared}; other routes (pooling, attention, layers above) lead there."
    return f"{compared}."


def _learning(training: Training) -> str:
    if training.solved:
        return "The model is as good as it has to be."
    said = [] if np.isnan(training.explained) else [f"the inputs explain {max(0, training.explained):.0%} of the loss"]
    if training.overstepping:
        said.append(f"updates were up to {training.update_ratio:.2g} times as large as the weights")
    elif training.sunk:
        said.append(f"there are {training.depth} recurrent layers without a way around them")
    return f"After {training.steps} optimizer steps {', and '.join(said)}." if said else ""
