"""TensorFlow: its start, its seeds, its graphs and its collectives."""

import contextlib
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator

START_UP = re.compile(  # lines that its libraries write as they are loaded, before anybody can set a level of logging
    rb"WARNING: All log messages before absl|[IWE]\d{4} |\d{4}-\d\d-\d\d \S+ [IWE] |To enable the following instruc"
)


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Within, TensorFlow is imported without its start-up lines; all else on standard error is written afterwards.

    They come from native code, some before `TF_CPP_MIN_LOG_LEVEL` is read; set that variable yourself to see the later
    ones. Where TensorFlow is loaded already, nothing is held back.
    """
    if "tensorflow" in sys.modules or sys.stderr is None:
        yield
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            held.seek(0)
            os.write(saved, b"".join(line for line in held if not START_UP.match(line)))
            os.close(saved)


def global_seed() -> int | None:
    """The seed that `tf.random.set_seed` set; None before that. TensorFlow can set it and not tell it."""
    from tensorflow.python.eager import context

    return context.global_seed()


def is_op_determinism_enabled() -> bool:
    """Whether `tf.config.experimental.enable_op_determinism` was called, which has no public counterpart."""
    from tensorflow.python.framework.config import is_op_determinism_enabled

    return is_op_determinism_enabled()


def has_started() -> bool:
    """Whether TensorFlow has initialised its devices, after which it takes no workers; nothing public tells."""
    from tensorflow.python.eager import context

    return context.context()._initialized


@contextlib.contextmanager
def own_sigterm() -> Iterator[None]:
    """Within, a strategy of several workers is made, for which TensorFlow catches SIGTERM and does nothing with it.

    Afterwards the handler of before has it again, so that the process can be ended; no option leaves it alone.
    """
    yield
    handler = signal.getsignal(signal.SIGTERM)
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)


def has_lost_worker(error: Exception) -> bool:
    """Whether an error says that another worker is gone; TensorFlow has one type for it and raises several."""
    errors = getattr(sys.modules.get("tensorflow"), "errors", None)
    if errors is None or not isinstance(error, errors.OpError):
        return False
    gone = (errors.UnavailableError, errors.AbortedError, errors.DeadlineExceededError)
    return isinstance(error, gone) or "ollective" in str(error)


def gather_from_workers(context, values):
    """Tensors that are as long on each worker, joined along their first axis; within a condition, too.

    The public `ReplicaContext.all_gather` asks all workers for their lengths first, and fails within a condition.
    """
    return _launcher(context)._all_gather(values, None)


def sum_from_workers(context, values):
    """The sum of a tensor over all workers; within a condition, too, where the public `all_reduce` fails."""
    return _launcher(context).all_reduce(values)


def _launcher(context):
    return context.strategy.extended._cross_device_ops._launchers[context._replica_id]


def gradient_registry() -> dict:
    """The gradients of all traced operations by name, which TensorFlow keeps for good and nothing public empties."""
    from tensorflow.python.framework.ops import gradient_registry

    return gradient_registry._registry


def merges_replicas() -> bool:
    """Whether the optimizer leaves the replicas' own context for its update under the strategy in scope.

    A condition around such an update must be made outside of it too, and no public function tells when.
    """
    import tensorflow as tf

    return not tf.__internal__.distribute.strategy_supports_no_merge_call()
