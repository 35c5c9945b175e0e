"""The diagnosis of a model: findings, and the tables that they rest on; the other modules of this folder make them."""

from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from rnnkit.diagnosis.capture import capture
from rnnkit.diagnosis.cures import Cure, cures
from rnnkit.diagnosis.data import Data, Inputs, Target, known_of_data
from rnnkit.diagnosis.layers import Layer, known_of_layer, needed_steps
from rnnkit.diagnosis.probe import Task, probe_arrays
from rnnkit.diagnosis.rules import findings, status
from rnnkit.diagnosis.signal import Signal
from rnnkit.diagnosis.tables import COLUMNS, joined_tables, measure
from rnnkit.diagnosis.training import History, Records, Training, known_of_training
from rnnkit.diagnosis.verdict import Facts, Finding, learning, sentences
from rnnkit.errors import DeviceError


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a model, and how gradients travel through time in it.

    The tables are DataFrames with the columns `layer` and `direction`. `steps_back` counts along the layer's own
    recurrence: for a layer that reads backwards, towards the text's end.

    Attributes:
        layers: a row for each path (`joint`, and for a cell with several states each of them: `h` and `c` of an LSTM):
            `path`, `gain`, `gain_low`, `gain_high`, `r2`, `half_life`, `horizon`, `horizon_reached`, `left`, `dead`
            (see `decay.fit`), `followed`, `median_length` of the sequences; and, the same for all paths of a layer,
            `credit_horizon` (see `truncation`), `forget_gate` (see `gates`), `jacobian_sigma`, the largest singular
            value of J met at the positions looked at, `reach` and `needed` (steps, see `layers.Layer`), and `status`:
            the layer's own first finding, or `healthy`, or `short memory`.
        profile: `path`, `steps_back`, `decay`: R(k), and `rank`, the effective rank of the errors.
        credit: `steps_back`, `credit`: E(k), what the model as a whole still sees.
        truncation: `steps`, `cosine`: A(k), and `norm` of the truncated gradient over the full one.
        gates: see `gates.gates`.
        spectrum: `gate`, `radius` and `sigma` of the recurrent kernel.
        lyapunov: `index`, `exponent` in nats per step; empty if it was not asked for.
        facts: all that the findings rest on.
        time_scales: for recurrences that do not read their own state (of an mLSTM by head), `unit`, `decay` per step,
            `half_life` in steps, and whether 1 % of what a unit held `reaches` as far as the task needs.
    """

    layers: pd.DataFrame
    profile: pd.DataFrame
    credit: pd.DataFrame
    truncation: pd.DataFrame
    gates: pd.DataFrame
    spectrum: pd.DataFrame
    lyapunov: pd.DataFrame
    facts: Facts
    time_scales: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, each with its evidence, the most probable cause first."""
        return findings(self.facts)

    @property
    def training(self) -> Training:
        """What is known of the model's training."""
        return self.facts.training

    @property
    def verdict(self) -> str:
        """Some plain sentences: the findings with their evidence, and then a line for each layer and direction."""
        found = self.findings
        said = [str(finding) for finding in found]
        if not said and not (self.training.content or np.isfinite(self.training.explained)):
            said = [learning(self.training)]
        said += [sentences(layer, status(layer, self.facts, found)) for layer in self.facts.layers]
        return "\n".join(said)

    @property
    def statuses(self) -> set[str]:
        """The names of the findings; without any, the statuses of all layers and directions."""
        found = self.findings
        return {finding.name for finding in found} or {status(each, self.facts, found) for each in self.facts.layers}

    @property
    def cure(self) -> Cure | None:
        """What to try first; None if nothing is wrong, the cause is not known, or no cure has healed it on trial."""
        return next(iter(self.cures), None)

    @property
    def cures(self) -> list[Cure]:
        """What to try, in order."""
        return cures(self.findings, self.facts)

    def to_html(self, path: str | Path) -> None:
        """Writes one page that needs no network: the tables, with figures and how to read them."""
        from rnnkit.diagnosis.page import diagnosis_page

        Path(path).write_text(diagnosis_page(self), encoding="utf-8")

    def __repr__(self) -> str:
        tried = [f"Try first: {self.cure}"] if self.cure else []
        return "\n".join(["Diagnosis", *(f"  {line}" for line in [*self.verdict.splitlines(), *tried])])

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{escape(line)}</li>" for line in self.verdict.splitlines())
        tried = f"<p><b>Try first: {escape(self.cure.name)}.</b> {escape(self.cure.why)}</p>" if self.cure else ""
        line = f"<pre>{escape(self.cure.python)}</pre>" if self.cure else ""
        shown = self.layers[self.layers["path"] == "joint"][[name for name in SHOWN if name in self.layers]]
        table = shown.to_html(index=False, float_format="{:.3g}".format)
        return f"<ul>{said}</ul>{tried}{line}{table}"

    def as_dict(self) -> dict[str, Any]:
        """Lists of text, and arrays of numbers, from which `from_dict` makes it again."""
        return {"tables": {name: _columns(getattr(self, name)) for name in COLUMNS}, "facts": asdict(self.facts)}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Diagnosis":
        """The diagnosis that `as_dict` described."""
        return cls(
            **{name: _frame(columns) for name, columns in stored["tables"].items()}, facts=_facts(stored["facts"])
        )


