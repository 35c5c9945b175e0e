"""One training by several processes, on one machine or many: TensorFlow's workers, and what they have to agree on.

TensorFlow's server of each worker listens on every interface, without authentication or encryption: whoever reaches its
port can run operations in the process. Use a network that only you can reach.
"""

import contextlib
import functools
import importlib.metadata
import io
import json
import os
import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from rnnkit import compat
from rnnkit.errors import ArgumentError, DeviceError
from rnnkit.errors.checks import positive, whole
from rnnkit.workers.meeting import meet

PATIENCE = 60.0  # seconds in which all workers have to be there
DIRECT = "no_grpc_proxy"
RUNTIME = ("rnnkit", "keras", "tensorflow", "numpy")
HEAD = struct.Struct("<iq")  # before a worker's message: its number, and the bytes of the message


@dataclass(frozen=True)
class Cluster:
    """The workers of a training, and which of them this process is.

    Args:
        addresses: of all of them, `HOST:PORT`, in the same order for each; the first one writes what comes out.
        worker: the number of this process, from 0.
        public: take addresses that machines outside a private network can reach.

    Raises:
        ArgumentError: an address that cannot be used or stands there twice, or a number that none of them has.
    """

    addresses: tuple[str, ...]
    worker: int
    public: bool = False

    def __post_init__(self):
        if len(self.addresses) < 2:
            raise ArgumentError(f"workers: expected two or more addresses HOST:PORT, got {len(self.addresses)}.")
        for number, address in enumerate(self.addresses):
            if self.places[number] in self.places[:number]:
                raise ArgumentError(f"workers: {address} is there twice. Give each worker a host or a port of its own.")
        whole("worker", self.worker, least=0, most=len(self.addresses) - 1)

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.worker == 0

    @property
    def others(self) -> list[int]:
        """The numbers of the others."""
        return [number for number in range(len(self.addresses)) if number != self.worker]

    @functools.cached_property
    def places(self) -> list[tuple[str, int]]:
        """Host and port of each."""
        return [_place(address) for address in self.addresses]


def find(addresses: Sequence[str] | None = None, worker: int | None = None, public: bool = False) -> Cluster | None:
    """The workers that were named, or those of the environment variable `TF_CONFIG`; None where there are none.

    Raises:
        ArgumentError: names without a number or a number without names, or what TensorFlow cannot use in `TF_CONFIG`.
    """
    if addresses is not None:
        cluster = Cluster(tuple(addresses), worker or 0, public)
        if worker is None:
            raise ArgumentError(f"worker: expected the number of this process, 0 to {len(addresses) - 1}, got none.")
        return cluster
    told = os.environ.get("TF_CONFIG")
    if not told:
        if worker is not None:
            raise ArgumentError(f"workers: expected the addresses of all workers, as worker={worker} is one of them.")
        return None
    return _of_environment(told, worker, public)


@contextlib.contextmanager
def strategy(
    workers: Sequence[str] | None = None,
    worker: int | None = None,
    *,
    patience: float = PATIENCE,
    public: bool = False,
    same: Mapping[str, Any] | None = None,
    devices: int | None = None,
) -> Iterator[Any]:
    """Within, a model is made that several processes train together, each with its part of every batch (TensorFlow).

        with rnnkit.workers.strategy(["10.0.0.1:2222", "10.0.0.2:2222"], worker=0):
            model = SentimentClassifier(units=64)
        model.fit(train, validation_data=valid)

    Each process runs the same program with another `worker`. The numbers are those of one process on the whole batch.
    It works for any Keras model. Once in a process, and before TensorFlow has computed anything. The server that
    TensorFlow starts listens on every interface and asks nobody who they are: see `SECURITY.md`.

    Args:
        workers: addresses `HOST:PORT` of all processes, in the same order for each; None takes those of the environment
            variable `TF_CONFIG`, as Kubernetes, Ray and others set it.
        worker: the number of this process, from 0.
        patience: seconds in which all have to be there.
        public: take addresses outside of private networks.
        same: JSON-able; what has to be the same for all, by name, besides the versions of what computes.
        devices: GPUs of each worker, where it has some; None takes all that TensorFlow sees.

    Yields:
        The `tf.distribute.MultiWorkerMirroredStrategy`.

    Raises:
        ArgumentError: addresses or a number that cannot be used, or another worker that differs in what is to be the
            same.
        DeviceError: a worker that is not there in time, or TensorFlow has computed something already.
    """
    cluster = find(workers, worker, public)
    if cluster is None:
        raise ArgumentError("workers: expected addresses HOST:PORT, or TF_CONFIG in the environment; there are none.")
    if "tensorflow" in sys.modules and compat.has_started():
        raise DeviceError("workers: TensorFlow has computed something already. Make the strategy before anything else.")
    meet(cluster, {**_versions(), **(same or {})}, positive("patience", patience))
    shared = _started(cluster, devices)
    with shared.scope():
        yield shared


