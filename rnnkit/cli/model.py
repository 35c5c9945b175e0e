"""The model that a command uses: of a run folder, of a search folder, or in a `.keras` file."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console

from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.options import TEST, VALID, Option
from rnnkit.tasks.specs import find_spec, spec_of_class

if TYPE_CHECKING:
    from rnnkit.datasets import Dataset
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

    @property
    def is_split_otherwise(self) -> bool:
        """Whether it is a run of version 0.1 on a file, which was split in another way."""
        from rnnkit import datasets
        from rnnkit.study.folder import RunFolder

        of_file = self.config is not None and not datasets.is_known(self.config.data)
        return of_file and self.file.name != BEST and "settings" not in RunFolder(self.folder).config


def find_model(path: Path, *tasks: str) -> Saved:
    """Where a model is; it answers before TensorFlow starts.

    Args:
        path: a run folder, a search folder or a `.keras` file.
        tasks: those that it may have; any without them.

    Raises:
        ArgumentError: a folder of another task, or of a comparison.
        DataError: there is no model, or the run is not finished.
    """
    from rnnkit.study.folder import RunFolder

    saved = _find(path)
    if tasks and saved.task not in (None, *tasks):
        raise ArgumentError(f"run: {path} is a run of {saved.task}; expected one of {' or '.join(tasks)}.")
    if saved.config is not None and saved.file.name != BEST:
        RunFolder(path).expect_finished()
    return saved


def _find(path: Path) -> Saved:
    from rnnkit.study.folder import RunFolder
    from rnnkit.tasks.config import RunConfig

    if path.suffix == ".keras":
        return Saved(path, path.parent)
    if (path / "comparison.json").is_file():
        raise ArgumentError(f"run: {path} is a comparison, which has no models. See rnnkit report {path}.")
    if (path / "search.json").is_file():
        return Saved(_best(path), path, _task_of_search(path), _config_of_best(path))
    folder = RunFolder(path)
    config = RunConfig.from_dict(folder.config)
    return Saved(folder.model, path, config.task, config)


def _best(folder: Path) -> Path:
    file = folder / BEST
    if not file.is_file():
        raise DataError(f"run: {folder} has no {BEST}: the search has not ended. Resume it with the same rnnkit tune.")
    return file


def _config_of_best(folder: Path) -> "RunConfig | None":
    """How the best model of a search is trained; None where its settings are none of the command line's."""
    from rnnkit.study.files import read_json
    from rnnkit.tasks.config import RunConfig

    config = read_json(folder / "best.json").get("config") if (folder / "best.json").is_file() else None
    return RunConfig.from_dict(config) if config else None


def _task_of_search(folder: Path) -> str | None:
    try:
        name = json.loads((folder / "search.json").read_text(encoding="utf-8"))["task"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"run: {folder / 'search.json'} cannot be read ({error}).") from error
    spec = spec_of_class(name)
    return spec.task if spec else None


def data_options(spec) -> list[Option]:
    """The options that say which data to use with a saved model, and how a file is read."""
    return [each for each in spec.data_options if each not in (VALID, TEST)]


def check_data_options(spec, options: Mapping[str, Any], others: Iterable[Option] = ()) -> None:
    """Sees that the options of a command with a saved model are those of its task.

    Raises:
        ArgumentError: options of other tasks, or of a file that was not named.
    """
    known = {each.name for each in (*spec.data_options, *others)}
    given = [name for name, value in options.items() if value is not None]
    if foreign := [name for name in given if name not in known]:
        raise ArgumentError(f"{', '.join(foreign)}: expected options of {spec.task} only. Leave it out.")
    if options["data"] is None and (of_data := [each.name for each in spec.data_options if each.name in given]):
        raise ArgumentError(f"{', '.join(of_data)}: expected --data as well, the file that it describes.")


def data_of(spec, saved: Saved, options: Mapping[str, Any], part: str) -> "Dataset":
    """The data that were named, or a part of those that the model was trained on.

    Raises:
        ArgumentError: none were named, and nothing says on which the model was trained.
    """
    from rnnkit.study.run import open_data
    from rnnkit.tasks.config import RunConfig

    if options["data"] is None:
        if saved.config is None:
            raise ArgumentError(f"data: {saved.file} does not say which data it was trained on. Name some with --data.")
        return getattr(open_data(saved.config), part)
    named = {each.name: value for each in spec.data_options if (value := options.get(each.name)) is not None}
    if saved.config is None:
        return spec.test_data(RunConfig(spec.task, **named))
    described = {each.name: None for each in spec.data_options if each.of_files and each.name not in spec.lasting}
    return spec.test_data(saved.config.replaced(**{**described, **named}))


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
        raise ArgumentError(f"run: {saved.file} contains a {type(model).__name__}, expected a {name}.")
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
        raise ArgumentError(
            f"run: {path} contains a {type(model).__name__}, which is not one of rnnkit's tasks."
        ) from error
