"""Half precision: near the answers of float32, with all that half precision cannot hold kept in float32."""

import importlib.util
import itertools
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

import rnnkit
from rnnkit.callbacks import GradientClipping, GradientGuard, GradientHealth
from rnnkit.errors import ArgumentError
from rnnkit.layers import CRF, SequencePooling
from rnnkit.layers.crf_paths import log_partition, path_score
from rnnkit.study.run import make_model
from rnnkit.tasks.batches import Batches
from rnnkit.tasks.config import RunConfig

TASKS = ("sentiment", "ner", "music", "translation", "memory")
POLICIES = ("mixed_float16", "mixed_bfloat16")


@pytest.fixture(scope="module")
def tasks():
    spec = importlib.util.spec_from_file_location("few_rows", Path(__file__).with_name("few_rows.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.tasks()


def adapted(tasks, name, **options):
    data, kind, own = tasks[name]
    keras.utils.set_random_seed(0)
    model = kind(**{**own, **options})
    model.adapt(*data)
    return model, data


def first_batch(model, data):
    return Batches(**model.encode(model.read(*data)), batch_size=5)[0]


@pytest.mark.parametrize("name", TASKS)
def test_answers_and_loss_are_near_those_of_float32(tasks, name):
    (single, data), (half, _) = (adapted(tasks, name, dtype=policy) for policy in ("float32", "mixed_bfloat16"))
    half.set_weights(single.get_weights())
    assert {weight.dtype for weight in half.weights} == {"float32"}
    x, y = first_batch(single, data)
    expected, found = single(x), half(x)
    assert found.dtype == "float32"
    for model in (single, half):
        model.compile()
    losses = [float(model.compute_loss(x, y, found)) for model, found in ((single, expected), (half, found))]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert 0 < np.abs(np.minimum(found, 1e6) - np.minimum(expected, 1e6)).max() < 0.1


@pytest.mark.parametrize("name", TASKS)
def test_two_epochs_lower_the_loss(tasks, name):
    model, data = adapted(tasks, name, dtype=POLICIES[TASKS.index(name) % 2])
    rate = 0.02 if name == "memory" else model.default_compile()["optimizer"].learning_rate
    model.compile(run_eagerly=True)  # nothing to trace
    model.optimizer.learning_rate = rate
    losses = model.fit(*data, batch_size=5, epochs=2, verbose=0).history["loss"]
    assert losses[1] < losses[0]
    assert all(np.isfinite(variable).all() for variable in model.weights)


def test_overflows_are_counted_and_training_goes_on(tasks):
    model, data = adapted(tasks, "sentiment", dtype="mixed_float16")
    model.compile()
    scaled = model.optimizer
    scaled.initial_scale = 2.0**24  # more than a gradient in float16 can take
    health = GradientHealth()
    model.fit(*data, batch_size=5, epochs=4, callbacks=[health, GradientGuard(), GradientClipping("norm")], verbose=0)
    status = health.steps["status"].tolist()
    overflows = status.count("overflow")
    assert 0 < overflows < len(status)
    assert set(status) == {"overflow", "taken"}
    assert status[0] == "overflow"
    assert float(scaled.dynamic_scale) == 2.0 ** (24 - overflows)
    assert int(scaled.inner_optimizer.iterations) == len(status) - overflows
    assert all(np.isfinite(variable).all() for variable in model.weights)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_crf_is_exact_in_float32(policy):
    random = np.random.default_rng(0)
    layer = CRF(3, dtype=policy)
    emissions = ops.cast(random.normal(size=(2, 4, 3)) * 30, policy.removeprefix("mixed_"))
    layer.build((None, None, 3))
    layer.set_weights([random.normal(size=weight.shape) for weight in layer.weights])
    potentials = layer(emissions, np.array([4, 2]))
    assert potentials.dtype == "float32"
    transitions, start, end = (np.asarray(each, "float64") for each in (layer.transitions, layer.start, layer.end))
    scores = np.asarray(ops.cast(emissions, "float32"), "float64")
    for row, length in enumerate((4, 2)):
        paths = list(itertools.product(range(3), repeat=length))
        totals = [
            start[path[0]]
            + sum(scores[row, step, label] for step, label in enumerate(path))
            + sum(transitions[pair] for pair in itertools.pairwise(path))
            + end[path[-1]]
            for path in paths
        ]
        assert float(log_partition(potentials)[row]) == pytest.approx(np.logaddexp.reduce(totals), rel=1e-5)
        labels = np.full((2, 4), -1)
        labels[row, :length] = paths[5]
        assert float(path_score(potentials, labels)[row]) == pytest.approx(totals[5], rel=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_pooling_adds_up_many_steps(pooling):
    steps = 70_000  # whose sum float16 cannot hold
    layer = SequencePooling(pooling, dtype="mixed_float16")
    pooled = layer(np.ones((1, steps, 1), "float16"), np.array([steps], "int32"))
    assert pooled.dtype == "float16"
    assert float(pooled[0, 0]) == pytest.approx(1, rel=1e-3)


def test_a_global_policy_is_as_good_as_the_argument(tasks):
    asked, _ = adapted(tasks, "music", dtype="mixed_bfloat16")
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        everywhere, _ = adapted(tasks, "music")
        answers = everywhere.generate(count=3, length=12, seed=0)
    finally:
        keras.config.set_dtype_policy(before)
    assert everywhere.dtype_policy.name == "mixed_bfloat16"
    for ours, other in zip(asked.generate(count=3, length=12, seed=0), answers, strict=True):
        np.testing.assert_array_equal(ours.roll, other.roll)
    assert any(piece.roll.any() for piece in answers)


@pytest.mark.parametrize(("name", "policy"), [("ner", "mixed_float16"), ("translation", "mixed_bfloat16")])
def test_a_saved_model_keeps_its_precision(tasks, name, policy, tmp_path):
    model, data = adapted(tasks, name, dtype=policy)
    model.compile()
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.dtype_policy.name == again.stack.dtype_policy.name == policy
    assert type(again.optimizer) is type(model.optimizer)
    x, _ = first_batch(model, data)
    np.testing.assert_array_equal(again(x), model(x))


def test_a_run_chooses_the_precision():
    assert make_model(RunConfig(precision="mixed_float16")).dtype_policy.name == "mixed_float16"
    assert make_model(RunConfig()).dtype_policy.name == "float32"
    with pytest.raises(ArgumentError, match="precision: expected one of float32, mixed_float16, mixed_bfloat16"):
        RunConfig(precision="float16")
