"""Canaries: each name of another library that `rnnkit.compat` rests on is there and means what we take it to mean."""

import contextlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from rnnkit import compat

pytestmark = pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning")  # KerasTuner's


def test_importing_it_imports_no_library():
    heavy = "{'keras', 'tensorflow', 'keras_tuner', 'numpy'}"
    code = f"import sys, rnnkit.compat; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_layers_of_a_model_are_those_inside_of_others_and_of_cells():
    cells = [keras.layers.LSTMCell(2), keras.layers.GRUCell(2)]
    inner = keras.Sequential([keras.layers.RNN(cells), keras.layers.Dense(1)])
    model = keras.Sequential([keras.Input((3, 2)), inner])
    found = compat.layers_of(model)
    assert {id(each) for each in (model, inner, *inner.layers, *cells)} <= {id(each) for each in found}
    assert len(found) == len({id(each) for each in found})


def test_a_functional_model_runs_each_operation_by_a_function():
    x = keras.Input((2,), name="x")
    dense = keras.layers.Dense(2)
    network = keras.Model({"x": x}, ops.abs(dense(x)))
    given, seen = {"x": tf.constant([[1.0, -2.0]])}, []

    def call(operation, *arguments, **options):
        seen.append(operation)
        return arguments[0] if operation is dense else operation(*arguments, **options)

    np.testing.assert_array_equal(compat.run_graph(network, given, call), [[1.0, 2.0]])
    assert seen[0] is dense
    assert len(seen) == 2


def test_the_history_of_the_last_fit_is_on_the_model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert compat.last_history(model) is None
    history = model.fit(np.zeros((4, 2)), np.zeros((4, 1)), epochs=2, verbose=0)
    assert compat.last_history(model).history["loss"] == history.history["loss"]


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


def test_the_recurrent_loop_runs_a_step_over_time():
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    last, outputs, (state,) = compat.recurrent_loop(
        lambda inputs, states: (states[0] + inputs, [states[0] + inputs]),
        tf.constant(x),
        [tf.zeros((2, 3))],
        return_all_outputs=True,
    )
    np.testing.assert_allclose(outputs, np.cumsum(x, axis=1), rtol=1e-6)
    np.testing.assert_array_equal(last, outputs[:, -1])
    np.testing.assert_array_equal(state, last)


@pytest.mark.parametrize("kind", [keras.layers.RNN, keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN])
def test_a_recurrent_layer_goes_through_time_by_its_inner_loop(kind):
    class Doubled(compat.OpenRNN, kind):
        def through_time(self, *arguments, **options):
            last, outputs, states = super().through_time(*arguments, **options)
            for one, other in zip((last, outputs), self.generic_loop(*arguments, **options), strict=False):
                np.testing.assert_allclose(one, other, atol=1e-6)
            return 2 * last, outputs, states

    given = keras.layers.LSTMCell(3) if kind is keras.layers.RNN else 3
    layer, x = Doubled(given), np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    doubled, plain = layer(x), kind(given)
    plain(x)
    plain.set_weights(layer.get_weights())
    np.testing.assert_allclose(doubled, 2 * plain(x), atol=1e-6)


def test_fit_takes_an_adapter_of_a_py_dataset_in_place_of_data():
    class Ones(keras.utils.PyDataset):
        num_batches = 2

        def __getitem__(self, index):
            return np.ones((3, 2)), np.ones((3, 1))

    adapter = compat.py_dataset_adapter()(Ones(), None)
    assert isinstance(adapter.get_tf_dataset(), tf.data.Dataset)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(adapter, verbose=0)
    assert int(model.optimizer.iterations) == 2


