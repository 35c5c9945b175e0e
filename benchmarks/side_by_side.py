"""Several ways of training measured side by side, an epoch in turn each: what the speed benchmarks share.

Each way has one `fit` in a thread of its own, as its user would call it, so what a `fit` prepares once is paid once.
The first epoch of a `fit` compiles and is kept apart.
"""

import threading
import time

import keras


class Turn(keras.callbacks.Callback):
    """Lets one `fit` of several train, an epoch a turn, and keeps the wall and CPU seconds of each.

    Last in the list of callbacks, so that all others' work at an epoch's end is in its time.

    Args:
        place: whose turn it is, an int in a one-element list that all fits share.
        number, fits: which of how many fits this is.
        change: the condition that guards `place`.

    Attributes:
        first: wall and CPU seconds of the process from the call of `fit` to the end of its first epoch.
        seconds: the same of each later epoch.
        loss: of the last epoch.
        error: what `fit` raised, or None.
    """

    def __init__(self, place, number, fits, change):
        super().__init__()
        self.place, self.number, self.fits, self.change = place, number, fits, change
        self.first, self.seconds = None, []
        self.loss = float("nan")
        self.error = None

    def run(self, fit, epochs):
        """Calls `fit` when it is its turn. A fit that fails hands its later turns on."""
        self.epochs = epochs
        self._wait()
        try:
            fit(epochs=epochs, callbacks=[self])
        except Exception as error:
            self.error = error
            for _ in range(epochs - len(self.seconds) - (self.first is not None)):
                self._wait()
                self._pass_on()

    def on_epoch_end(self, epoch, logs=None):
        spent = [now - then for now, then in zip(clocks(), self.start, strict=True)]
        if epoch:
            self.seconds.append(spent)
        else:
            self.first = spent
        self.loss = (logs or {}).get("loss", self.loss)
        self._pass_on()
        if epoch + 1 < self.epochs:
            self._wait()

    def _wait(self):
        with self.change:
            self.change.wait_for(lambda: self.place[0] == self.number)
        self.start = clocks()

    def _pass_on(self):
        with self.change:
            self.place[0] = (self.number + 1) % self.fits
            self.change.notify_all()


def in_turns(fits, rounds):
    """Runs all fits, an epoch in turn each.

    Args:
        fits: name -> a function that calls `fit` with the `epochs` and `callbacks` it gets.
        rounds: counted epochs of each.

    Returns:
        Name -> its `Turn`.
    """
    place, change = [0], threading.Condition()
    turns = {name: Turn(place, number, len(fits), change) for number, name in enumerate(fits)}
    threads = [
        threading.Thread(target=turns[name].run, args=(fit, rounds + 1), daemon=True) for name, fit in fits.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for turn in turns.values():
        if turn.error is not None:
            raise turn.error
    return turns


def clocks():
    """Wall and CPU seconds of the process."""
    return time.perf_counter(), time.process_time()
