"""What happens to the gradients inside the compiled train step: measure, decide, clip, measure (TensorFlow)."""

from functools import partial

import keras
import tensorflow as tf

from rnnkit import compat
from rnnkit.callbacks.clipping_rule import GradientStep, shrink
from rnnkit.callbacks.gradients import rows
from rnnkit.callbacks.gradients.measure import Measurement, Meter, WeightWatch, when
from rnnkit.callbacks.gradients.rows import Ring, Seen, pack
from rnnkit.optimizers.sparse import is_sparse, sum_repeated_rows


class TrainStep:
    """The gradients' way from the tape to the update of some variables by one optimizer.

    Args:
        steps: the `Steps` that it is one of.
        methods: the optimizer's own methods, as they are without us.
        variables: what is updated.
        number: of the optimizer.
    """

    def __init__(self, steps, methods, variables: list, number: int):
        self.steps, self.methods, self.variables = steps, methods, variables
        self.index = {id(_of_tensorflow(variable)): place for place, variable in enumerate(variables)}
        table = steps.naming.units(variables)
        units = [unit for units in table for unit in units]
        self.meter = Meter([len(units) for units in table], [unit.size for unit in units])
        self.ring = Ring(steps.capacity, units, steps.count)
        self.state = {client: steps.state(client, number) for client in steps.states}
        self.watch: WeightWatch | None = None
        if steps.every:
            start = steps.weights_from.pop(0) if steps.weights_from else 0
            self.watch = WeightWatch(variables, self.meter, self.ring, steps.every, start)
        self.known: tuple[list, Measurement] | None = None
        self.sums: dict = {}
        self.reduced: dict = {}

    def apply(self, gradients: list) -> None:
        """In place of `Optimizer.apply`."""
        self.sums, self.known, self.reduced = {}, None, {}
        run = self._apply_if_good if self.steps.guard else self.methods.apply
        step = partial(run, gradients, self.variables)
        if self.watch and not self.steps.broken:
            self.watch.around(step, self.steps.tolerate)
        else:
            step()

    def reduce(self, pairs: list) -> list:
        """Just before the update: (gradient, variable) pairs, summed over replicas and clipped."""
        gradients, variables = map(list, zip(*self._over_replicas(pairs), strict=True))
        raw = gradients
        if self.methods.sums_repeated_rows:
            gradients = [self._summed(gradient) for gradient in gradients]  # once for both of us
        clipped = self.methods.clip(gradients) if self.steps.single else self.methods.clip_sum(gradients)
        known = self._known([gradient for gradient, _ in pairs])
        own = None if all(a is b for a, b in zip(clipped, gradients, strict=True)) else clipped
        if self.steps.clipping:
            clipped = self._record(known, raw, clipped, own, variables)
        else:
            self.steps.tolerate(lambda: self._record(known, raw, clipped, own, variables))
        return list(zip(clipped, variables, strict=True))

    def note_overflow(self, finite, gradients: list, scale) -> None:
        """Leaves a row where a loss scale is about to skip the step; gradients are divided by the scale."""
        self.sums = {}
        self.steps.settle_loss()
        bad = ~tf.convert_to_tensor(finite)
        self.steps.tolerate(
            lambda: when(bad, lambda: self._refuse(self._measure(gradients, self.variables, scale), rows.OVERFLOW))
        )
        self.sums = {}

    def _record(self, known, raw, clipped, own, variables) -> list:
        """Measures, clips by the rule if there is one, and writes the row; the gradients for the update.

        Args:
            known: the measurement of the raw gradients, if there is one already.
            raw, clipped: gradients before and after the optimizer's own clipping.
            own: the latter if it clips at all, else None.
            variables: whose they are.
        """
        before = known or self._measure(raw, variables)
        norms, total, threshold = before.norms, before.total, float("nan")
        if own is not None:
            norms, total = self.meter.norms(self._aligned(own, variables))
        if self.steps.clipping:
            clipped, threshold = self._clipped(clipped, variables, norms, total)
            if self.steps.clipping.is_joint:
                factor = shrink(threshold, total)
                norms, total = norms * factor, total * factor
            else:
                norms, total = self.meter.norms(self._aligned(clipped, variables))
        seen = Seen(before, norms, lambda: self.meter.parts(self._aligned(raw, variables)))
        self._write(seen, total_after=total, threshold=threshold, status=rows.TAKEN)
        return clipped

    def _apply_if_good(self, gradients, variables):
        summed = gradients if self.steps.single else self._summed_over_replicas(gradients, variables)
        scale = self.methods.optimizer.loss_scale_factor
        measured = self._measure(summed, variables, scale)
        if not scale:
            self.known = [gradient for gradient in gradients if gradient is not None], measured
        guard, state = self.steps.guard, self.state[self.steps.guard]
        shared = self.steps.state(guard, 0)["waiting"]  # where one optimizer waits for the host, all do
        status, next_state = guard.decide(measured.total, {**state, "waiting": shared})
        shared.assign(tf.cast(next_state.pop("waiting"), shared.dtype))
        _assign(state, next_state)
        good = tf.equal(status, rows.TAKEN)
        when(~good, lambda: self._refuse(measured, status))
        self._run_if(good, gradients, variables)

    def _run_if(self, good, gradients, variables):
        """The optimizer's `apply` on a condition, which must be a cross-replica one where Keras merges replicas."""
        run = self.methods.apply
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
        summed = [gradient for gradient, _ in self._sum(there)]
        self.reduced |= {id(own): (own, total) for (own, _), total in zip(there, summed, strict=True)}
        found = iter(summed)
        return [None if gradient is None else next(found) for gradient in gradients]

    def _over_replicas(self, pairs: list) -> list:
        """The pairs summed over replicas; what a guard had summed does not travel again."""
        known = [self.reduced.get(id(gradient), (None, None)) for gradient, _ in pairs]
        if all(own is gradient and own is not None for (own, _), (gradient, _) in zip(known, pairs, strict=True)):
            return [(total, variable) for (_, total), (_, variable) in zip(known, pairs, strict=True)]
        return self._sum(pairs)

    def _sum(self, pairs: list) -> list:
        return self.steps.sum_with_loss(self.methods.sum_unclipped, pairs)

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
        clipping, by_variable = self.steps.clipping, self.meter.by_variable(norms)
        own_norms = [by_variable[self._place(variable)] for variable in variables]
        summed = [self._summed(gradient) for gradient in gradients]
        step = GradientStep(summed, variables, own_norms, total, tf.identity(self.steps.count))
        clipped, threshold, state = clipping.clip(step, self.state[clipping])
        _assign(self.state[clipping], state)
        return clipped, threshold

    def _aligned(self, gradients, variables) -> list:
        """For each of our variables its gradient, repeated rows summed, or None."""
        aligned = [None] * len(self.variables)
        for gradient, variable in zip(gradients, variables, strict=True):
            aligned[self._place(variable)] = self._summed(gradient)
        return aligned

    def _place(self, variable) -> int:
        return self.index[id(_of_tensorflow(variable))]

    def _summed(self, gradient):
        """The gradient with repeated rows summed, computed once per step."""
        if not is_sparse(gradient):
            return gradient
        known, summed = self.sums.get(id(gradient), (None, None))
        if known is not gradient:
            summed = sum_repeated_rows(gradient)
            self.sums |= {id(gradient): (gradient, summed), id(summed): (summed, summed)}
        return summed

    def _refuse(self, measured: Measurement, status):
        self._write(Seen(measured, tf.zeros_like(measured.norms)), total_after=0.0, status=status)
        if self.steps.inputs:
            self.steps.inputs.note()

    def _write(self, seen: Seen, **of_step):
        if self.steps.loss is not None:
            of_step["loss"] = self.steps.loss
        self.ring.write(pack(len(self.ring.units), seen, total_before=seen.before.total, **of_step))


def _of_tensorflow(variable):
    """What Keras hands to TensorFlow for a variable."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def _assign(variables: dict, values: dict):
    for name, variable in variables.items():
        if name in values:
            variable.assign(tf.cast(values[name], variable.dtype))
