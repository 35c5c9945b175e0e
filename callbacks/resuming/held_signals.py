"""Ctrl-C and SIGTERM, held back while a training is where it cannot be left."""

import signal
import threading
import weakref
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class HeldSignals:
    """From `hold` on, the first SIGINT or SIGTERM in a `fit` waits for `deliver`, and a second one acts at once.

    When it acts, it does what it would have done: raise `KeyboardInterrupt`, end the process, or call the handler that
    somebody else has set. Signals that are ignored stay so. Outside of the main thread, where Python lets nobody handle
    signals, nothing is held back.

    Args:
        model: the model whose `fit` is meant; once that has ended, in whatever way, signals act at once again.
    """

    def __init__(self, model):
        self.waiting: int | None = None
        self._model = weakref.ref(model)
        self._before: dict[int, Any] = {}

    def hold(self) -> None:
        """Begins."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):  # None: somebody's who does not use Python
                self._before[number] = signal.signal(number, self._arrive)

    def deliver(self) -> None:
        """Lets the signal that waits act now, if there is one."""
        if self.waiting is not None:
            number, self.waiting = self.waiting, None
            self.let_go()
            signal.raise_signal(number)

    def let_go(self) -> None:
        """Gives the signals back to whom they belonged."""
        for number, before in self._before.items():
            if signal.getsignal(number) == self._arrive:
                signal.signal(number, before)
        self._before = {}

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        first, self.waiting = self.waiting is None, number
        if not first or not self._is_in_fit(frame):
            self.deliver()

    def _is_in_fit(self, frame: FrameType | None) -> bool:
        """Whether the model's `fit` is among the callers; an exception may have ended it without `on_train_end`."""
        model = self._model()
        while frame is not None:
            if frame.f_code.co_name == "fit" and model is not None and frame.f_locals.get("self") is model:
                return True
            frame = frame.f_back
        return False
