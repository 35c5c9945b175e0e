"""What happens to the gradients inside the compiled train step: measure, decide, clip, measure (TensorFlow)."""

from functools import partial
from typing import Any

import tensorflow as tf

from rnnkit import compat
from rnnkit.callbacks.clipping_rule import GradientStep, shrink
from rnnkit.callbacks.gradients import rows
from rnnkit.callbacks.gradients.gates import gate_letters, units_of
from rnnkit.callbacks.gradients.measure import Measurement, Meter
from rnnkit.callbacks.gradients.ring import Ring, local_variable
from rnnkit.callbacks.gradients.weights import WeightWatch, when
from rnnkit.optimizers.sparse import is_sparse, sum_repeated_rows


class TrainStep:
    """The gradients' way from the tape to the update, and the variables it writes.

    Args:
        model: a built model.
        optimizer: the one that updates its weights.
        original: the optimizer's own methods by the name of their hook, as they are without us.
        clients: the callbacks that take part.
        capacity: rows that are kept for the host.
        start: number of the first step.
    """

    def __init__(self, model, optimizer, original: dict, clients: list, capacity: int, start: int):
        self.optimizer, self.original = optimizer, original
        self.single = model.distribute_strategy.num_replicas_in_sync == 1
        self.clipping: Any = next((client for client in clients if client.rule), None)
        self.guard: Any = next((client for client in clients if client.decides), None)
        self.weights = model.trainable_variables
        table = units_of(model, self.weights, gate_letters(model) if any(each.by_gate for each in clients) else {})
        self.units = [unit for units in table for unit in units]
        self.meter = Meter([len(units) for units in table], [unit.size for unit in self.units])
        self.index = {optimizer._var_key(weight): index for index, weight in enumerate(self.weights)}
        self.ring = Ring(capacity, rows.width(len(self.units)), start)
        with_state = [client for client in (self.clipping, self.guard) if client]
        self.state = {client: {k: local_variable(v) for k, v in client.state.items()} for client in with_state}
        every = min((client.weights_every for client in clients if client.weights_every), default=None)
        self.watch = WeightWatch(self.weights, self.meter, self.ring, every) if every else None
        self.known: tuple[list, Measurement] | None = None
        self.sums: dict = {}

    def apply(self, gradients: list, variables: list) -> None:
        """In place of `Optimizer.apply`."""
        self.sums, self.known = {}, None
        step = partial(self._apply_if_good if self.guard else self.original["_apply"], gradients, variables)
        if self.watch:
            self.watch.around(step)
        else:
            step()

    def reduce(self, pairs: list) -> list:
        """In place of `Optimizer._all_reduce_sum_gradients`: (gradient, variable) pairs, summed and clipped."""
        gradients, variables = map(list, zip(*self.original["_all_reduce_sum_gradients"](pairs), strict=True))
        before = self._known([gradient for gradient, _ in pairs]) or self._measure(gradients, variables)
        if getattr(self.optimizer, "sums_repeated_rows", False):
            gradients = [self._summed(gradient) for gradient in gradients]  # once for both of us
        clipped = self.original["_clip_gradients"](gradients) if self.single else gradients
        norms, total, threshold = before.norms, before.total, float("nan")
        if clipped is not gradients:
            norms, total = self.meter.norms(self._aligned(clipped, variables))
        if self.clipping:
            clipped, threshold = self._clipped(clipped, variables, norms, total)
            if self.clipping.is_joint:
                factor = shrink(threshold, total)
                norms, total = norms * factor, total * factor
            else:
                norms, total = self.meter.norms(self._aligned(clipped, variables))
        self._write(before, norm_after=norms, total_after=total, threshold=threshold, status=rows.TAKEN)
        return list(zip(clipped, variables, strict=True))

    def note_overflow(self, finite, gradients: list, variables: list, scale) -> None:
        """Leaves a row where a loss scale is about to skip the step; gradients are divided by the scale."""
        self.sums = {}
        when(
            ~tf.convert_to_tensor(finite),
            lambda: self._refuse(self._measure(gradients, variables, scale), rows.OVERFLOW),
        )
        self.sums = {}

    def _apply_if_good(self, gradients, variables):
        summed = gradients if self.single else self._summed_over_replicas(gradients, variables)
        scale = self.optimizer.loss_scale_factor
        measured = self._measure(summed, variables, scale)
        if self.single and not scale:
            self.known = [gradient for gradient in gradients if gradient is not None], measured
        status, state = self.guard.decide(measured.total, self.state[self.guard])
        _assign(self.state[self.guard], state)
        good = tf.equal(status, rows.TAKEN)
        when(~good, lambda: self._refuse(measured, status))
        self._run_if(good, gradients, variables)

    def _run_if(self, good, gradients, variables):
        """The optimizer's `apply` on a condition, which must be a cross-replica one where Keras merges replicas."""
        run = self.original["_apply"]
        if not compat.merges_replicas():
            when(good, lambda: run(gradients, variables))
            return

        def across(strategy, good, gradients):
            first = strategy.experimental_local_results(good)[0]
            each = strategy.extended.call_for_each_replica
            when(first, lambda: each(run, args=(gradients, variables)))

        tf.distribute.get_replica_context().merge_call(across, args=(good, gradients))

    def _summed_over_replicas(self, gradients, variables):
        there = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
        summed = iter(self.original["_all_reduce_sum_gradients"](there))
        return [None if gradient is None else next(summed)[0] for gradient in gradients]

    def _known(self, gradients) -> Measurement | None:
        """The measurement that the guard made, if it was of these very gradients (not of accumulated ones)."""
        known, measured = self.known or ([], None)
        same = len(known) == len(gradients) and all(a is b for a, b in zip(known, gradients, strict=True))
        return measured if same else None

    def _measure(self, gradients, variables, scale=None) -> Measurement:
        measured = self.meter.measure(self._aligned(gradients, variables))
        if scale is None:
            return measured
        return measured._replace(norms=measured.norms / scale, total=measured.total / scale)

    def _clipped(self, gradients, variables, norms, total):
        """The rule's gradients and threshold."""
        by_variable = self.meter.by_variable(norms)
        own_norms = [by_variable[self._place(variable)] for variable in variables]
        summed = [self._summed(gradient) for gradient in gradients]
        step = GradientStep(summed, variables, own_norms, total, tf.identity(self.ring.count))
        clipped, threshold, state = self.clipping.clip(step, self.state[self.clipping])
        _assign(self.state[self.clipping], state)
        return clipped, threshold

    def _aligned(self, gradients, variables) -> list:
        """For each weight of the model its gradient, repeated rows summed, or None."""
        aligned = [None] * len(self.weights)
        for gradient, variable in zip(gradients, variables, strict=True):
            aligned[self._place(variable)] = self._summed(gradient)
        return aligned

    def _place(self, variable) -> int:
        return self.index[self.optimizer._var_key(variable)]

    def _summed(self, gradient):
        """The gradient with repeated rows summed, computed once a step."""
        if not is_sparse(gradient):
            return gradient
        known, summed = self.sums.get(id(gradient), (None, None))
        if known is not gradient:
            summed = sum_repeated_rows(gradient)
            self.sums |= {id(gradient): (gradient, summed), id(summed): (summed, summed)}
        return summed

    def _refuse(self, measured: Measurement, status):
        self._write(measured, norm_after=tf.zeros_like(measured.norms), total_after=0.0, status=status)

    def _write(self, measured: Measurement, **fields):
        vectors = {"norm_before": measured.norms, "zeros": measured.zeros, "nonfinite": measured.nonfinite}
        self.ring.write(rows.pack(len(self.units), total_before=measured.total, **vectors, **fields))


def _assign(variables: dict, values: dict):
    for name, variable in variables.items():
        variable.assign(tf.cast(values[name], variable.dtype))
