"""What the train steps of one `fit` share: who takes part, their states, the count of steps, the rows (TensorFlow)."""

import threading
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from rnnkit import compat
from rnnkit.callbacks.gradients.rows import Block, local_variable, read, unpack
from rnnkit.callbacks.gradients.train_step import TrainStep
from rnnkit.callbacks.gradients.units import Naming


class Steps:
    """The steps of all optimizers of one `fit`, and what they share.

    There is a `TrainStep` for each optimizer and list of variables that it updates, made when it is first traced, so
    variables that come later (of a layer that is unfrozen, of the loss) and optimizers anywhere are taken in.

    Args:
        model: the model that is trained.
        clients: the callbacks that take part.
        capacity: rows that are kept for the host.
        start: number of the first step.

    Attributes:
        count: variable, the number of the next step.
        taken: number of the first step that the host has not fetched.
        loss: the loss of this step, as traced; None where nobody knows it.
        own_loss: of several replicas what each has of it, sum and weight, until they are summed; by thread, as
            TensorFlow traces the replicas of a process in one each.
    """

    def __init__(self, model, clients: list, capacity: int, start: int):
        self.model, self.clients, self.capacity = model, clients, capacity
        self.single = model.distribute_strategy.num_replicas_in_sync == 1
        self.clipping: Any = next((client for client in clients if client.rule), None)
        self.guard: Any = next((client for client in clients if client.decides), None)
        self.every = min((client.weights_every for client in clients if client.weights_every), default=None)
        self.naming = Naming(model, any(client.by_gate for client in clients))
        self.count, self.taken = local_variable(np.int64(start)), start
        self.all: dict[tuple, TrainStep] = {}
        self.states: dict[Any, list[dict]] = {each: [] for each in (self.clipping, self.guard) if each}
        self.weights_from: list[int] = []  # where the watches of steps that are not made yet begin
        self.loss: Any = None
        self.own_loss: dict[int, tf.Tensor] = {}
        self.inputs: InputCheck | None = None
        self.broken = False

    def of(self, methods, variables: list) -> TrainStep:
        """The step of an optimizer (its methods without us) that updates these variables."""
        key = (methods, *map(id, variables))
        if key not in self.all:
            with tf.init_scope():
                number = len(dict.fromkeys([each for each, *_ in self.all] + [methods])) - 1
                self.all[key] = TrainStep(self, methods, variables, number)
        return self.all[key]

    def state(self, client, number: int) -> dict:
        """The state of a client for the optimizer of this number; that of the first is under the plain names."""
        states = self.states[client]
        if number == len(states):
            fresh = {_named(name, number): value for name, value in client.initial_state().items()}
            values = {name: client.state.get(name, value) for name, value in fresh.items()}
            states.append({name.partition("@")[0]: local_variable(value) for name, value in values.items()})
        return states[number]

    def note_loss(self, loss, examples) -> None:
        """Takes the mean loss over this replica's examples, and their weights or None; inside the step."""
        if self.single:
            self.loss = loss
            return
        weight = tf.constant(1.0) if examples is None else tf.reduce_sum(tf.cast(examples, tf.float32))
        total = tf.math.multiply_no_nan(tf.cast(tf.stop_gradient(loss), tf.float32), weight)  # no examples: 0 / 0
        self.own_loss[threading.get_ident()] = tf.stack([total, weight])
        if not compat.is_shared(self.model.distribute_strategy):
            self.settle_loss()

    def forget_loss(self) -> None:
        """Begins a step."""
        self.loss = None
        self.own_loss.pop(threading.get_ident(), None)

    def settle_loss(self) -> None:
        """Sums the loss over replicas, where it cannot wait for the gradients; inside the step."""
        self.sum_with_loss(_sum_alone, [])

    def sum_with_loss(self, sum_pairs: Callable[[list], list], pairs: list) -> list:
        """The pairs summed over replicas by `sum_pairs`, and in the same message the loss; inside the step."""
        own = self.own_loss.pop(threading.get_ident(), None)
        if own is None:
            return sum_pairs(pairs) if pairs else pairs
        *pairs, (loss, _) = sum_pairs([*pairs, (own, own)])
        self.loss = loss[0] / loss[1]
        return pairs

    @property
    def checks_inputs(self) -> bool:
        """Whether a guard wants to know which arrays of a batch are not finite."""
        return bool(self.guard and self.guard.drops_nonfinite)

    def check_inputs(self, arrays: Mapping[str, tf.Tensor]) -> None:
        """Takes the floating-point arrays of a batch, by name."""
        if self.inputs is None or not self.inputs.has_room_for(list(arrays)):
            with tf.init_scope():
                self.inputs = InputCheck(len(arrays))
        self.inputs.arrays = dict(arrays)

    def read_states(self) -> None:
        """Gives the clients their states, as they are now; on the host."""
        for client, states in self.states.items():
            found = {_named(name, n): read(each) for n, state in enumerate(states) for name, each in state.items()}
            client.state = {**client.state, **found}

    def write_state(self, client) -> None:
        """Takes over a client's state, where there are variables for it; on the host."""
        for number, state in enumerate(self.states.get(client, ())):
            for name, variable in state.items():
                if _named(name, number) in client.state:
                    variable.assign(client.state[_named(name, number)])

    @property
    def waiting(self) -> int:
        """How many rows were written since the last `take`; on the host."""
        return int(read(self.count)) - self.taken

    def take(self, epoch: int) -> Block | None:
        """The rows since the last call as a `Block`, None if there are none; on the host."""
        before, self.taken = self.taken, self.taken + self.waiting
        if self.taken == before:
            return None
        block = unpack([step.ring for step in self.all.values()], before, epoch)
        lost = self.taken - before - len(block.steps)
        if lost:
            warnings.warn(
                f"{lost} updates of one batch are not in the records: there is room for {self.capacity}. "
                f"Give GradientHealth a flush_every of at least {self.capacity + lost}.",
                stacklevel=2,
            )
        return block if len(block.steps) else None

    def go_to(self, number: int) -> None:
        """Forgets the rows, and numbers the next step so; on the host."""
        self.count.assign(number)
        self.taken = number
        for step in self.all.values():
            step.ring.forget()

    def tolerate(self, action: Callable[[], Any]) -> Any:
        """Runs something; where callbacks only record, it is left out with a warning if it fails."""
        if self.states:
            return action()
        if self.broken:
            return None
        try:
            return action()
        except Exception as error:  # whatever it is, a training is not lost for its records
            self.broken = True
            names = ", ".join(type(client).__name__ for client in self.clients)
            warnings.warn(f"{names} records nothing from here on: {type(error).__name__}: {error}", stacklevel=2)
            return None


