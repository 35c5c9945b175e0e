"""The model that a command uses: of a run folder, of a search folder, or in a `.keras` file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console

from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.specs import SPECS, find_spec

if TYPE_CHECKING:
    from rnnkit.tasks.config import RunConfig

BEST = "best.keras"  # the model of a search


class Saved(NamedTuple):
    """A saved model, not yet loaded.

    Attributes:
        file: the model.
        folder: where more of it is, and may be written.
        task: its task; None where only the model itself says.
        config: of its run; None where it has none.
    """

    file: Path
    folder: Path
    task: str | None = None
    config: "RunConfig | None" = None


def find_model(path: Path, task: str | None = None) -> Saved:
    """Where a model is; it answers before TensorFlow starts.

    Args:
        path: a run folder, a search folder or a `.keras` file.
        task: the task it must have, if there is one.

    Raises:
        ArgumentError: a folder of another task, or of a comparison.
        DataError: there is no model.
    """
    saved = _find(path)
    if task is not None and saved.task not in (None, task):
        raise ArgumentError(f"run: {path} is a run of {saved.task}; expected one of {task}.")
    return saved


def _find(path: Path) -> Saved:
    from rnnkit.study.folder import RunFolder
    from rnnkit.tasks.config import RunConfig

    if path.suffix == ".keras":
        return Saved(path, path.parent)
    if (path / "comparison.json").is_file():
        raise ArgumentError(f"run: {path} is a comparison, which keeps no models. See rnnkit report {path}.")
    if (path / "search.json").is_file():
        return Saved(_best(path), path, _task_of_search(path))
    folder = RunFolder(path)
    config = RunConfig.from_dict(folder.config)
    return Saved(folder.model, path, config.task, config)


def _best(folder: Path) -> Path:
    file = folder / BEST
    if not file.is_file():
        raise DataError(f"run: {folder} has no {BEST}: the search has not ended. Resume it with the same rnnkit tune.")
    return file


def _task_of_search(folder: Path) -> str | None:
    try:
        name = json.loads((folder / "search.json").read_text(encoding="utf-8"))["task"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"run: {folder / 'search.json'} cannot be read ({error}).") from error
    return next((task for task, spec in SPECS.items() if spec.model.endswith(f":{name}")), None)


def open_model(console: Console, saved: Saved, device: str, task: str | None = None):
    """Starts TensorFlow and loads a model.

    Raises:
        ArgumentError: it is not one of `task`, where that is given.
    """
    from rnnkit.cli.quiet import start_tensorflow

    with console.status("Starting TensorFlow"):
        start_tensorflow(device)
        from rnnkit.saving import load

        model = load(saved.file)
    expected = task or saved.task
    if expected is not None and not isinstance(model, find_spec(expected).task_class):
        name = find_spec(expected).task_class.__name__
        raise ArgumentError(f"run: {saved.file} holds a {type(model).__name__}, expected a {name}.")
    return model


def spec_of_model(model, path: Path):
    """The spec of a loaded model's task.

    Raises:
        ArgumentError: it is no task.
    """
    from rnnkit.tasks import find_task

    try:
        return find_spec(find_task(type(model))[0])
    except ArgumentError as error:
        raise ArgumentError(f"run: {path} holds a {type(model).__name__}, which is no task of rnnkit.") from error
