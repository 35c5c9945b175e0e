"""The diagnosis of a model, in tables; the modules beside this one say how each number is found."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from rnnkit.diagnosis.capture import Recording, capture
from rnnkit.diagnosis.cures import Cure, cures
from rnnkit.diagnosis.decay import credit, fit, own_decay
from rnnkit.diagnosis.findings import finding, known_of_training, needed_steps
from rnnkit.diagnosis.gates import forget_gate, gates
from rnnkit.diagnosis.probe import probe_arrays
from rnnkit.diagnosis.replay import Replay
from rnnkit.diagnosis.spectrum import effective_rank, jacobian_sigma, kernel_spectrum, lyapunov
from rnnkit.diagnosis.truncation import credit_horizon, truncation
from rnnkit.diagnosis.verdict import Finding, Training, sentences, status


@dataclass(frozen=True)
class Diagnosis:
    """How gradients travel through time in a model, as DataFrames. Each has the columns `layer` and `direction`.

    `steps_back` counts along the layer's own recurrence: for a layer that reads backwards, towards the text's end.

    Attributes:
        layers: a row for each path (`joint`, and `h` and `c` where the cell has both): `path`, `gain`, `gain_low`,
            `gain_high`, `r2`, `half_life`, `horizon`, `horizon_reached` (see `decay.fit`), `median_length` of the
            sequences; and, the same for all paths of a layer, `credit_horizon` (see `truncation`), `forget_gate`
            (see `saturation`), `jacobian_sigma`, the largest singular value of J met at the positions looked at,
            `reach` and `needed` (steps, see `verdict.Finding`), and `status`: `healthy`, `short by choice`,
            `vanishing`, `exploding`, `rank collapse`, `saturated` or `not learning`.
        profile: `path`, `steps_back`, `decay`: R(k), and `rank`, the effective rank of the errors.
        credit: `steps_back`, `credit`: E(k), what the model as a whole still sees.
        truncation: `steps`, `cosine`: A(k), and `norm` of the truncated gradient over the full one.
        gates: see `saturation.gates`.
        spectrum: `gate`, `radius` and `sigma` of the recurrent kernel.
        lyapunov: `index`, `exponent` in nats a step; empty if it was not asked for.
        findings: the same in short, for each layer and direction: what the verdict goes by.
        training: what is known of the model's training.
    """

    layers: pd.DataFrame
    profile: pd.DataFrame
    credit: pd.DataFrame
    truncation: pd.DataFrame
    gates: pd.DataFrame
    spectrum: pd.DataFrame
    lyapunov: pd.DataFrame
    findings: tuple[Finding, ...]
    training: Training

    @property
    def verdict(self) -> str:
        """Some plain sentences for each layer and direction, evidence first and the status last."""
        return "\n".join(sentences(found, self.training, status(found, self.training)) for found in self.findings)

    @property
    def statuses(self) -> set[str]:
        """The statuses of all layers and directions."""
        return {status(found, self.training) for found in self.findings}

    @property
    def cure(self) -> Cure | None:
        """What to try first; None if there is no trouble."""
        return next(iter(self.cures), None)

    @property
    def cures(self) -> list[Cure]:
        """What to try, in order."""
        return cures([(found, status(found, self.training)) for found in self.findings], self.training)

    def to_html(self, path: str | Path) -> None:
        """Writes one page that needs no network: the tables, with figures and how to read them."""
        from rnnkit.diagnosis.page import diagnosis_page

        Path(path).write_text(diagnosis_page(self), encoding="utf-8")


TABLES = [field.name for field in fields(Diagnosis) if field.name not in ("findings", "training")]
COLUMNS = {
    "gates": ["gate", "mean", "derivative", "variance", "stuck", "saturated"],
    "spectrum": ["gate", "radius", "sigma"],
    "lyapunov": ["index", "exponent"],
}


def diagnose(
    model: keras.Model,
    x,
    y=None,
    *,
    needed_lag: int | None = None,
    solved: bool | None = None,
    health=None,
    seed: int = 0,
    lyapunov: bool = True,
) -> Diagnosis:
    """Measures how far the gradient reaches back through time in each recurrent layer of any Keras model.

    The model is run on the probe, without dropout, and is left as it was: weights, seeds, metrics, attributes and
    compiled functions. Some 32 to 64 sequences are enough. For TensorFlow.

        diagnosis = rnnkit.diagnose(model, *valid.sample(64))
        diagnosis.layers
        print(diagnosis.verdict)

    What one look at a model cannot tell is asked for: that nothing was learned is seen from the loss on the probe, once
    the optimizer has made 100 steps; that updates are too large or too small only with `health`; and whether a short
    memory is a trouble by the lag that the task needs, or by the model's quality.

    Args:
        model: a compiled and built model with recurrent layers that run a cell over time. Layers that see only
            sequences of less than five steps are left out. That a layer cuts its own gradient (`bptt_steps`) is not
            looked at, so that the cut can be judged.
        x, y: the probe: arrays as for `fit`; or raw data for one of our tasks, in any form that its `fit` takes. Where
            the model has one prediction a step, `credit` looks at the loss of one step of each sequence, else at the
            sequence's loss.
        needed_lag: steps back that the task needs. None takes the whole length for a `MemoryModel`, else half of the
            median length of the layer's sequences.
        solved: whether the model's quality on unseen data is as good as any. A short memory is then `short by choice`.
            None goes by the probe: True if the inputs explain 90 % of the loss.
        health: the `GradientHealth` that watched the training, for the size of updates and a clipping threshold.
        seed: of the positions in the sequences that are looked at, and of random directions.
        lyapunov: also measure the Lyapunov exponents, which takes about half as long as all the rest. Without them
            `rank collapse` is not found.

    Raises:
        ArgumentError: a model that cannot be diagnosed; the message says why.
        DataError: data that cannot be used, or sequences that are too short.
    """
    x, y = probe_arrays(model, x, y)
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
    findings = []
    training = known_of_training(model, x, y, solved=solved, health=health)
    for recording in capture(model, x, y, seed=seed):
        measured = _measure(recording, seed, lyapunov)
        found = finding(recording, measured, *needed_steps(model, recording, needed_lag))
        findings.append(found)
        measured["layers"] = measured["layers"].assign(reach=found.reach, needed=found.needed)
        for name, frame in measured.items():
            frame.insert(0, "layer", recording.name)
            frame.insert(1, "direction", recording.direction)
            tables[name].append(frame)
    training = training.with_depth(findings)
    for frame, found in zip(tables["layers"], findings, strict=True):
        frame["status"] = status(found, training)
    joined = {name: _joined(frames) for name, frames in tables.items()}
    return Diagnosis(**joined, findings=tuple(findings), training=training)


@np.errstate(over="ignore")  # what explodes may be infinite
def _measure(recording: Recording, seed: int, with_lyapunov: bool) -> dict[str, pd.DataFrame]:
    replay = Replay(recording)
    recording = replay.recording
    entering = replay.entering(recording.errors)
    decays = own_decay(replay, entering, seed=seed)
    lags = np.arange(recording.max_lag + 1)
    cuts = truncation(replay, entering)
    shared = {
        "median_length": recording.median_length,
        "credit_horizon": credit_horizon(cuts),
        "forget_gate": forget_gate(replay),
        "jacobian_sigma": jacobian_sigma(replay, seed=seed).max(),
    }
    exponents = lyapunov(replay, seed=seed) if with_lyapunov else np.empty(0)
    profile = [
        {"path": decay.path, "steps_back": lags, "decay": np.exp(decay.curve), "rank": effective_rank(decay.directions)}
        for decay in decays
    ]
    return {
        "layers": pd.DataFrame([{"path": decay.path, **fit(decay.logs, seed=seed), **shared} for decay in decays]),
        "profile": pd.concat([pd.DataFrame(path) for path in profile]),
        "credit": pd.DataFrame({"steps_back": lags, "credit": credit(replay, replay.entering(recording.focus_errors))}),
        "truncation": pd.DataFrame(cuts),
        "gates": pd.DataFrame(gates(replay), columns=COLUMNS["gates"]),
        "spectrum": pd.DataFrame(kernel_spectrum(recording.layer), columns=COLUMNS["spectrum"]),
        "lyapunov": pd.DataFrame(list(enumerate(exponents)), columns=COLUMNS["lyapunov"]),
    }


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """All rows; frames without any are left out, as they would blur the types of the columns."""
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def as_dict(diagnosis: Diagnosis) -> dict[str, Any]:
    """Lists of text, and arrays of numbers."""
    return {
        "tables": {name: _columns(getattr(diagnosis, name)) for name in TABLES},
        "findings": [asdict(finding) for finding in diagnosis.findings],
        "training": asdict(diagnosis.training),
    }


def from_dict(stored: dict[str, Any]) -> Diagnosis:
    """The diagnosis that `as_dict` described."""
    findings = (Finding(**{**found, "saturated": tuple(found["saturated"])}) for found in stored["findings"])
    tables = {name: _frame(columns) for name, columns in stored["tables"].items()}
    return Diagnosis(**tables, findings=tuple(findings), training=Training(**stored["training"]))


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    columns = {str(name): column for name, column in frame.items()}
    return {name: each.to_numpy() if each.dtype.kind in "biuf" else each.tolist() for name, each in columns.items()}


def _frame(columns: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(v, dtype=str) if isinstance(v, list) else v for name, v in columns.items()})