class InputCheck:
    """Counts, for the steps that are refused, which of the batch's arrays have values that are not finite.

    Args:
        at_least: how many arrays of floating-point numbers there are.

    Attributes:
        arrays: those of the batch that is traced, by name.
    """

    ROOM = 64  # it is made before the first batch is seen

    def __init__(self, at_least: int):
        self.arrays: dict[str, tf.Tensor] = {}
        self.counts = local_variable(np.zeros(max(at_least, self.ROOM), "int64"))

    def has_room_for(self, names: list[str]) -> bool:
        """Whether it can count these too: they are its own, or it has none yet."""
        return list(self.arrays) == names or (not self.arrays and len(names) <= self.counts.shape[0])

    def note(self) -> None:
        """Inside the compiled step, for the batch in `arrays`."""
        bad = [tf.cast(~tf.reduce_all(tf.math.is_finite(array)), tf.int64) for array in self.arrays.values()]
        if bad:
            self.counts.assign_add(tf.pad(tf.stack(bad), [[0, self.counts.shape[0] - len(bad)]]))

    def found(self) -> dict[str, int]:
        """Arrays that were not finite, and in how many refused steps; on the host. The next call begins from 0."""
        counts = read(self.counts)
        self.counts.assign(tf.zeros_like(counts))
        return {name: int(count) for name, count in zip(self.arrays, counts, strict=False) if count}


def _sum_alone(pairs: list) -> list:
    def across(strategy, values):  # without a collective operation, whose order Keras' own would have to keep
        return tf.add_n(strategy.experimental_local_results(values))

    [(values, _)], context = pairs, tf.distribute.get_replica_context()
    shared = compat.is_shared(context.strategy)
    return [(context.all_reduce("SUM", values) if shared else context.merge_call(across, (values,)), values)]


def _named(name: str, number: int) -> str:
    return f"{name}@{number}" if number else name
