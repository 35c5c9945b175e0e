"""What is known about one recurrent layer, gathered from its recording, its tables and its cell."""

import math
from dataclasses import dataclass

import keras
import numpy as np

from rnnkit.diagnosis.capture import Recording
from rnnkit.diagnosis.cell import EXPONENTS, effective_rank
from rnnkit.diagnosis.decay import NEGLIGIBLE, horizon
from rnnkit.diagnosis.probe import Task, cells_of
from rnnkit.initializers import GateOrthogonal
from rnnkit.recurrent.cells import cell_of
from rnnkit.recurrent.spectrum import square_blocks

FAR = 1e6  # a state that only an activation without a bound can take
FORETELLS = 0.3  # R^2 of a linear model, from which the steps that it needs count
GROWTH = 100.0  # a backpropagated gradient that grows this much explodes: the mirror image of the horizon's 0.01
RANK_STEPS, COLLAPSED = 5, 1.5  # this many steps back no more than one direction is left
FEW, SMALL_SHARE = 3.0, 0.2  # directions of a kernel, and their share of its units: a random one has a half
DIRECTIONS = 4  # a state with fewer cannot collapse
ESTIMATED = "a linear model"
EARLY = 0.5  # of the steps: a layer that is read before them ignores the rest


@dataclass(frozen=True)
class Layer:
    """What is known about one layer in one direction; steps are steps of the sequence.

    Attributes:
        layer, direction: as in the tables.
        cell: its name in the cell table, or the class name of a cell of your own.
        gain, gain_low: factor per step of the joint path, and the lower end of its interval.
        horizon, horizon_reached: see `decay.fit`.
        left: what is left of an error after all steps measured.
        dead: fraction of the sequences in which an error dies out entirely.
        followed: fraction of the sequences in which the error that was followed is one of the loss, and no noise.
        reach: steps back from which at least 1 % of an error is left by any route: this layer's own recurrence, or
            pooling, attention and the layers above. Beyond the steps measured the gain is extrapolated.
        routes: whether there are other routes than the layer's own recurrence.
        read: the last step that is read, as a fraction of all.
        needed: the steps that the task needs.
        needed_from: what these are, in words; empty where they are not known and half the length is taken.
        estimated: whether they are what a linear model needs, and not what the user or the task says.
        span: steps back that were measured.
        rank: effective rank of the Jacobians' product over 5 steps, among the leading 8 directions; NaN if unknown.
        directions: how many there can be.
        kernel_rank: effective rank of the recurrent kernel, of the gate where it is largest.
        units: of the cell, or of the smallest of several.
        saturated: letters of the gates that are.
        bias: the median size of the cell's biases, of the gate where it is largest.
        zeros: fraction of the layer's weights, without biases, that are zero.
        orthogonal: whether the recurrent kernel started orthogonal, as in Keras unless something else is asked for.
        penalised: whether an L1 or L2 penalty shrinks the recurrent kernel.
        radius: the spectral radius of a recurrent kernel without gates, over the same limit; 0 for other cells.
        limit: 1 / max|phi'| of the cell's activation, where SimpleRNN's kernel begins to be able to explode.
        unbounded: whether the activation lets the state itself grow without end, as relu does.
        largest: the largest element of its states.
        arrives: whether a gradient of the loss arrives at it.
        code: how code names its class, or the class of its cells; empty for a class of your own.
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
    units: int = 0
    estimated: bool = False
    saturated: tuple[str, ...] = ()
    bias: float = 0.0
    zeros: float = 0.0
    orthogonal: bool = False
    penalised: bool = False
    radius: float = 0.0
    limit: float = 1.0
    unbounded: bool = False
    largest: float = 1.0
    arrives: bool = True
    code: str = ""

    @property
    def grows(self) -> bool:
        """Whether the backpropagated gradient grows a hundredfold, with 97.5 % certainty."""
        with np.errstate(over="ignore"):
            return bool(np.float64(self.gain_low) ** self.span >= GROWTH)

    @property
    def short(self) -> bool:
        """Whether less than 1 % of an error arrives where the task needs it."""
        return self.reach < self.needed

    @property
    def collapsed(self) -> bool:
        """Whether one direction is left of all; vanishing errors lose theirs too, then the kernel has to have none."""
        lost = self.kernel_rank < max(FEW, SMALL_SHARE * self.units)
        return self.directions >= DIRECTIONS and self.rank < COLLAPSED and (not self.short or lost)


def needed_steps(model, recording: Recording, needed_lag: int | None, linear: float, lag: float) -> tuple[float, str]:
    """How far a layer's errors have to reach, and what that is taken from, in words; none where it is a guess."""
    if needed_lag is not None:
        return float(needed_lag), "the lag that was given"
    known = model.known_lag(recording.median_length) if isinstance(model, Task) else None
    if known is not None:
        return known
    if linear >= FORETELLS:
        return lag, f"{ESTIMATED} of these explains {linear:.0%} of the target"
    return recording.median_length / 2, ""


