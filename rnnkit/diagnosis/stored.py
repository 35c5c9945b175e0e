"""A `Diagnosis` as plain values and arrays, to be written down and read again."""

from dataclasses import asdict
from typing import Any

import pandas as pd

from rnnkit.diagnosis.diagnosis import TABLES, Diagnosis
from rnnkit.diagnosis.verdict import Finding, Training


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