def test_fit_calls_what_an_open_trainer_overrides():
    called = []

    class Told(compat.OpenTrainer, keras.Sequential):
        def build_for(self, iterator=None, batch=None):
            called.append("build" if iterator is not None else "build without data")
            super().build_for(iterator, batch)

        def epoch_logs(self, logs):
            called.append("logs")
            return {**super().epoch_logs(logs), "added": 3.0}

    model = Told([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0).history
    assert called == ["build", "logs"]
    assert history["added"] == [3.0]
    assert history["loss"][0] > 0


def test_an_open_optimizer_clips_and_sums_just_before_the_update():
    called = []

    class Told(compat.OpenOptimizer, keras.optimizers.SGD):
        def clip(self, gradients):
            called.append("clip")
            return super().clip(gradients)

        def sum_gradients(self, pairs):
            called.append("sum")
            return [(2 * gradient, variable) for gradient, variable in super().sum_gradients(pairs)]

    weight = keras.Variable([3.0, 4.0])
    Told(0.1, clipnorm=1.0).apply([tf.constant([3.0, 4.0])], [weight])
    assert called == ["clip", "sum"]
    np.testing.assert_allclose(weight.numpy(), [3.0 - 0.2 * 0.6, 4.0 - 0.2 * 0.8], rtol=1e-6)


def test_adams_moments_are_those_of_the_variable():
    one, two = keras.Variable([1.0]), keras.Variable([1.0, 1.0])
    adam = keras.optimizers.Adam(beta_1=0.75, beta_2=0.5)
    adam.apply([tf.constant([1.0]), tf.constant([2.0, 4.0])], [one, two])
    assert compat.index_of(adam, two.value) == 1
    momentum, velocity = compat.moments(adam, two)
    np.testing.assert_allclose(momentum.numpy(), [0.5, 1.0])
    np.testing.assert_allclose(velocity.numpy(), [2.0, 8.0])


def dense(optimizer="sgd", **options):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", **options)
    return model


BATCHES = (np.ones((12, 2), "float32"), np.ones((12, 1), "float32"))


class At(keras.callbacks.Callback):
    """Calls a function of the model when training begins."""

    def __init__(self, function):
        super().__init__()
        self.function, self.batches, self.epochs = function, [], []

    def on_train_begin(self, logs=None):
        self.found = self.function(self.model)

    def on_epoch_begin(self, epoch, logs=None):
        compat.begin_at_epoch(self.model, None)
        self.epochs.append(epoch)

    def on_train_batch_begin(self, batch, logs=None):
        self.batches.append(batch)


def fitted(at, **options):
    compat.follow_fits()
    options = {"batch_size": 3, "shuffle": False, "verbose": 0, **options}
    return dense().fit(*BATCHES, callbacks=[at], **options)


def test_the_places_of_gradients_are_passed_in_their_order():
    called = []
    optimizer = keras.optimizers.SGD(0.1, clipnorm=1.0)
    for name, method in zip((compat.CLIP, compat.SUM_GRADIENTS), compat.gradient_methods(optimizer), strict=True):

        def told(each, name=name, method=method):
            called.append(name)
            return method(each)

        compat.replace(optimizer, name, told)
    weight = keras.Variable([3.0, 4.0])
    optimizer.apply([tf.constant([3.0, 4.0])], [weight])
    assert called == [compat.CLIP, compat.SUM_GRADIENTS]
    assert compat.variables_of(optimizer) == [weight]
    for name in called:
        compat.restore(optimizer, name)
    assert optimizer.clipnorm == 1.0
    optimizer.apply([tf.constant([3.0, 4.0])], [weight])
    assert len(called) == 2


def test_a_loss_scale_asks_check_finite_before_the_inner_optimizer():
    source = inspect.getsource(keras.optimizers.LossScaleOptimizer)
    assert "self.check_finite" in source
    assert source.index("def _common_apply") > source.index("self.inner_optimizer.apply(")


def test_the_loss_is_tracked_before_the_update_and_its_mean_is_the_epochs_loss():
    called = []
    model = dense()
    tracker, update, apply = compat.loss_tracker(model), compat.loss_tracker(model).update_state, model.optimizer.apply
    compat.replace(tracker, "update_state", lambda *a, **k: called.append("loss") or update(*a, **k))
    compat.replace(tracker, "result", lambda: keras.ops.convert_to_tensor(7.0))
    compat.replace(model.optimizer, "apply", lambda *a: called.append("update") or apply(*a))
    assert model.fit(*BATCHES, verbose=0).history["loss"] == [7.0]
    assert called[:2] == ["loss", "update"]
    assert isinstance(tracker, keras.metrics.Mean)
    assert float(tracker.count) == 12


def test_what_replaces_a_method_is_not_saved(tmp_path):
    model = dense()
    compat.replace(model, "train_step", lambda data: None)
    compat.replace(model.optimizer, "apply", lambda *a: None)
    model.save(tmp_path / "model.keras")
    assert "train_step" in vars(model)
    keras.saving.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize(
    "make", [keras.optimizers.Adam, lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())]
)
def test_every_apply_is_met_and_may_be_done(make):
    optimizer, weight, met = make(), keras.Variable([1.0]), []
    before = vars(keras.optimizers.Optimizer).get("apply"), vars(keras.optimizers.LossScaleOptimizer).get("apply")
    with compat.every_apply(lambda *all_of_it: met.append(all_of_it) or True):
        optimizer.apply([tf.constant([1.0])], [weight])
    assert weight.numpy() == [1.0]
    assert met[0][0] is optimizer
    with compat.every_apply(lambda *all_of_it: False):
        optimizer.apply([tf.constant([1.0])], [weight])
    assert weight.numpy() < 1
    assert before == (
        vars(keras.optimizers.Optimizer).get("apply"),
        vars(keras.optimizers.LossScaleOptimizer).get("apply"),
    )


