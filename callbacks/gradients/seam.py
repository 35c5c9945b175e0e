"""The one place where rnnkit's callbacks meet the gradients of a compiled `fit`.

Keras has no such place, so this module makes one for as long as a `fit` runs: all callbacks of that `fit` share one
installation of `hooks` on the model's optimizer. It rests on methods of Keras that are private and is
for the TensorFlow backend only.

An exception or Ctrl-C makes Keras skip `on_train_end`. Nothing needs to be cleaned up then: the hooks act only while
this fit's own train function runs, and whoever asks the model for a train function next gets a plain one.
"""

import math

import keras

from rnnkit.errors import ArgumentError, DeviceError
from rnnkit.optimizers import without_scaler

REQUIRED = ("apply", "_clip_gradients", "_all_reduce_sum_gradients", "_var_key")
ROOM = 4  # updates of one batch that find room at least: a train step of the user's may update more than once
_PLACE = "_gradient_seam"  # the model's attribute that holds its installation


def missing(model) -> str:
    """Why gradients cannot be seen in this model's `fit`, in words; empty where they can."""
    if keras.backend.backend() != "tensorflow":
        return f"gradients inside `fit` are seen on the TensorFlow backend only, not on {keras.backend.backend()}"
    optimizer, _ = _optimizers(model)
    absent = [name for name in REQUIRED if not callable(getattr(optimizer, name, None))]
    if absent:
        return f"the optimizer of Keras {keras.__version__} has no method {', '.join(absent)}"
    return ""


def join(client) -> "Seam":
    """The installation of the client's model, made if there is none.

    Raises:
        DeviceError: gradients cannot be seen here.
        ArgumentError: the model or the set of callbacks does not allow it.
    """
    reason = missing(client.model)
    if reason:
        raise DeviceError(f"{type(client).__name__} cannot work: {reason}. Use Keras on TensorFlow, or leave it out.")
    seam = vars(client.model).get(_PLACE) or Seam(client.model)
    seam.add(client)
    return seam


class Seam:
    """One installation: who takes part, and when rows are fetched.

    Args:
        model: the model in whose `fit` it is installed.
    """

    def __init__(self, model):
        from rnnkit.callbacks.gradients.hooks import Hooks

        optimizer, scaler = _optimizers(model)
        _check_model(model, optimizer)
        self.model = model
        self.hooks = Hooks(model, optimizer, scaler)
        self.clients: list = []
        self.ready = False
        self.epoch = 0
        self.pending = 0
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
            self.weights_at = 0

    def before_batch(self, client) -> None:
        """Fetches the rows before the ring would overflow; called by every client, done once a batch."""
        if client is not self.clients[0]:
            return
        steps = self.model.steps_per_execution
        if not self.updates:
            self._count_updates()
        if (self.pending + steps) * max(self.updates, 1) > self.capacity:
            self.flush()
        self.pending += steps

    def flush(self) -> None:
        """Hands the rows since the last time to all clients, with their state."""
        from rnnkit.callbacks.gradients.ring import read
        from rnnkit.callbacks.gradients.rows import unpack

        self._count_updates()
        self.pending = 0
        step = self.hooks.step
        if step is None:
            return
        steps, contents = step.ring.take()
        for client, state in step.state.items():
            client.state = {name: read(variable) for name, variable in state.items()}
        for client in self.clients:
            client.next_step = step.ring.taken
            if len(steps):
                client.consume(unpack(contents, steps, self.epoch, step.units))

    def value(self, client, name: str):
        """One value of a client's state inside the compiled step, as it is now; 0 before the first step."""
        from rnnkit.callbacks.gradients.ring import read

        step = self.hooks.step
        return read(step.state[client][name]) if step else 0

    def set_value(self, client, name: str, value) -> None:
        """Changes one value of a client's state inside the compiled step, once there is one."""
        if self.hooks.step:
            self.hooks.step.state[client][name].assign(value)

    def go_on_from(self, client) -> None:
        """Takes a client's `next_step` and `state` into the compiled step, once there is one."""
        self.pending = 0
        if self.hooks.step:
            self.hooks.step.ring.go_to(client.next_step)
            for name in self.hooks.step.state.get(client, ()):
                self.set_value(client, name, client.state[name])

    @property
    def weights_at(self) -> int:
        """The step at which the weights are measured next; 0 before the first."""
        from rnnkit.callbacks.gradients.ring import read

        return int(read(self.hooks.step.watch.next_step)) if self.hooks.step and self.hooks.step.watch else 0

    @weights_at.setter
    def weights_at(self, step: int) -> None:
        if self.hooks.step and self.hooks.step.watch:
            self.hooks.step.watch.next_step.assign(step)

    def leave(self, client) -> None:
        """Lets a callback go; the last one takes the installation away."""
        self.clients.remove(client)
        if not self.clients:
            self.remove()

    def remove(self) -> None:
        """Leaves model and optimizer as they were before."""
        self.hooks.remove()
        for name in ("make_train_function", _PLACE):
            vars(self.model).pop(name, None)
        if self.model.train_function is self.watched:  # not after `compile`, whose settings the plain one may lack
            self.model.train_function = self.plain_function

    def _install(self, model) -> None:
        self.plain_function = model.train_function
        self.make = model.make_train_function
        self.hooks.install()
        object.__setattr__(model, "make_train_function", self._make_train_function)
        object.__setattr__(model, _PLACE, self)
        self._make_train_function(force=True)

    def _make_train_function(self, force: bool = False):
        """`Model.make_train_function`: forced, within our fit, a watched one; otherwise somebody else has begun."""
        if not force:
            self.remove()
            return self.model.make_train_function()
        self.make(force=True)
        function = self.model.train_function

        def watched(iterator):
            self.hooks.active = True
            try:
                return function(iterator)
            finally:
                self.hooks.active = False

        self.model.train_function = self.watched = watched
        return watched

    def _count_updates(self) -> None:
        if self.pending and self.hooks.step:
            self.updates = max(self.updates, math.ceil(self.hooks.step.ring.waiting / self.pending), 1)

    def _prepare(self) -> None:
        self.ready = True
        every = min(client.flush_every for client in self.clients)
        self.capacity = max(every, self.model.steps_per_execution)
        start = max([int(self.hooks.optimizer.iterations.numpy()), *(client.next_step for client in self.clients)])
        room = ROOM * self.model.steps_per_execution
        # and room for one batch more: rows may be fetched between `before_batch` and the batch
        self.hooks.prepare(self.clients, max(every, room) + room, start)
        if self.model.built:
            with self.model.distribute_strategy.scope():
                self.hooks.make_step()


def _optimizers(model):
    """The optimizer that updates the weights, and the loss scaler around it or None."""
    inner = without_scaler(model.optimizer)
    return inner, None if inner is model.optimizer else model.optimizer


def _check_model(model, optimizer) -> None:
    if model.built and not model.trainable_variables:
        raise ArgumentError("model: it has no trainable weights, so there are no gradients. Unfreeze a layer first.")
    if model.distribute_strategy.num_replicas_in_sync > 1 and optimizer.gradient_accumulation_steps:
        raise ArgumentError(
            "optimizer: Keras cannot combine `gradient_accumulation_steps` with a strategy of several replicas. "
            "Leave out one of the two."
        )