SHOWN = ("layer", "direction", "gain", "half_life", "horizon", "needed", "status")


def diagnose(
    model: keras.Model,
    x: Any,
    y: Any = None,
    *,
    needed_lag: int | None = None,
    solved: bool | None = None,
    health: Any = None,
    history: Any = None,
    seed: int = 0,
    lyapunov: bool = True,
) -> Diagnosis:
    """Says what is wrong with a recurrent model, by looking at its data, its gradients and its training.

    The model is run on the probe, without dropout, and is left as it was: weights, seeds, metrics, attributes and
    compiled functions. Some 32 to 64 sequences that it was not trained on are enough. For TensorFlow.

        diagnosis = rnnkit.diagnose(model, *valid.sample(64), health=health)
        print(diagnosis)
        diagnosis.layers

    It looks in this order: whether data, weights, loss and gradients are finite, and inputs and targets of a size that
    can be learned from; whether a gradient of the loss arrives at the recurrent layers; how it travels back through
    time; and what the records of the whole training show. A finding rests on something that was measured; where quality
    is wanting and nothing speaks for a cause, the finding is `not known`, with what was ruled out.

    What one look at a model cannot tell is asked for: that updates are too large or too small, and when a gradient
    exploded, is seen only with `health`; and whether a short memory is a problem, by the lag that the task needs.

    Args:
        model: a built model with recurrent layers that run a cell over time. Layers that see only sequences of less
            than five steps are left out. A model without a compiled loss is measured with random errors at its
            predictions. That a layer cuts its own gradient (`bptt_steps`) is not looked at, so that the cut can be
            judged.
        x, y: the probe: arrays as for `fit`; a `tf.data.Dataset` or `PyDataset` as x alone, of which the first batch is
            taken; or raw data for one of our tasks, in any form that its `fit` takes. Where the model has one
            prediction per step, `credit` looks at the loss of one step of each sequence, else at the sequence's loss.
        needed_lag: steps back that the task needs. None takes what the task says, or the steps that a linear model
            needs to predict the target of the probe, if it can; else it is not known, and half of the median length is
            a guess that counts only where quality is wanting.
        solved: whether the model's quality on unseen data is as good as any. None goes by the probe: True if the inputs
            explain 90 % of the loss.
        health: the `GradientHealth` that watched the training, for the size of updates and a clipping threshold.
        history: what `fit` returned; None takes that of the model's last `fit`.
        seed: of the positions in the sequences that are looked at, and of random directions.
        lyapunov: also measure the Lyapunov exponents, which takes about half as long as all the rest. Without them
            `rank collapse` is not found.

    Raises:
        ArgumentError: a model that cannot be diagnosed; the message says why.
        DataError: data that cannot be used, or sequences that are too short.
        DeviceError: another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise DeviceError(f"diagnose is for the TensorFlow backend, got {keras.backend.backend()}.")
    x, y = probe_arrays(model, x, y)
    captured = capture(model, x, y, seed=seed)
    data = known_of_data(model, x, y, captured)
    measurable = [] if data.broken_at or captured.signal.weights else captured.recordings
    measured = [measure(recording, seed, lyapunov) for recording in measurable]
    layers = []
    for recording, tables in measured:
        needed = needed_steps(model, recording, needed_lag, data.dependence, data.lag)
        layers.append(known_of_layer(recording, tables, *needed, recording.name in captured.signal.reached))
    training = known_of_training(
        model,
        explained=captured.signal.explained,
        linear=data.dependence,
        depth=captured.depth,
        solved=solved,
        health=health,
        history=history,
        task=isinstance(model, Task),
    )
    facts = Facts(data, captured.signal, training, tuple(layers))
    return Diagnosis(**joined_tables([tables for _, tables in measured], facts), facts=facts)


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    columns = {str(name): column for name, column in frame.items()}
    return {name: each.to_numpy() if each.dtype.kind in "biuf" else each.tolist() for name, each in columns.items()}


def _frame(columns: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(v, dtype=str) if isinstance(v, list) else v for name, v in columns.items()})


def _facts(stored: dict[str, Any]) -> Facts:
    """Facts from nested dicts; what was a tuple may have become a list."""
    data, training = stored["data"], stored["training"]
    parts = {
        name: data[name] and kind(**_tuples(data[name])) for name, kind in {"inputs": Inputs, "target": Target}.items()
    }
    training = {
        **training,
        "records": Records(**training["records"]),
        "history": History(**_tuples(training["history"])),
    }
    return Facts(
        Data(**{**data, **parts}),
        Signal(**_tuples(stored["signal"])),
        Training(**training),
        tuple(Layer(**_tuples(layer)) for layer in stored["layers"]),
    )


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
