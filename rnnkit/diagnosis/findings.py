"""What the verdict goes by, gathered from a recording, its tables, the model and the records of its training."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from rnnkit.diagnosis.capture import Recording
from rnnkit.diagnosis.decay import NEGLIGIBLE, first_lag, horizon
from rnnkit.diagnosis.probe import Task, preserved
from rnnkit.diagnosis.spectrum import effective_rank
from rnnkit.diagnosis.verdict import RANK_STEPS, Finding, Training
from rnnkit.errors import ArgumentError
from rnnkit.initializers import GateOrthogonal
from rnnkit.optimizers import without_scaler
from rnnkit.recurrent.cells import cell_of
from rnnkit.recurrent.spectrum import square_blocks

FAR = 1e6  # a state that only an activation without a bound can take


def needed_steps(model, recording: Recording, needed_lag: int | None) -> tuple[float, str]:
    """How far a layer's errors have to reach, and what that is taken from, in words."""
    if needed_lag is not None:
        return float(needed_lag), "the lag that was given"
    known = model.known_lag(recording.median_length) if isinstance(model, Task) else None
    return known or (
        recording.median_length / 2,
        "half the median length of the sequences, as the task's lag is not known",
    )


def finding(recording: Recording, tables: dict, needed: float, needed_from: str) -> Finding:
    """One layer in one direction; `tables` are those of a `Diagnosis`, of this layer only."""
    joint, cell = tables["layers"].iloc[0], recording.layer.cell
    entry = cell_of(cell)
    lags, span = tables["credit"]["credit"].to_numpy(), recording.max_lag
    own = _reach(joint["horizon"], joint["horizon_reached"], joint["gain"], span)
    gates = tables["gates"]
    return Finding(
        layer=recording.name,
        direction=recording.direction,
        cell=type(cell).__name__ if entry is None else entry.name,
        gain=float(joint["gain"]),
        gain_low=float(joint["gain_low"]),
        horizon=int(joint["horizon"]),
        horizon_reached=bool(joint["horizon_reached"]),
        reach=max(own, _credit_reach(lags)),
        needed=needed,
        needed_from=needed_from,
        span=span,
        rank=rank_after(tables["lyapunov"]["exponent"].to_numpy(dtype=float)),
        kernel_rank=kernel_rank(cell),
        saturated=tuple(gates["gate"][gates["saturated"].astype(bool)]),
        bias=_largest_bias(cell),
        zeros=_zeros(recording.layer),
        orthogonal=_orthogonal(cell),
        penalised=_penalised(cell),
        limit=4.0 if getattr(cell, "activation", None) is keras.activations.sigmoid else 1.0,
        unbounded=_unbounded(cell),
    )


def known_of_training(model, x, y, *, solved: bool | None, health) -> Training:
    """From the model, its optimizer, the probe and a `GradientHealth`."""
    optimizer = without_scaler(model.optimizer)
    known = Training(
        steps=int(optimizer.iterations.numpy()),
        explained=explained(model, x, y),
        solved=solved,
        rate=float(optimizer.learning_rate),
        optimizer="SGD" if isinstance(optimizer, keras.optimizers.SGD) else type(optimizer).__name__,
        shortcuts=_shortcuts(model),
        task=isinstance(model, Task),
    )
    if health is None or health.steps.empty:
        return known
    try:
        threshold = health.suggest_threshold()
    except ArgumentError:  # no step was taken
        threshold = float("nan")
    return dataclasses.replace(known, update_ratio=float(health.steps["update_ratio"].max()), threshold=threshold)


def _shortcuts(model) -> bool:
    layers = model._flatten_layers()
    return any(isinstance(layer, keras.layers.Add) or getattr(layer, "residual", False) for layer in layers)


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


def _reach(lag: int, reached: bool, gain: float, span: int) -> float:
    """The horizon; where the curve did not come to it, the line with the gain's slope is followed."""
    if reached or gain >= 1:
        return float(lag) if reached else float("inf")
    return max(float(span), first_lag(span) + float(np.log(NEGLIGIBLE) / np.log(gain)))


def _credit_reach(credit: np.ndarray) -> float:
    """The largest lag at which 1 % of the error is left, end to end; 0 if nothing is known."""
    with np.errstate(divide="ignore"):
        return float(horizon(np.log(credit)))


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
    activation = getattr(cell, "activation", None)
    return activation is not None and bool(np.abs(np.array(activation(np.array([-FAR, FAR], "float32")))).max() == FAR)


def _penalised(cell) -> bool:
    kinds = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)
    return isinstance(getattr(cell, "recurrent_regularizer", None), kinds)


def explained(model: keras.Model, x, y) -> float:
    """The share of the loss that the inputs explain: 1 - (loss on the probe) / (loss of the mean answer).

    The mean answer is the mean of the model's predictions over the probe's sequences, given to all of them. The share
    is about 0, or negative, for a model whose answers depend on its inputs not at all or at random, and 1 for one that
    is always right; for a squared error it is much like R^2. Penalties on weights are left out.

    Args:
        model: a compiled model, which is left as it was.
        x, y: one batch, as tensors.

    Returns:
        NaN where the losses are not positive numbers, so that they have no shares.
    """
    with preserved(model):
        predictions = model(x, training=False)
        penalties = sum(float(penalty) for penalty in model.losses)
        batch = keras.tree.flatten(x)[0].shape[0]
        same = keras.tree.map_structure(lambda values: _mean(values, batch), predictions)
        own, mean = (
            float(model.compute_loss(x=x, y=y, y_pred=answers, training=False)) - penalties
            for answers in (predictions, same)
        )
    return 1 - own / mean if np.isfinite(own) and np.isfinite(mean) and mean > 0 else float("nan")


def _mean(values: tf.Tensor, batch: int) -> tf.Tensor:
    """The mean over the sequences for each of them; what is no prediction of a sequence stays as it is."""
    if not values.dtype.is_floating or not values.shape.rank or values.shape[0] != batch:
        return values
    return tf.broadcast_to(tf.reduce_mean(values, axis=0, keepdims=True), tf.shape(values))
