import copy

import keras
import keras_tuner
import numpy as np
import pytest

from rnnkit.callbacks.clipping_rules import RULES
from rnnkit.errors import ArgumentError
from rnnkit.tasks import TASKS, SentimentClassifier
from rnnkit.tuning import TrialGuard, default_space, hypermodel


@pytest.fixture(autouse=True)
def _policy():
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def declared(model):
    """Every hyperparameter of a model, as KerasTuner finds them."""
    hp = keras_tuner.HyperParameters()
    model.build(hp)
    return hp


@pytest.mark.parametrize("task", TASKS)
def test_the_default_space_of_every_task_builds_a_compiled_task(task):
    model = hypermodel(task)
    hp = declared(model)
    built = model.build(hp)
    assert type(built) is TASKS[task]
    assert built.compiled
    searched = {name for name, values in default_space(task).items() if isinstance(values, (list, tuple))}
    names = {each.name for each in hp.space}
    assert names == searched | {"global_norm_threshold", "percentile_threshold"} == set(model.searched)
    assert float(built.optimizer.learning_rate) == pytest.approx(hp.values["learning_rate"])
    assert built.stack.units == [hp.values["units"]]
    assert not built.optimizer.global_clipnorm


def test_parts_are_fixed_narrowed_and_added():
    model = hypermodel(
        SentimentClassifier, units=7, cell=["gru"], residual=[True, False], clipping="norm", learning_rate=None
    )
    hp = declared(model)
    built = model.build(hp)
    assert (built.stack.units, built.stack.cell.name, built.stack.residual) == ([7], "gru", True)
    assert "units" not in hp.values
    assert float(built.optimizer.learning_rate) == pytest.approx(2e-3)
    assert (hp.space[-1].name, hp.space[-1].min_value) == ("threshold", RULES["norm"].searched[0])


def test_arguments_of_the_optimizer_and_of_fit_are_parts_too(order, small, monkeypatch):
    model = hypermodel("memory", **small, weight_decay=[0.25], class_weight={0: 1.0, 1: 3.0})
    built = model.build(declared(model))
    assert built.optimizer.weight_decay == 0.25
    given = {}
    monkeypatch.setattr(type(built), "fit", lambda self, *data, **options: given.update(options))
    model.fit(declared(model), built, order[0], epochs=1)
    assert (given["class_weight"], given["batch_size"], given["epochs"]) == ({0: 1.0, 1: 3.0}, small["batch_size"], 1)


@pytest.mark.parametrize("rule", [*RULES, "none"])
def test_each_clipping_rule_has_a_threshold_of_its_own(rule):
    model = hypermodel("memory", clipping=["none", *RULES])
    hp = declared(model)
    hp.values["clipping"] = rule
    hp.ensure_active_values()
    values = model.sample(hp)
    assert values["clipping"] == rule
    active = [name for name in hp.values if name.endswith("_threshold") and hp.is_active(name)]
    assert active == ([] if rule == "none" else [f"{rule}_threshold"])
    if rule == "none":
        assert values["threshold"] is None
    else:
        low, high = RULES[rule].searched
        assert low <= values["threshold"] <= high


def test_one_range_of_the_threshold_for_all_rules():
    model = hypermodel("memory", clipping=["norm", "value"], threshold=(0.25, 0.5))
    hp = declared(model)
    assert {each.min_value for each in hp.space if each.name.endswith("_threshold")} == {0.25}
    assert model.sample(hp)["threshold"] == 0.25


def weights(model, hp, data):
    built = model.build(hp)
    built.adapt(data)
    return np.concatenate([np.ravel(each) for each in built.get_weights()])


def test_the_start_depends_on_seed_and_hyperparameters_only(order, small):
    space = {**small, "learning_rate": [1e-3, 1e-2]}
    model, other = hypermodel("memory", **space), hypermodel("memory", seed=1, **space)
    hp = declared(model)
    first = weights(model, hp, order[0])
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(first, weights(hypermodel("memory", **space), hp, order[0]))
    assert not np.array_equal(first, weights(other, hp, order[0]))
    changed = copy.deepcopy(hp)
    changed.values["learning_rate"] = 1e-2
    assert not np.array_equal(first, weights(model, changed, order[0]))


def test_the_dtype_policy_survives_what_kerastuner_resets():
    keras.config.set_dtype_policy("mixed_float16")
    model = hypermodel("memory", target="class")
    keras.utils.clear_session()
    assert keras.config.dtype_policy().name == "float32"
    assert model.build(keras_tuner.HyperParameters()).dtype_policy.name == "mixed_float16"


@pytest.mark.filterwarnings("ignore:currentThread|getName:DeprecationWarning")
def test_any_tuner_of_kerastuner_searches_it_for_any_log(order, small, tmp_path):
    model = hypermodel("memory", **{**small, "clipping": "norm"}, threshold=[0.01, 10.0])
    goals = ["val_loss", keras_tuner.Objective("clip_rate", "min")]
    tuner = keras_tuner.RandomSearch(model, goals, max_trials=2, executions_per_trial=1, directory=tmp_path, seed=3)
    tuner.search(order[0], validation_data=order[1], epochs=1, verbose=0)
    trials = sorted(tuner.oracle.trials.values(), key=lambda trial: trial.hyperparameters.values["threshold"])
    rates = [trial.metrics.get_best_value("clip_rate") for trial in trials]
    assert rates == [1.0, 0.0]
    assert [trial.status for trial in trials] == ["COMPLETED", "COMPLETED"]
    assert trials[0].metrics.get_best_value("grad_norm_max") > 0.01


@pytest.mark.parametrize(
    ("task", "arguments", "named"),
    [
        ("weather", {}, "sentiment, ner, memory"),
        (dict, {}, "class of rnnkit's tasks"),
        ("memory", {"cell": []}, "cell: expected a list"),
        ("memory", {"guard": "strict"}, "TrialGuard"),
    ],
)
def test_bad_arguments(task, arguments, named):
    with pytest.raises(ArgumentError, match=named):
        hypermodel(task, **arguments)
    with pytest.raises(ArgumentError, match="no such argument"):
        hypermodel("memory", colour="red").build(keras_tuner.HyperParameters())
    with pytest.raises(ArgumentError, match="horizon_min"):
        TrialGuard(limits={"loss": 3})
