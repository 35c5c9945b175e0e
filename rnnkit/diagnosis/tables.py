"""All that is measured of a recorded layer, as the tables of a diagnosis."""

import numpy as np
import pandas as pd

from rnnkit.diagnosis.capture import Recording
from rnnkit.diagnosis.cell import (
    effective_rank,
    forget_gate,
    gates,
    jacobian_sigma,
    kernel_spectrum,
    lyapunov,
    time_scales,
)
from rnnkit.diagnosis.decay import NEGLIGIBLE, credit, credit_horizon, fit, own_decay, truncation
from rnnkit.diagnosis.replay import Replay
from rnnkit.diagnosis.rules import findings, status
from rnnkit.diagnosis.verdict import Facts

COLUMNS = {  # of each table, where nothing was measured
    "layers": ["layer", "direction", "path", "gain", "horizon", "status"],
    "profile": ["layer", "direction", "path", "steps_back", "decay", "rank"],
    "credit": ["layer", "direction", "steps_back", "credit"],
    "truncation": ["layer", "direction", "steps", "cosine", "norm"],
    "gates": ["gate", "mean", "derivative", "variance", "stuck", "saturated"],
    "spectrum": ["gate", "radius", "sigma"],
    "lyapunov": ["index", "exponent"],
    "time_scales": ["unit", "decay", "half_life"],
}


def measure(recording: Recording, seed: int, with_lyapunov: bool) -> tuple[Recording, dict[str, pd.DataFrame]]:
    """The recording and its tables, each with the layer and its direction."""
    with np.errstate(over="ignore"):  # what explodes may be infinite
        tables = _tables_of(recording, seed, with_lyapunov)
    for frame in tables.values():
        frame.insert(0, "layer", recording.name)
        frame.insert(1, "direction", recording.direction)
    return recording, tables


def _tables_of(recording: Recording, seed: int, with_lyapunov: bool) -> dict[str, pd.DataFrame]:
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
    rows = [{"path": d.path, **fit(d.logs, seed=seed), "followed": d.followed, **shared} for d in decays]
    return {
        "layers": pd.DataFrame(rows),
        "profile": pd.concat([pd.DataFrame(path) for path in profile]),
        "credit": pd.DataFrame({"steps_back": lags, "credit": credit(replay, replay.entering(recording.focus_errors))}),
        "truncation": pd.DataFrame(cuts),
        "gates": pd.DataFrame(gates(replay), columns=COLUMNS["gates"]),
        "spectrum": pd.DataFrame(kernel_spectrum(recording.layer), columns=COLUMNS["spectrum"]),
        "lyapunov": pd.DataFrame(list(enumerate(exponents)), columns=COLUMNS["lyapunov"]),
        "time_scales": pd.DataFrame(time_scales(replay), columns=COLUMNS["time_scales"]),
    }


def joined_tables(measured: list[dict[str, pd.DataFrame]], facts: Facts) -> dict[str, pd.DataFrame]:
    """The tables of all layers, with what is known of each in `layers`."""
    if not measured:
        return {name: pd.DataFrame(columns=columns) for name, columns in COLUMNS.items()}
    found = findings(facts)
    for tables, layer in zip(measured, facts.layers, strict=True):
        word = status(layer, facts, found)
        tables["layers"] = tables["layers"].assign(reach=layer.reach, needed=layer.needed, status=word)
        decays = tables["time_scales"]["decay"].to_numpy(dtype=float)
        tables["time_scales"] = tables["time_scales"].assign(reaches=decays**layer.needed >= NEGLIGIBLE)
    return {name: _joined([tables[name] for tables in measured]) for name in COLUMNS}


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """All rows; frames without any are left out, as they would blur the types of the columns."""
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
