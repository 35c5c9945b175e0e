"""What is known about one recurrent layer, gathered from its recording, its tables and its cell."""

from dataclasses import dataclass

import keras
import numpy as np

from rnnkit.diagnosis.capture import Recording
from rnnkit.diagnosis.decay import horizon, log_negligible
from rnnkit.diagnosis.spectrum import effective_rank
from rnnkit.initializers import GateOrthogonal
from rnnkit.recurrent.spectrum import square_blocks

FAR = 1e6  # a state that only an activation without a bound can take
GROWTH = 100.0  # an error that grows so much on its way back explodes: the mirror image of the horizon's 0.01
RANK_STEPS, COLLAPSED = 5, 1.5  # after so many steps back no more than one direction is left
DIRECTIONS = 4  # a state with fewer cannot collapse
EARLY = 0.5  # of the steps: a layer that is read before them ignores the rest


@dataclass(frozen=True)
class Layer:
    """What is known about one layer in one direction; steps are steps of the sequence.

    Attributes:
        layer, direction: as in the tables.
        cell: its name in the cell table, or the class name of a cell of your own.
        gain, gain_low: factor a step of the joint path, and the lower end of its interval.
        horizon, horizon_reached: see `decay.fit`.
        left: what is left of an error after all steps measured.
        dead: fraction of the sequences in which an error dies out entirely.
        followed: fraction of the sequences in which the error that was followed is one of the loss, and no noise.
        reach: steps back from which at least 1 % of an error is left by any route: this layer's own recurrence, or
            pooling, attention and the layers above. Beyond the steps measured it goes on with the gain.
        routes: whether there are other routes than the layer's own recurrence.
        read: the last step that is read, as a fraction of all.
        needed: the steps that the task needs.
        needed_from: what these are, in words; empty where they are not known and half the length is taken.
        span: steps back that were measured.
        rank: effective rank of the Jacobians' product over 5 steps, among the leading 8 directions; NaN if unknown.
        directions: how many there can be.
        kernel_rank: effective rank of the recurrent kernel, of the gate where it is largest.
        saturated: letters of the gates that are.
        bias: the median size of the cell's biases, of the gate where it is largest.
        zeros: fraction of the layer's weights, without biases, that are zero.
        orthogonal: whether the recurrent kernel started orthogonal, as in Keras unless something else is asked for.
        penalised: whether an L1 or L2 penalty shrinks the recurrent kernel.
        limit: 1 / max|phi'| of the cell's activation, where SimpleRNN's kernel begins to be able to explode.
        unbounded: whether the activation lets the state itself grow without end, as relu does.
        largest: the largest element of its states.
        arrives: whether a gradient of the loss arrives at it.
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
    left: float = 1.0
    dead: float = 0.0
    followed: float = 1.0
    routes: bool = False
    read: float = 1.0
    directions: int = 8
    kernel_rank: float = float("inf")
    saturated: tuple[str, ...] = ()
    bias: float = 0.0
    zeros: float = 0.0
    orthogonal: bool = False
    penalised: bool = False
    limit: float = 1.0
    unbounded: bool = False
    largest: float = 1.0
    arrives: bool = True

    @property
    def grows(self) -> bool:
        """Whether an error grows a hundredfold on its way back, with 97.5 % certainty."""
        with np.errstate(over="ignore"):
            return bool(np.float64(self.gain_low) ** self.span >= GROWTH)

    @property
    def short(self) -> bool:
        """Whether less than 1 % of an error arrives where the task needs it."""
        return self.reach < self.needed

    @property
    def collapsed(self) -> bool:
        """Whether one direction is left of all; vanishing errors lose theirs too, so then the kernel has to have none."""
        return (
            self.directions >= DIRECTIONS
            and self.rank < COLLAPSED
            and (not self.short or self.kernel_rank < COLLAPSED)
        )
