"""The diagnosis of a model, in tables; the modules beside this one say how each number is found."""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from rnnkit.diagnosis.capture import Recording, capture
from rnnkit.diagnosis.credit import credit
from rnnkit.diagnosis.decay import fit, own_decay
from rnnkit.diagnosis.probe import probe_arrays
from rnnkit.diagnosis.rank import effective_rank, lyapunov
from rnnkit.diagnosis.replay import Replay
from rnnkit.diagnosis.saturation import forget_gate, gates
from rnnkit.diagnosis.spectrum import jacobian_sigma, kernel_spectrum
from rnnkit.diagnosis.truncation import credit_horizon, truncation


@dataclass(frozen=True)
class Diagnosis:
    """How gradients travel through time in a model, as DataFrames. Each has the columns `layer` and `direction`.

    `steps_back` counts along the layer's own recurrence: for a layer that reads backwards, towards the text's end.

    Attributes:
        layers: a row for each path (`joint`, and `h` and `c` where the cell has both): `path`, `gain`, `gain_low`,
            `gain_high`, `r2`, `half_life`, `horizon`, `horizon_reached` (see `decay.fit`), `median_length` of the
            sequences; and, the same for all paths of a layer, `credit_horizon` (see `truncation`), `forget_gate`
            (see `saturation`) and `jacobian_sigma`, the largest singular value of J met at the positions looked at.
        profile: `path`, `steps_back`, `decay`: R(k), and `rank`, the effective rank of the errors.
        credit: `steps_back`, `credit`: E(k), what the model as a whole still sees.
        truncation: `steps`, `cosine`: A(k), and `norm` of the truncated gradient over the full one.
        gates: see `saturation.gates`.
        spectrum: `gate`, `radius` and `sigma` of the recurrent kernel.
        lyapunov: `index`, `exponent` in nats a step; empty if it was not asked for.
    """

    layers: pd.DataFrame
    profile: pd.DataFrame
    credit: pd.DataFrame
    truncation: pd.DataFrame
    gates: pd.DataFrame
    spectrum: pd.DataFrame
    lyapunov: pd.DataFrame


COLUMNS = {
    "gates": ["gate", "mean", "derivative", "variance", "stuck", "saturated"],
    "spectrum": ["gate", "radius", "sigma"],
    "lyapunov": ["index", "exponent"],
}


def diagnose(model: keras.Model, x, y=None, *, seed: int = 0, lyapunov: bool = True) -> Diagnosis:
    """Measures how far the gradient reaches back through time in each recurrent layer of any Keras model.

    The model is run once on the probe, without dropout, and is left as it was: weights, seeds, metrics, attributes and
    compiled functions. Some 32 to 64 sequences are enough. For TensorFlow.

        diagnosis = rnnkit.diagnose(model, *valid.sample(64))
        diagnosis.layers

    Args:
        model: a compiled and built model with recurrent layers that run a cell over time. Layers that see only
            sequences of less than five steps are left out. That a layer cuts its own gradient (`bptt_steps`) is not
            looked at, so that the cut can be judged.
        x, y: the probe: arrays as for `fit`; or raw data for one of our tasks, in any form that its `fit` takes. Where
            the model has one prediction a step, `credit` looks at the loss of one step of each sequence, else at the
            sequence's loss.
        seed: of the positions in the sequences that are looked at, and of random directions.
        lyapunov: also measure the Lyapunov exponents, which takes about half as long as all the rest.

    Raises:
        ArgumentError: a model that cannot be diagnosed; the message says why.
        DataError: data that cannot be used, or sequences that are too short.
    """
    x, y = probe_arrays(model, x, y)
    tables: dict[str, list[pd.DataFrame]] = {name: [] for name in Diagnosis.__dataclass_fields__}
    for recording in capture(model, x, y, seed=seed):
        for name, frame in _measure(recording, seed, lyapunov).items():
            frame.insert(0, "layer", recording.name)
            frame.insert(1, "direction", recording.direction)
            tables[name].append(frame)
    return Diagnosis(**{name: _joined(frames) for name, frames in tables.items()})


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
