"""The one place where rnnkit's callbacks meet the gradients of a compiled `fit`.

Keras has no such place, so this module makes one for as long as a `fit` runs: all callbacks of that `fit` share one
installation of `hooks`. It is for the TensorFlow backend only.

An exception or Ctrl-C makes Keras skip `on_train_end`. Nothing needs to be cleaned up then: the hooks act only while
this fit's own train function runs, and whoever asks the model for a train function next gets a plain one.
"""

import math
import weakref
from typing import TYPE_CHECKING

from rnnkit import compat
from rnnkit.callbacks.gradients.seam_checks import TRAINED, check_model, has_own_step, missing, warn_of_pending
from rnnkit.errors import ArgumentError, DeviceError

if TYPE_CHECKING:
    from rnnkit.callbacks.gradients.steps import Steps

ROOM = 64  # updates of one batch that find room: a train step of the user's may make many
_PLACE = "_gradient_seam"  # the model's attribute that holds its installation


def join(client) -> "Seam":
    """The installation of the client's model, made if there is none.

    Raises:
        DeviceError: gradients cannot be seen here.
        ArgumentError: the model or the set of callbacks does not allow it.
    """
    model = client.model
    reason = missing(model)
    if reason:
        raise DeviceError(f"{type(client).__name__} cannot work: {reason}. Leave it out.")
    check_model(model)
    seam = vars(model).get(_PLACE)
    if seam is None or seam.ready:  # a ready one is left from a fit that was interrupted
        if seam:
            seam.remove()
        warn_of_pending(client)
        seam = Seam(model)
    seam.add(client)
    return seam