def are_sharing(strategy: Any) -> bool:
    """Whether a strategy is that of several workers; None is none."""
    return strategy is not None and compat.is_shared(strategy)


def gathered(strategy: Any, values: Any) -> list:
    """What each worker of a strategy says here, in their order; all of them have to come here.

    Args:
        strategy: that of a model; of one process it gives what that says.
        values: JSON-able.
    """
    return [json.loads(told) for told in _exchanged(strategy, json.dumps(values).encode())]


def joined(strategy: Any, rows: Any) -> Any:
    """Rows of all workers of a strategy, one after the other; all of them have to come here.

    Args:
        strategy: as for `gathered`.
        rows: an array, a list of arrays that differ in their first axis only, or None of a worker that has none.
    """
    if not are_sharing(strategy):
        return rows
    parts = [part for told in _exchanged(strategy, _packed(rows)) if (part := _unpacked(told)) is not None]
    return [row for part in parts for row in part] if isinstance(parts[0], list) else np.concatenate(parts)


def from_first(strategy: Any, value: Any) -> Any:
    """What the first worker says here."""
    return gathered(strategy, value)[0]


def _exchanged(strategy: Any, message: bytes) -> list[bytes]:
    """The messages of all workers, in their order."""
    if not are_sharing(strategy):
        return [message]
    head = HEAD.pack(strategy.cluster_resolver.task_id, len(message))
    letters = np.frombuffer(head + message + bytes(-len(message) % 4), "int32")  # bytes cannot be gathered
    heard = strategy.experimental_local_results(_teller(strategy)(letters))[0].numpy().tobytes()
    found, place = {}, 0
    while place < len(heard):
        worker, size = HEAD.unpack_from(heard, place)
        place += HEAD.size
        found[worker] = heard[place : place + size]
        place += size + -size % 4
    return [told for _, told in sorted(found.items())]


@functools.cache
def _teller(strategy: Any):
    """Numbers (N,), int32, to those of all workers; traced once for messages of any length."""
    import tensorflow as tf

    def tell(letters):
        return tf.distribute.get_replica_context().all_gather(tf.identity(letters), axis=0)

    signature = [tf.TensorSpec((None,), "int32")]
    return tf.function(lambda letters: strategy.run(tell, (letters,)), input_signature=signature)


def _packed(rows: Any) -> bytes:
    """An array, a list of arrays or None as bytes."""
    if rows is None:
        return b""
    parts = {"values": rows} if isinstance(rows, np.ndarray) else {"values": np.concatenate(rows)}
    if isinstance(rows, list):
        parts["lengths"] = np.array([len(row) for row in rows])
    with io.BytesIO() as file:
        np.savez(file, **parts)
        return file.getvalue()


def _unpacked(told: bytes) -> Any:
    if not told:
        return None
    with np.load(io.BytesIO(told)) as parts:
        values = parts["values"]
        return np.split(values, np.cumsum(parts["lengths"])[:-1]) if "lengths" in parts else values


def _place(address: str) -> tuple[str, int]:
    """Host and port of an address."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(f"//{address}")
        if parts.hostname and parts.port and parts.netloc == address and not parts.username:
            return parts.hostname, parts.port
    raise ArgumentError(f"workers: expected addresses such as 10.0.0.1:2222, got {address!r:.80}.")


def _of_environment(told: str, worker: int | None, public: bool) -> Cluster:
    """The workers in `TF_CONFIG`, a chief first."""
    wrong = f"TF_CONFIG: expected a cluster with the addresses of its workers, and a task, got {told!r:.120}."
    try:
        config = json.loads(told)
        jobs, task = config["cluster"], config["task"]
        chief, workers = list(jobs.get("chief", [])), list(jobs.get("worker", []))
        number = int(task["index"]) + (len(chief) if task["type"] == "worker" else 0)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ArgumentError(wrong) from error
    if (
        set(jobs) - {"chief", "worker"}
        or task["type"] not in jobs
        or not all(isinstance(each, str) for each in chief + workers)
    ):
        raise ArgumentError(f"{wrong} Parameter servers and evaluators are not used.")
    if worker not in (None, number):
        raise ArgumentError(f"worker: expected {number}, as TF_CONFIG says, got {worker}. Leave one of them out.")
    return Cluster((*chief, *workers), number, public)


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in RUNTIME}


def _started(cluster: Cluster, devices: int | None):
    """TensorFlow's strategy; it waits for the others without an end, so `meet` comes before it."""
    own = ",".join(filter(None, [os.environ.get(DIRECT), *(host for host, _ in cluster.places)]))
    os.environ[DIRECT] = own  # workers are reached directly, even where there is a proxy for the web
    with compat.quiet_start():
        import tensorflow as tf
    compat.mend_trainer()
    gpus = len(tf.config.get_visible_devices("GPU"))
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
        task_type="worker",
        task_id=cluster.worker,
        num_accelerators={"GPU": gpus if devices is None else min(devices, gpus)},
        rpc_layer="grpc",
    )
    with compat.own_sigterm():
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
