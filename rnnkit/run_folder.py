"""A run on disk: one folder that holds everything about one training.

`config.json` (all that is needed to run it again), `model.keras`, `history.csv` (a row an epoch), `gradients.csv` (a
row a step and variable), `metrics.json` (a contract for scripts) and `samples.csv`.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnkit.errors import ArgumentError, DataError

if TYPE_CHECKING:
    from rnnkit.training import Trained


class RunFolder:
    """A run folder that exists.

    Raises:
        DataError: the folder does not exist or holds no run.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not (self.path / "config.json").is_file():
            raise DataError(f"run: {self.path} is no run folder: it holds no config.json. Make one with rnnkit run.")

    @classmethod
    def create(cls, path: str | Path | None, config: Mapping[str, Any]) -> "RunFolder":
        """A new folder with its `config.json`.

        Args:
            path: the folder; None names it `runs/<task>-<data>-<cell>-<time>`.
            config: JSON-able.

        Raises:
            ArgumentError: the folder holds something already, or cannot be written.
        """
        folder = Path(path) if path else _unused(config)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ArgumentError(f"out: {folder} exists already and is not overwritten. Name another folder.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write_json(folder / "config.json", config)
        except OSError as error:
            raise ArgumentError(f"out: {folder} cannot be written ({error.strerror}). Name another folder.") from error
        return cls(folder)

    @property
    def config(self) -> dict[str, Any]:
        """What was asked for."""
        return _read_json(self.path / "config.json")

    @property
    def metrics(self) -> dict[str, Any]:
        """What came out."""
        return _read_json(self.path / "metrics.json")

    @property
    def model(self) -> Path:
        """Where the model is."""
        return self.path / "model.keras"

    def write(self, trained: "Trained") -> None:
        """Saves a finished run."""
        trained.model.save(self.model)
        trained.history.to_csv(self.path / "history.csv", index=False)
        trained.health.to_csv(self.path / "gradients.csv")
        trained.samples.to_csv(self.path / "samples.csv", index=False)
        _write_json(self.path / "metrics.json", trained.metrics)


def _unused(config) -> Path:
    data = Path(config["data"]).name.split(".")[0]
    name = f"{config['task']}-{data}-{config['cell']}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = Path("runs") / name
    number = 2
    while folder.exists():
        folder = Path("runs") / f"{name}-{number}"
        number += 1
    return folder


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"run: {path} cannot be read as JSON ({error}). Was the run finished?") from error


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(path)