def test_fit_makes_its_train_function_after_the_callbacks_have_the_model_and_before_training_begins():
    order = []

    class Told(keras.Sequential):
        def make_train_function(self, force=False):
            order.append("make")
            return super().make_train_function(force)

    class Tells(keras.callbacks.Callback):
        def set_model(self, model):
            super().set_model(model)
            order.append("model")

        def on_train_begin(self, logs=None):
            order.append("begin")

    model = Told([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(*BATCHES, verbose=0, callbacks=[Tells()])
    assert order == ["model", "make", "begin"]


def test_a_running_fit_has_its_callbacks_and_its_data():
    at = At(compat.running_fit)
    history = fitted(at)
    callbacks, iterator = at.found
    assert callbacks.callbacks[0] is at
    assert history in callbacks.callbacks
    assert (iterator.num_batches, iterator.steps_per_epoch) == (4, None)
    inputs, shuffled = compat.arrays_of(iterator.data_adapter)
    assert not shuffled
    np.testing.assert_array_equal(inputs[0], BATCHES[0])
    assert not compat.is_generator(iterator.data_adapter)
    compat.wait_for_callbacks(callbacks)
    assert compat.running_fit(dense()) == (None, None)


def test_a_generator_is_told_from_other_data():
    at = At(compat.running_fit)
    compat.follow_fits()
    dense().fit((BATCHES for _ in range(4)), steps_per_epoch=2, verbose=0, shuffle=False, callbacks=[at])
    adapter = at.found[1].data_adapter
    assert compat.is_generator(adapter)
    assert compat.arrays_of(adapter) is None


def test_a_fit_begins_at_an_epoch_and_a_batch():
    def begin(model):
        compat.begin_at_epoch(model, 2)
        compat.begin_at_batch(compat.running_fit(model)[1], 3)

    at = At(begin)
    fitted(at, epochs=4)
    assert at.epochs == [2, 3]
    assert at.batches == [3, 0, 1, 2, 3]


def test_variables_are_made_before_the_first_step():
    def make(model):
        before = len(model.metrics_variables)
        compat.make_variables(model, compat.running_fit(model)[1])
        return before, len(model.metrics_variables)

    at = At(make)
    compat.follow_fits()
    model = dense(metrics=["mae"])
    model.fit(*BATCHES, batch_size=3, verbose=0, callbacks=[at])
    assert at.found[1] > at.found[0]
    assert len(model.metrics_variables) == at.found[1]
    assert at.batches == [0, 1, 2, 3]


def test_the_shared_random_state_is_that_of_keras_random():
    state = compat.random_state_variable(make=True)
    assert compat.random_state_variable() is state
    before = state.numpy()
    first = keras.random.uniform((3,))
    state.assign(before)
    np.testing.assert_array_equal(first, keras.random.uniform((3,)))


def test_what_changes_in_the_callbacks_of_keras_is_known(tmp_path):
    callbacks = [
        keras.callbacks.History(),
        keras.callbacks.EarlyStopping("loss", restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("loss"),
        keras.callbacks.ModelCheckpoint(tmp_path / "model.keras", "loss"),
        keras.callbacks.SwapEMAWeights(),
    ]
    model = dense(keras.optimizers.SGD(use_ema=True))

    class Before(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.states = [dict(vars(each)) for each in callbacks]

    before = Before()
    model.fit(*BATCHES, epochs=2, verbose=0, callbacks=[*callbacks, before])
    for callback, state in zip(callbacks, before.states, strict=True):
        names = compat.state_names(callback)
        assert set(names) <= set(vars(callback))
        changed = {name for name in vars(callback) if callback.__dict__[name] is not state.get(name)}
        known = {"_current_epoch", "monitor_op", "min_delta"}  # found again by each epoch
        assert changed <= {*names, *known}, (callback, changed)
    assert compat.state_names(keras.callbacks.Callback()) == ()
    assert compat.without_model(callbacks[0])["_model"] is None
    assert vars(callbacks[0])["_model"] is model


def test_a_csv_log_is_rewritten_whether_it_is_open_or_not(tmp_path):
    log, path, text = keras.callbacks.CSVLogger(tmp_path / "log.csv"), tmp_path / "log.csv", "epoch,loss\n0,1.5\n"
    log.on_train_begin()
    log.on_epoch_end(0, {"loss": 3.0, "mae": 2.0})
    compat.rewrite_csv(log, ["loss"], text)
    log.on_epoch_end(1, {"loss": 0.5})
    log.on_train_end()
    assert path.read_text().split() == ["epoch,loss", "0,1.5", "1,0.5"]
    compat.rewrite_csv(log, ["loss"], text)
    assert path.read_text() == text


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


class Failing(keras_tuner.HyperModel):
    """Has three values to choose from, and fails with each."""

    def build(self, hp):
        return keras.Sequential([keras.Input((1,)), keras.layers.Dense(hp.Choice("units", [1, 2, 3]))])

    def fit(self, hp, model, *data, **options):
        raise keras_tuner.errors.FailedTrialError("too small")


def searched(tmp_path, kind=keras_tuner.RandomSearch, **options):
    """A tuner of `Failing`."""
    goal = keras_tuner.Objective("val_loss", "min")
    return kind(Failing(), goal, directory=tmp_path, project_name="search", **options)


def ended(oracle, trial, score=0.5):
    """Ends a trial as a tuner does."""
    oracle.update_trial(trial.trial_id, {"val_loss": score}, step=2)
    trial.status = "COMPLETED"
    oracle.end_trial(trial)


def test_an_oracle_has_what_searches_read(tmp_path, capsys):
    oracle = searched(tmp_path, max_trials=2).oracle
    oracle.verbose = 0
    first, second = oracle.create_trial("a"), oracle.create_trial("b")
    ended(oracle, second)
    assert list(oracle.trials) == oracle.start_order == ["0", "1"]
    assert (oracle.end_order, oracle.ongoing_trials, oracle.tuner_ids) == (["1"], {"a": first}, {"a", "b"})
    assert capsys.readouterr().out == ""


def test_metrics_of_a_trial_have_a_history(tmp_path):
    oracle = searched(tmp_path, max_trials=1).oracle
    trial = oracle.create_trial("a")
    ended(oracle, trial, 0.25)
    [(name, history)] = oracle.get_trial("0").metrics.metrics.items()
    assert (name, [each.mean() for each in history.get_history()]) == ("val_loss", [0.25])
    again = keras_tuner.engine.trial.Trial.load(tmp_path / "search" / "trial_0" / "trial.json")
    assert (again.trial_id, again.hyperparameters.values, again.score) == ("0", trial.hyperparameters.values, 0.25)


def test_the_service_of_a_chief_gives_trials_and_says_when_there_are_none(tmp_path):
    tuner, messages = searched(tmp_path, max_trials=1), compat.chief_messages()
    service = compat.chief_service()(tuner.oracle)
    assert not service.stop_triggered
    ask = messages.get_service().CreateTrialRequest
    first = keras_tuner.engine.trial.Trial.from_proto(service.CreateTrial(ask(tuner_id="a"), None).trial)
    assert (first.trial_id, first.status, service.oracle) == ("0", "RUNNING", tuner.oracle)
    end = messages.get_service().EndTrialRequest(trial=first.to_proto())
    first.status = "FAILED"
    service.EndTrial(messages.get_service().EndTrialRequest(trial=first.to_proto()), None)
    assert tuner.oracle.end_order == ["0"]
    last = keras_tuner.engine.trial.Trial.from_proto(service.CreateTrial(ask(tuner_id="a"), None).trial)
    assert (last.status, service.stop_triggered) == ("STOPPED", True)
    assert callable(messages.get_service_grpc().add_OracleServicer_to_server)
    assert end.trial.trial_id == "0"


def test_a_worker_has_an_oracle_behind_its_client(tmp_path, monkeypatch):
    for name, value in {"ORACLE_IP": "127.0.0.1", "ORACLE_PORT": "1", "TUNER_ID": "worker-1"}.items():
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    tuner = searched(tmp_path, max_trials=1)
    assert not isinstance(tuner.oracle, keras_tuner.Oracle)
    assert isinstance(compat.own_oracle(tuner.oracle), keras_tuner.Oracle)


def test_a_trial_that_is_to_be_repeated_can_be_forgotten(tmp_path):
    for forget, expected in ((False, "0"), (True, "1")):
        oracle = searched(tmp_path / str(forget), max_trials=3).oracle
        oracle.create_trial("a")
        oracle.save()
        oracle.reload()
        if forget:
            compat.forget_retry(oracle, "0")
            compat.forget_retry(oracle, "0")
        assert oracle.create_trial("b").trial_id == expected


def test_a_grid_that_is_loaded_goes_on_where_it_was(tmp_path):
    oracle = searched(tmp_path, keras_tuner.GridSearch).oracle
    for _ in range(2):
        ended(oracle, oracle.create_trial("a"))
    oracle.save()
    again = searched(tmp_path, keras_tuner.GridSearch).oracle
    again.reload()
    compat.resume_grid(again)
    assert again.create_trial("a").hyperparameters.values["units"] == 3


def test_the_files_of_a_search_are_written_by_a_function(tmp_path):
    tuner, written = searched(tmp_path, max_trials=1), []
    with compat.search_files_by(lambda path, value: written.append(Path(path).name)):
        tuner.save()
        tuner.oracle.create_trial("a")
    assert written == ["oracle.json", "tuner0.json", "trial.json", "oracle.json"]
    tuner.save()
    assert (tmp_path / "search" / "tuner0.json").is_file()


def test_a_failed_trial_prints_its_traceback_unless_told_not_to(tmp_path, capsys):
    for folder, silent in (("a", False), ("b", True)):
        tuner = searched(tmp_path / folder, max_trials=1, max_consecutive_failed_trials=9)
        with compat.without_trial_tracebacks() if silent else contextlib.nullcontext():
            tuner.search(verbose=0)
        assert ("too small" in capsys.readouterr().err) is not silent
