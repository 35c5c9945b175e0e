"""Canaries: what `rnnkit.compat` takes from TensorFlow, and from processes that work together, keeps its meaning."""

import os
import subprocess
import sys

import keras
import pytest
import tensorflow as tf

from rnnkit import compat

pytestmark = pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning")  # KerasTuner's


def test_importing_it_imports_no_library():
    heavy = "{'keras', 'tensorflow', 'keras_tuner', 'numpy'}"
    code = f"import sys, rnnkit.compat; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_keras_trains_by_several_workers_only_once_it_is_mended(monkeypatch):
    from keras.src.backend.tensorflow import trainer

    monkeypatch.setattr(trainer, "reduce_per_replica", trainer.reduce_per_replica)
    monkeypatch.setattr(keras.Model, "_maybe_symbolic_build", keras.Model._maybe_symbolic_build)
    monkeypatch.setattr(keras.random.SeedGenerator, "next", keras.random.SeedGenerator.next)
    strategy = tf.distribute.get_strategy()
    assert not compat.is_shared(strategy)
    monkeypatch.setattr(trainer, "_collective_all_reduce_multi_worker", lambda strategy: True)
    logs = {"loss": tf.constant(3.0)}
    with pytest.raises(
        ValueError, match="Invalid reduction dimension 0"
    ):  # when this passes, the mend is not needed any more
        trainer.reduce_per_replica(logs, strategy, "auto")
    compat.mend_trainer()
    mended = trainer.reduce_per_replica
    assert float(mended(logs, strategy, "auto")["loss"]) == 3
    compat.mend_trainer()
    assert trainer.reduce_per_replica is mended


FRESH = """
import rnnkit
from rnnkit import compat
from rnnkit.layers import LSTM
import tensorflow as tf
print(compat.has_started(), compat.is_op_determinism_enabled())
tf.config.experimental.enable_op_determinism()
tf.zeros(3)
print(compat.has_started(), compat.is_op_determinism_enabled())
"""


@pytest.fixture(scope="module")
def fresh():
    """A process of its own that imports rnnkit first, with the level of logging of a user who has set none."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", FRESH]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment, check=False)


def test_tensorflow_tells_whether_it_has_started(fresh):
    assert [line.split()[0] for line in fresh.stdout.splitlines()] == ["False", "True"], fresh.stderr


@pytest.mark.parametrize(
    ("ask", "operation"),
    [(compat.gather_from_workers, "CollectiveGatherV2"), (compat.sum_from_workers, "CollectiveReduceV2")],
)
def test_workers_gather_and_sum_by_one_message_within_a_condition(ask, operation):
    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # of this process alone

    def tell(values):
        context = tf.distribute.get_replica_context()
        return tf.cond(values[0] > 0, lambda: ask(context, values), lambda: -values)

    traced = tf.function(lambda values: strategy.run(tell, (values,)), autograph=False)
    graph = traced.get_concrete_function(tf.TensorSpec((None,), "float32")).graph.as_graph_def()
    nodes = [node for function in graph.library.function for node in function.node_def]
    [found] = [node for node in nodes if node.op.startswith(("CollectiveReduce", "CollectiveGather"))]
    assert (found.op, found.attr["merge_op"].s) == (operation, b"" if ask is compat.gather_from_workers else b"Add")


def test_the_end_of_a_worker_is_known_by_its_errors():
    lost = "Collective ops is aborted by: peer has gone"
    assert compat.has_lost_worker(tf.errors.InternalError(None, None, lost))
    assert compat.has_lost_worker(tf.errors.UnavailableError(None, None, "Connection reset by peer"))
    assert not compat.has_lost_worker(tf.errors.InvalidArgumentError(None, None, "shapes"))
    assert not compat.has_lost_worker(ValueError(lost))


def test_the_global_seed_is_that_which_was_set():
    before = compat.global_seed()
    try:
        tf.random.set_seed(7)
        assert compat.global_seed() == 7
    finally:
        tf.random.set_seed(before)
    assert compat.global_seed() == before


def test_op_determinism_is_known_in_a_process_that_asked_for_it(fresh):
    assert [line.split()[1] for line in fresh.stdout.splitlines()] == ["False", "True"], fresh.stderr


def test_tensorflow_is_imported_without_its_start_up_lines_and_all_else_is_heard(capfd, monkeypatch):
    monkeypatch.delitem(sys.modules, "tensorflow")
    lines = [b"I0000 00:00:17 1 port.cc:153] oneDNN\n", b"To enable the following instructions: AVX2\n", b"a warning\n"]
    with compat.quiet_start():
        os.write(2, b"".join(lines))
    assert capfd.readouterr().err == "a warning\n"


def test_a_notebook_sees_no_start_up_lines(fresh):
    assert (fresh.returncode, fresh.stderr) == (0, "")


def test_a_traced_custom_gradient_is_in_the_registry():
    @tf.custom_gradient
    def double(x):
        return 2 * x, lambda upstream: 2 * upstream

    known = set(compat.gradient_registry())
    tf.function(lambda x: tf.gradients(double(x), x))(tf.constant(1.0))
    new = set(compat.gradient_registry()) - known
    assert new
    assert all(name.startswith("CustomGradient-") for name in new)


def test_one_device_needs_no_merging_of_replicas():
    assert compat.merges_replicas() is False
