"""The model of a run, for the commands that use one."""

from pathlib import Path

from rich.console import Console

from rnnkit.errors import ArgumentError


def model_file(run: Path, task: str) -> Path:
    """Where the model is: `run` itself, if it is a .keras file, else in the run's folder.

    It answers before TensorFlow starts.

    Raises:
        ArgumentError: a run of another task.
        DataError: there is no such run.
    """
    from rnnkit.study.folder import RunFolder
    from rnnkit.tasks.config import RunConfig

    if run.suffix == ".keras":
        return run
    folder = RunFolder(run)
    found = RunConfig.from_dict(folder.config).task
    if found != task:
        raise ArgumentError(f"run: {run} is a run of {found}; expected one of {task}, as rnnkit run {task} makes it.")
    return folder.model


def open_model(console: Console, path: Path, device: str, task: str | None = None):
    """Starts TensorFlow and loads a model.

    Raises:
        ArgumentError: it is not one of `task`, where that is given.
    """
    from rnnkit.cli.quiet import start_tensorflow

    with console.status("Starting TensorFlow"):
        start_tensorflow(device)
        from rnnkit.saving import load
        from rnnkit.tasks import TASKS

        model = load(path)
    if task is not None and not isinstance(model, TASKS[task]):
        raise ArgumentError(f"run: {path} holds a {type(model).__name__}, expected a {TASKS[task].__name__}.")
    return model
