"""Training on the terminal: a bar within an epoch, a line for each epoch that is done."""

import time

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# In history.csv, but too much for a line.
HIDDEN = (
    *("grad_norm_max", "update_ratio", "clip_threshold", "skipped_steps"),
    *("spectral_radius", "sigma_max", "gain_min", "gain_max", "horizon_min", "learning_rate"),
    *("val_precision", "val_recall", "perplexity", "val_chrf"),
)


class TrainingProgress(keras.callbacks.Callback):
    """Prints an epoch's logs as one line, marked where it is the best so far, under a bar of the epoch's steps.

    Args:
        console: where to print.
        monitor: the log that says which epoch is best, and its direction, `"max"` or `"min"`.
    """

    async_safe = True

    def __init__(self, console: Console, monitor: tuple[str, str]):
        super().__init__()
        self.console = console
        self.monitor, self.mode = monitor
        self.best: float | None = None
        self._bar = Progress(disable=True)

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.perf_counter()
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._steps = self._bar.add_task("", total=self.params["steps"], epoch=epoch + 1, loss="")
        self._bar.start()

    def on_train_batch_end(self, batch, logs=None):
        loss = f"loss {logs['loss']:.4f}" if logs and "loss" in logs else ""
        self._bar.update(self._steps, completed=batch + 1, loss=loss)

    def on_epoch_end(self, epoch, logs=None):
        self._bar.stop()
        logs = logs or {}
        head = f"epoch {epoch + 1:>3}  {time.perf_counter() - self._start:5.1f} s"
        best = "  best so far" if self._is_best(logs.get(self.monitor)) else ""
        names = sorted(filter(self._is_shown, logs), key=lambda name: not name.startswith("val_"))
        figures = [f"  {name} {logs[name]:.4f}" for name in names]
        room = self.console.width - len(head + best)  # of a terminal; elsewhere it is unlimited
        while len(figures) > 1 and sum(map(len, figures)) > room:
            figures.pop()
        line = f"{head}{''.join(figures)}[bold green]{best}[/]"
        self.console.print(line, highlight=False, soft_wrap=True)

    def on_train_end(self, logs=None):
        self.close()

    def close(self) -> None:
        """Takes the bar away; a terminal that is left with one shows no cursor."""
        self._bar.stop()

    def get_state(self) -> dict:
        """The best value so far."""
        return {"best": self.best}

    def set_state(self, state: dict) -> None:
        """Takes over what `get_state` gave."""
        self.best = state["best"]

    @staticmethod
    def _is_shown(name: str) -> bool:
        return name not in HIDDEN

    def _is_best(self, value) -> bool:
        if value is None:
            return False
        if self.best is not None and (value <= self.best if self.mode == "max" else value >= self.best):
            return False
        self.best = value
        return True
