"""`rnnkit run` by several workers: which one this is, where it keeps its state, and how all of them end."""

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnkit import compat, workers
from rnnkit.errors import ArgumentError, DeviceError


def named(addresses: str | None, worker: int | None, public: bool, needed: bool = True) -> workers.Cluster | None:
    """The workers of --workers, or of TF_CONFIG; None where there are none.

    Args:
        addresses, worker, public: the options.
        needed: whether a number without addresses is refused; a run that has begun has its own.
    """
    if addresses is None and not needed and worker is not None:
        return workers.find(public=public)
    return workers.find(None if addresses is None else addresses.split(","), worker, public)


def as_before(config, cluster: workers.Cluster | None, worker: int | None, public: bool) -> workers.Cluster | None:
    """The workers with which a run continues: those that were named, or those that it began with.

    Raises:
        ArgumentError: their number is another one, or nobody said which one this is.
    """
    before = config.workers.split(",") if config.workers else []
    if cluster is None and before:
        cluster = workers.find(before, worker, public)
    if (found := len(cluster.addresses) if cluster else 1) != (begun := len(before) or 1):
        raise ArgumentError(f"workers: this run began with {begun}, got {found}. Name as many.")
    return cluster


def shared(config, cluster: workers.Cluster | None, out: Path | None):
    """The configuration, which is the same for all workers.

    Raises:
        ArgumentError: there is no folder that all know, or several CPUs of one worker.
    """
    if cluster is None:
        return config
    if out is None:
        raise ArgumentError(
            "out: expected a folder, as several workers have to name the same. Give each the same --out."
        )
    if config.devices > 1 and config.device == "cpu":
        raise ArgumentError(f"devices: a worker has one CPU, got {config.devices}. Start more workers.")
    return config.replaced(workers=",".join(cluster.addresses))


def folder_of(out: Path, cluster: workers.Cluster | None, worker: int | None = None) -> Path:
    """The folder of this worker."""
    from rnnkit.study.folder import own_folder

    return own_folder(out, cluster.worker if cluster else worker or 0)


def scope(config, cluster: workers.Cluster, splits, finish: bool) -> contextlib.AbstractContextManager:
    """Where the model is made that all train; they are compared first."""
    from rnnkit.study.work_folder import fingerprint

    options = {**config.as_dict(), "finish": finish}
    same = {**options, **{f"{name} data": fingerprint(part) for name, part in splits._asdict().items()}}
    return workers.strategy(cluster.addresses, cluster.worker, public=cluster.public, same=same, devices=config.devices)


def resume_words(folder: Path, cluster: workers.Cluster) -> str:
    """How the unfinished run of several workers is resumed."""
    out = folder if cluster.first else folder.parent
    line = shlex.join(["rnnkit", "run", "--resume", str(out), "--worker", str(cluster.worker)])
    return f"Resume all workers, this one with: {line}"


@contextlib.contextmanager
def told_of_loss(cluster: workers.Cluster | None, kept: str) -> Iterator[None]:
    """Within, the end of another worker is reported in one line.

    Raises:
        DeviceError: in the place of TensorFlow's error.
    """
    try:
        yield
    except Exception as error:
        if cluster is None or not compat.has_lost_worker(error):
            raise
        raise DeviceError(f"workers: another worker has ended, or cannot be reached any more. {kept}") from error


def end(model: Any, folder, first: bool) -> None:
    """Waits until the results are written; then the other workers put the state of their training away."""
    try:
        workers.gathered(getattr(model, "distribute_strategy", None), "written")
    except Exception as error:
        if not (first and compat.has_lost_worker(error)):  # its results are there, whoever else is gone
            raise
    if not first:
        folder.put_state_away()