class Seam:
    """One installation: who takes part, and when rows are fetched.

    Args:
        model: the model in whose `fit` it is installed.
    """

    def __init__(self, model):
        from rnnkit.callbacks.gradients.hooks import Hooks

        self.model = model
        self.hooks = Hooks(model)
        self.clients: list = []
        self.ready = False
        self.epoch = 0
        self.pending = 0
        self.batches = 0  # that have begun
        self.updates = 0  # rows a batch leaves at most, known after the first
        self._install(model)

    def add(self, client) -> None:
        """Takes one more callback in, before the first step."""
        for kind in ("rule", "decides"):
            if getattr(client, kind) and any(getattr(other, kind) for other in self.clients):
                raise ArgumentError(f"callbacks: two {type(client).__name__} in one fit contradict. Give one.")
        self.clients.append(client)

    def begin_epoch(self, epoch: int) -> None:
        """Fixes the participants at the first epoch; asks for one measurement of the weights in every epoch."""
        self.epoch = epoch
        if not self.ready:
            self._prepare()
        else:
            self.weights_at = [0]

    def before_batch(self, client) -> None:
        """Fetches the rows before a ring would overflow; called by every client, done once a batch."""
        if client is not self.clients[0]:
            return
        self._check_seen()
        steps, batches = self.hooks.steps, self.model.steps_per_execution
        if not self.batches and steps and steps.single and not has_own_step(self.model):
            steps.tolerate(lambda: self._make_variables(steps))
        if not self.updates:
            self._count_updates()
        if (self.pending + batches) * max(self.updates, 1) > self.room:
            self.flush()
        self.pending += batches
        self.batches += 1

    def flush(self) -> None:
        """Hands the rows since the last time to all clients, with their state."""
        self._check_seen()
        self._count_updates()
        self.pending = 0
        steps = self.hooks.steps
        if steps is None:
            return
        block = steps.take(self.epoch)
        steps.read_states()
        for client in self.clients:
            client.next_step = steps.taken
            if block:
                client.consume(block)

    def value(self, client, name: str):
        """One value of a client's state inside the compiled step, as it is now; 0 before the first step."""
        from rnnkit.callbacks.gradients.rows import read

        states = self.hooks.steps.states[client] if self.hooks.steps else []
        return read(states[0][name]) if states else 0

    def set_value(self, client, name: str, value) -> None:
        """Changes one value of a client's state inside the compiled step, once there is one."""
        for state in self.hooks.steps.states[client][:1] if self.hooks.steps else ():
            state[name].assign(value)

    def go_on_from(self, client) -> None:
        """Takes a client's `next_step` and `state` into the compiled step, once there is one."""
        self.pending = 0
        if self.hooks.steps:
            self.hooks.steps.go_to(client.next_step)
            self.hooks.steps.write_state(client)

    def bad_inputs(self) -> dict[str, int]:
        """Arrays of the refused batches since the last call that were not finite, and in how many of them."""
        inputs = self.hooks.steps.inputs if self.hooks.steps else None
        return inputs.found() if inputs else {}

    @property
    def optimizers(self) -> list:
        """Those of this `fit` that are known by now."""
        return [each.optimizer for each in self.hooks.optimizers.values()]

    @property
    def weights_at(self) -> list[int]:
        """The steps at which the weights are measured next, one for each optimizer and set of variables."""
        from rnnkit.callbacks.gradients.rows import read

        steps = self.hooks.steps
        return [int(read(each.watch.next_step)) for each in steps.all.values() if each.watch] if steps else []

    @weights_at.setter
    def weights_at(self, numbers: list[int]) -> None:
        steps = self.hooks.steps
        watches = [each.watch for each in steps.all.values() if each.watch] if steps else []
        for place, watch in enumerate(watches):
            watch.next_step.assign(numbers[min(place, len(numbers) - 1)])
        if steps:
            steps.weights_from = list(numbers[len(watches) :])

    def leave(self, client) -> None:
        """Lets a callback go; the last one takes the installation away."""
        self.clients.remove(client)
        if not self.clients:
            self.remove()

    def remove(self) -> None:
        """Leaves model and optimizers as they were before."""
        self.hooks.remove()
        if self.hooks.tracker is not None and self.hooks.trained:
            TRAINED[self.model] = weakref.ref(self.hooks.tracker), self.hooks.trained
        for name in ("make_train_function", _PLACE):
            compat.restore(self.model, name)
        if self.model.train_function is self.watched:  # not after `compile`, whose settings the plain one may lack
            self.model.train_function = self.plain_function

    def _install(self, model) -> None:
        self.plain_function = model.train_function
        self.make = model.make_train_function
        self.hooks.install()
        compat.replace(model, "make_train_function", self._make_train_function)
        compat.replace(model, _PLACE, self)
        self._make_train_function(force=True)

    def _make_train_function(self, force: bool = False):
        """`Model.make_train_function`: forced, within our fit, a watched one; otherwise somebody else has begun."""
        if not force:
            self.remove()
            return self.model.make_train_function()
        self.make(force=True)
        function = self.model.train_function

        def watched(iterator):
            with self.hooks.running():
                return function(iterator)

        self.model.train_function = self.watched = watched
        return watched

    def _check_seen(self) -> None:
        """Once a batch is through, whether its gradients came by here."""
        watched = self.model.train_function is self.watched
        steps = self.hooks.steps
        if not self.batches or (self.hooks.met and watched) or steps is None or steps.broken:
            return
        reason = "no optimizer of Keras made an update in the first batch" if watched else "train_function was replaced"
        for client in list(self.clients):
            client.unseen(reason)
        self.hooks.met, self.watched = True, self.model.train_function  # a recorder has warned, and continues

    def _count_updates(self) -> None:
        steps = self.hooks.steps
        if self.pending and steps and steps.all:
            self.updates = max(self.updates, math.ceil(steps.waiting / self.pending), 1)

    def _prepare(self) -> None:
        from rnnkit.callbacks.gradients.steps import Steps

        self.ready = True
        model = self.model
        every = min(client.flush_every for client in self.clients)
        self.room = max(every, model.steps_per_execution)
        done = [int(each.iterations.numpy()) for each in self.optimizers]
        # and room for one batch more: rows may be fetched between `before_batch` and the batch
        capacity = self.room + ROOM + 3 * model.steps_per_execution
        with model.distribute_strategy.scope():
            start = max([*done, *(client.next_step for client in self.clients)], default=0)
            self.hooks.steps = steps = Steps(model, self.clients, capacity, start)
            if not steps.single:  # variables cannot be made within a replica
                self._make_variables(steps)

    def _make_variables(self, steps: "Steps") -> None:
        """Makes what the first step needs before TensorFlow traces it, which else is done twice."""
        model = self.model
        if not model.built or model.optimizer is None:
            return
        with model.distribute_strategy.scope():
            if not model.optimizer.built:
                model.optimizer.build(model.trainable_weights)
            for methods in list(self.hooks.optimizers.values())[:1]:
                steps.of(methods, model.trainable_weights)
            if steps.checks_inputs:
                steps.check_inputs({})


def steps_taken(model) -> int:
    """The updates that a model's optimizer has made; 0 where it has optimizers of its own instead."""
    return 0 if model.optimizer is None else int(model.optimizer.iterations.numpy())