def known_of_layer(recording: Recording, tables: dict, needed: float, needed_from: str, arrives: bool) -> Layer:
    """One layer in one direction; `tables` are those of a `Diagnosis`, of this layer only."""
    joint, cells = tables["layers"].iloc[0], list(cells_of(recording.layer).values())
    credit, gates = tables["credit"]["credit"].to_numpy(), tables["gates"]
    own, any_way = _reach(joint, recording.max_lag), _credit_reach(credit)
    entry = cell_of(cells[0])
    limit = 4.0 if getattr(cells[0], "activation", None) is keras.activations.sigmoid else 1.0
    return Layer(
        layer=recording.name,
        direction=recording.direction,
        cell=type(cells[0]).__name__ if entry is None else entry.name,
        gain=float(joint["gain"]),
        gain_low=float(joint["gain_low"]),
        horizon=int(joint["horizon"]),
        horizon_reached=bool(joint["horizon_reached"]),
        left=float(joint["left"]),
        dead=float(joint["dead"]),
        followed=float(joint["followed"]),
        reach=max(own, any_way),
        routes=any_way > own and _enters_early(recording),
        read=_read(recording),
        needed=needed,
        needed_from=needed_from,
        estimated=needed_from.startswith(ESTIMATED),
        span=recording.max_lag,
        rank=rank_after(tables["lyapunov"]["exponent"].to_numpy(dtype=float)),
        directions=min(EXPONENTS, *(math.prod(shape) for shape in recording.shapes[1:])),
        kernel_rank=max(map(kernel_rank, cells)),
        units=min(math.prod(shape) for shape in recording.shapes[1:]),
        saturated=tuple(gates["gate"][gates["saturated"].astype(bool)]),
        bias=max(map(_largest_bias, cells)),
        zeros=_zeros(recording.layer),
        orthogonal=all(map(_orthogonal, cells)),
        penalised=any(map(_penalised, cells)),
        radius=0.0 if entry is None or entry.gates else float(tables["spectrum"]["radius"].max()) / limit,
        limit=limit,
        unbounded=any(map(_unbounded, cells)),
        largest=float(np.abs(recording.outputs).max()),
        arrives=arrives,
        code=_code(recording.layer, entry),
    )


def _code(layer, entry) -> str:
    if entry is None:
        return ""
    return f"{entry.in_code}Cell" if type(layer) is keras.layers.RNN else entry.in_code


def rank_after(exponents: np.ndarray, steps: int = RANK_STEPS) -> float:
    """The effective rank of the stretches exp(steps * exponent) of as many directions; NaN for less than two."""
    if len(exponents) < 2 or not np.isfinite(exponents.max()):
        return float("nan")
    return float(effective_rank(np.diag(np.exp(steps * (exponents - exponents.max())))))


def kernel_rank(cell) -> float:
    """The effective rank of a recurrent kernel's square blocks, the largest; infinite where there are none."""
    kernel = getattr(cell, "recurrent_kernel", None)
    blocks = [] if kernel is None else square_blocks(kernel)
    return max((float(effective_rank(block)) if block.any() else 0.0 for block in blocks), default=float("inf"))


def _reach(joint, span: int) -> float:
    """The horizon; where the curve did not come to it, the line with the gain's slope is followed."""
    if joint["horizon_reached"] or joint["gain"] >= 1:
        return float(joint["horizon"]) if joint["horizon_reached"] else float("inf")
    return span + float(np.log(NEGLIGIBLE / joint["left"]) / np.log(joint["gain"]))


def _credit_reach(credit: np.ndarray) -> float:
    """The largest lag at which 1 % of the error is left, end to end; 0 if nothing is known."""
    with np.errstate(divide="ignore"):
        return float(horizon(np.log(credit)))


def _enters_early(recording: Recording) -> bool:
    """Whether errors of one position's loss enter at other steps as well."""
    entering: np.ndarray = np.any(recording.focus_errors.outputs, axis=-1)
    entering[np.arange(len(entering)), recording.focus] = False
    return bool(entering.any())


def _read(recording: Recording) -> float:
    """The last step at which an error enters, as a fraction of the steps, in the sequence where that is latest."""
    if recording.errors.states is not None and recording.errors.states.any():
        return 1.0
    entering: np.ndarray = np.any(recording.errors.outputs, axis=-1)
    last = np.where(entering.any(1), entering.shape[1] - np.argmax(entering[:, ::-1], axis=1), 0)
    return float((last / recording.lengths).max())


def _largest_bias(cell) -> float:
    bias = getattr(cell, "bias", None)
    if bias is None:
        return 0.0
    values, units = np.abs(np.array(bias)).ravel(), getattr(cell, "units", 0)
    gates = values.reshape(-1, units) if units and values.size % units == 0 else values[None]
    return float(np.median(gates, axis=1).max())


def _zeros(layer) -> float:
    kernels = [np.array(weight) for weight in layer.weights if len(weight.shape) > 1 and "bias" not in weight.name]
    return float(np.mean(np.concatenate([kernel.ravel() == 0 for kernel in kernels]))) if kernels else 0.0


def _orthogonal(cell) -> bool:
    start = getattr(cell, "recurrent_initializer", None)
    return isinstance(start, (keras.initializers.Orthogonal, GateOrthogonal)) and start.gain == 1


def _unbounded(cell) -> bool:
    """Of a candidate that reads the state; one that only the inputs drive cannot make it grow from step to step."""
    activation = getattr(cell, "activation", None) if hasattr(cell, "recurrent_kernel") else None
    return activation is not None and bool(np.abs(np.array(activation(np.array([-FAR, FAR], "float32")))).max() == FAR)


def unbounded_layer(layers) -> str:
    """The class of the first gated recurrent layer whose activation has no bound, as in code; empty if none has."""
    for layer in layers:
        for cell in cells_of(layer).values() if isinstance(layer, keras.layers.RNN) else ():
            entry = cell_of(cell)
            if entry is not None and entry.gates and _unbounded(cell):
                return _code(layer, entry)
    return ""


def _penalised(cell) -> bool:
    kinds = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    return isinstance(getattr(cell, "recurrent_regularizer", None), kinds)
