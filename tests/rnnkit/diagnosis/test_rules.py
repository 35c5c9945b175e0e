"""From facts to findings and cures: what counts as evidence, and what comes first."""

import dataclasses

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.diagnosis import verdict as v
from rnnkit.diagnosis.cures import RULES, TABLE, cures, names
from rnnkit.diagnosis.data import Data, Inputs, Target
from rnnkit.diagnosis.layers import Layer
from rnnkit.diagnosis.rules import findings, status
from rnnkit.diagnosis.signal import Signal
from rnnkit.diagnosis.training import History, Records, Training
from rnnkit.diagnosis.verdict import Facts, Finding, sentences

WELL = Layer(
    layer="rnn",
    direction="forward",
    cell="simple_rnn",
    gain=0.99,
    gain_low=0.98,
    horizon=39,
    horizon_reached=False,
    reach=400.0,
    needed=20.0,
    needed_from="the lag that was given",
    span=39,
    rank=6.0,
    code="keras.layers.SimpleRNN",
)
SHORT = {"gain": 0.5, "gain_low": 0.5, "horizon": 6, "horizon_reached": True, "reach": 6.0}
GUESSED = {**SHORT, "needed_from": ""}
RECORDS = Records(ratio=0.01, largest_ratio=0.05, travelled=10.0, norm=1.0, largest_norm=5.0, threshold=3.25)
TRAINED = Training(steps=1000, explained=0.5, rate=0.001, task=True, records=RECORDS)
FAILED = {"explained": 0.0}
SCALED = Inputs("rnn", raw=True, features=2, size=(1.0, 0), small=(1.0, 0), spread=1.0, offset=0.5)


def facts(layer=None, training=None, data=None, signal=None, records=None):
    known = dataclasses.replace(TRAINED, **(training or {}))
    known = dataclasses.replace(known, records=dataclasses.replace(RECORDS, **(records or {})))
    return Facts(Data(**(data or {})), Signal(**(signal or {})), known, (dataclasses.replace(WELL, **(layer or {})),))


def found(**given):
    return [finding.name for finding in findings(facts(**given))]


RISING = History((1.0, 0.5, 0.3, 0.2, 0.1), (1.0, 0.7, 0.6, 0.8, 1.1))
HELD_UP = History((1.5, 1.3, 1.2, 1.2), (1.2, 1.0, 0.9, 0.9))
HELD_UP_LATER = History((1.3, 1.2, 1.2, 1.1), (1.2, 1.15, 1.0, 0.9))
FALLING = History((1.0, 0.98, 0.96, 0.94, 0.92, 0.90))


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({}, None),
        ({"training": FAILED}, v.NOT_KNOWN),
        ({"training": {**FAILED, "steps": 99}}, v.NOT_KNOWN),  # too early to say more
        ({"training": {**FAILED, "steps": 0}}, None),
        ({"training": {**FAILED, "steps": 99}, "records": {"travelled": 1e-4}}, v.RATE_LOW),
        ({"training": {**FAILED, "steps": 99}, "records": {"travelled": 0.1}}, v.NOT_KNOWN),
        ({"training": {"explained": 0.5, "steps": 99}, "records": {"travelled": 1e-4}}, None),
        ({"training": {**FAILED, "solved": True}}, None),
        ({"training": {"explained": float("nan")}}, None),
        ({"training": {"explained": 0.5, "linear": 0.8}}, v.NOT_KNOWN),  # a line through the data is better
        ({"training": {"explained": 0.6, "linear": 0.7}}, None),
        ({"training": {"solved": False}}, v.NOT_KNOWN),
        # through time
        ({"layer": SHORT}, v.VANISHING),
        ({"layer": SHORT, "training": {"explained": 0.95}}, None),
        ({"layer": SHORT, "training": {"explained": 0.95, "solved": False}}, v.VANISHING),
        ({"layer": {**SHORT, "estimated": True}}, None),
        ({"layer": {**SHORT, "estimated": True}, "training": {"explained": 0.5, "linear": 0.8}}, v.VANISHING),
        ({"layer": GUESSED}, None),
        ({"layer": GUESSED, "training": {"steps": 0}}, None),
        ({"layer": GUESSED, "training": FAILED}, v.VANISHING),
        ({"layer": {"gain_low": 1.12}}, None),
        ({"layer": {"gain_low": 1.13}}, v.EXPLODING),
        ({"layer": {"gain_low": 1.13}, "training": {"solved": True}}, None),
        ({"layer": {"radius": 3.4}, "training": FAILED}, v.EXPLODING),
        ({"layer": {"radius": 3.4}}, None),
        ({"layer": {"saturated": ("i",)}, "training": FAILED}, v.SATURATED),
        ({"layer": {"rank": 1.4}, "training": FAILED}, v.COLLAPSE),
        ({"layer": {"rank": 1.4}, "training": {"steps": 0}}, v.COLLAPSE),
        ({"layer": {"rank": 1.4}}, None),
        ({"layer": {"rank": 1.4, "directions": 1}, "training": FAILED}, v.NOT_KNOWN),
        ({"layer": {"rank": 1.4, **SHORT}, "training": FAILED}, v.VANISHING),
        ({"layer": {"rank": 1.4, "kernel_rank": 1.1, **SHORT}, "training": FAILED}, v.COLLAPSE),
        ({"layer": {"rank": 1.4, "kernel_rank": 3.6, "units": 24, **SHORT}, "training": FAILED}, v.COLLAPSE),
        ({"layer": {"rank": 1.4, "kernel_rank": 6.0, "units": 24, **SHORT}, "training": FAILED}, v.VANISHING),
        ({"layer": {"rank": float("nan")}}, None),
        ({"layer": {"zeros": 1.0}}, v.NULL),
        ({"layer": {"zeros": 1.0, "saturated": ("h",)}, "training": FAILED}, v.NULL),
        ({"training": {**FAILED, "depth": 8}}, v.DEEP),
        ({"training": {**FAILED, "depth": 8}, "layer": SHORT}, v.DEEP),
        ({"training": {**FAILED, "depth": 8, "shortcuts": True}}, v.NOT_KNOWN),
        ({"training": {"depth": 8}}, None),
        # the records
        ({"records": {"largest_ratio": 1.0}}, v.RATE_HIGH),
        ({"records": {"largest_ratio": 1.0}, "training": {"explained": 0.95}}, None),
        ({"records": {"largest_ratio": 1.0}, "layer": {"gain_low": 1.13}}, v.RATE_HIGH),
        (
            {"records": {"largest_ratio": 1.0}, "layer": {"gain_low": 1.13}, "training": {"optimizer": "SGD"}},
            v.EXPLODING,
        ),
        ({"records": {"travelled": 0.1}, "training": FAILED}, v.RATE_LOW),
        ({"records": {"travelled": 0.1}, "training": {**FAILED}, "layer": GUESSED}, v.RATE_LOW),
        ({"records": {"travelled": 0.1}, "training": FAILED, "layer": {"gain_low": 1.13}}, v.EXPLODING),
        ({"records": {"travelled": 0.1}}, None),
        ({"records": {"travelled": 0.1}, "training": {"history": FALLING}}, v.RATE_LOW),
        ({"records": {"travelled": 1.0}, "training": {"history": FALLING}}, None),
        ({"records": {"largest_norm": 1e6}}, None),
        ({"records": {"largest_norm": 1e6}, "training": {"history": History((1.0, 8.0, 1.0))}}, v.EXPLODING),
        ({"records": {"largest_norm": 1e6}, "layer": {"unbounded": True, "cell": "lstm", **SHORT}}, v.UNBOUNDED),
        ({"layer": {"unbounded": True, "cell": "lstm"}}, None),
        ({"training": {"history": RISING}}, v.OVERFITTING),
        ({"training": {"history": RISING, "explained": 0.95}}, None),
        ({"training": {"history": RISING, "explained": 1.0, "solved": False}}, v.OVERFITTING),
        ({"training": {**FAILED, "history": RISING}, "signal": {"loss": 0.5}}, v.NOT_KNOWN),  # never below the mean's
        (
            {"training": {**FAILED, "history": RISING}, "layer": {"rank": 1.4}},
            v.OVERFITTING,
        ),  # what it learned is not lost
        ({"training": {"history": HELD_UP, "dropout": 0.6}}, v.UNDERFITTING),
        ({"training": {"history": HELD_UP_LATER, "dropout": 0.6}}, v.UNDERFITTING),
        ({"training": {"history": HELD_UP}}, None),
        # the data
        ({"data": {"inputs": SCALED}}, None),
        ({"data": {"inputs": dataclasses.replace(SCALED, size=(2e4, 0))}, "layer": SHORT}, v.INPUT_SCALE),
        ({"data": {"inputs": dataclasses.replace(SCALED, spread=1e3)}}, v.INPUT_SCALE),
        ({"data": {"inputs": dataclasses.replace(SCALED, spread=1e3)}, "training": {"explained": 0.95}}, None),
        ({"data": {"target": Target(2e4, 3e3, 0.5, 0.1)}}, v.TARGET_SCALE),
        ({"data": {"target": Target(3.0, 0.0, 0.5, 0.1)}}, v.LABELS),  # there is nothing to scale
        ({"data": {"target": Target(3.0, 1.0, 0.5, 0.1, 0.04, "sigmoid")}}, None),
        ({"data": {"target": Target(3.0, 1.0, 0.5, 0.1, 0.9, "sigmoid")}}, v.TARGET_SCALE),
        ({"data": {"target": Target(0.0, 1.0, 0.0, 0.7)}}, None),
        ({"data": {"padding": 0.7}}, v.PADDING),
        (
            {"data": {"broken_x": 0.05, "broken_at": "x[5, 3, 2] is nan"}, "signal": {"loss": float("nan")}},
            v.BROKEN_DATA,
        ),
        ({"data": {"correlation": -0.03, "dispersion": 9.0}, "training": FAILED}, v.ORDER),
        ({"data": {"correlation": -0.03, "dispersion": 9.0}}, v.ORDER),
        ({"data": {"correlation": -0.03, "dispersion": 3.0}}, None),
        ({"data": {"correlation": float("nan"), "dispersion": float("nan")}, "training": FAILED}, v.NOT_KNOWN),
        ({"data": {"correlation": 0.8, "dispersion": 9.0}, "training": FAILED}, v.NOT_KNOWN),
        ({"data": {"correlation": 0.0, "dispersion": 1.1}, "training": FAILED}, v.NOT_KNOWN),
        ({"data": {"dependence": 0.0}, "training": FAILED}, v.LABELS),
        ({"data": {"dependence": 0.5}, "training": FAILED}, v.NOT_KNOWN),
        # the signal
        ({"signal": {"loss": float("nan")}}, v.BROKEN_LOSS),
        ({"signal": {"loss": 1.0, "finite": False}}, v.BROKEN_GRADIENT),
        ({"signal": {"loss": 1.0, "weights": ("kernel",)}}, v.BROKEN_WEIGHTS),
        ({"signal": {"weights": ("kernel",)}, "training": {"unbounded": "keras.layers.GRU"}}, v.UNBOUNDED),
        ({"signal": {"loss": 1.0, "ends_how": "dead", "ends_at": "dense"}, "layer": SHORT}, v.NO_GRADIENT),
        ({"signal": {"loss": 1.0, "ends_how": "unread"}}, v.IGNORED),
        ({"signal": {"loss": 0.0, "ends_how": "solved"}}, None),
        ({"layer": {"arrives": False}}, v.IGNORED),
        ({"layer": {"read": 0.1}, "training": FAILED}, v.IGNORED),
        ({"layer": {"read": 0.1}, "training": {"explained": 0.95}}, None),
    ],
)
def test_the_first_finding_is_the_cause(given, first):
    given = {"signal": {"loss": 1.0}, **given}
    assert next(iter(found(**given)), None) == first


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({"layer": SHORT}, "gated cell"),
        ({"layer": {"cell": "lstm", "code": "keras.layers.LSTM", **SHORT}}, "chrono initialisation"),
        ({"layer": {"cell": "lstm", "code": "keras.layers.LSTM", "unbounded": True, **SHORT}}, "gated cell"),
        ({"layer": {"penalised": True, **SHORT}}, "no penalty"),
        ({"layer": {"gain_low": 2.0}}, "orthogonal initialiser"),
        ({"layer": {"gain_low": 2.0, "orthogonal": True}}, "clipping"),
        ({"layer": {"gain_low": 2.0, "unbounded": True}}, "gated cell"),
        ({"layer": {"rank": 1.0, "penalised": True}, "training": FAILED}, "orthogonal initialiser"),
        ({"layer": {"saturated": ("i",)}}, "layer normalisation"),
        ({"layer": {"saturated": ("i",), "bias": 12.0}}, "bias initializer"),
        ({"records": {"largest_norm": 1e6}, "layer": {"unbounded": True, "cell": "lstm"}}, "tanh"),
        ({"signal": {"weights": ("kernel",)}}, "guard"),
        ({"signal": {"weights": ("kernel",)}, "records": {"ratio": float("nan")}}, "guard"),
        ({"signal": {"weights": ("kernel",)}, "records": {"largest_ratio": 1.0}}, "lower learning rate"),
        ({"signal": {"weights": ("kernel",)}, "records": {"largest_norm": 1e6}}, "lower learning rate"),
        ({"layer": {"cell": "MyCell", "code": "", **SHORT}, "training": {"task": False}}, "gated cell"),
    ],
)
def test_the_first_cure_fits_the_cause(given, first):
    known = facts(**{"signal": {"loss": 1.0}, **given})
    assert cures(findings(known), known)[0].name == first


def test_a_kernel_that_started_orthogonal_is_given_no_cure_that_was_not_seen_to_heal():
    known = facts(signal={"loss": 1.0}, layer={"rank": 1.0, "orthogonal": True}, training=FAILED)
    assert [finding.name for finding in findings(known)] == [v.COLLAPSE]
    assert cures(findings(known), known) == []


@pytest.mark.parametrize("changes", [{"features": 1}, {"spread": 1e3}])
def test_layer_normalisation_is_not_named_where_it_would_delete_the_input(changes):
    inputs = dataclasses.replace(SCALED, **changes)
    known = facts(layer={"saturated": ("i",)}, data={"inputs": inputs})
    assert "layer normalisation" not in names(Finding(v.SATURATED, "", known.layers[0]), known)
    other = facts(layer={"saturated": ("i",)}, data={"inputs": dataclasses.replace(inputs, raw=False)})
    assert "layer normalisation" in names(Finding(v.SATURATED, "", other.layers[0]), other)


def test_what_causes_the_others_comes_first_and_each_cure_once():
    known = facts(layer={"gain_low": 2.0, **{k: x for k, x in SHORT.items() if k != "gain_low"}})
    known = dataclasses.replace(known, signal=Signal(loss=1.0))
    twice = dataclasses.replace(known, layers=(known.layers[0], known.layers[0]))
    assert [finding.name for finding in findings(twice)] == [v.EXPLODING, v.EXPLODING, v.VANISHING, v.VANISHING]
    listed = [cure.name for cure in cures(findings(twice), twice)]
    assert listed == list(dict.fromkeys(listed))


@pytest.mark.parametrize(("above", "name"), [({"saturated": ("z",)}, v.SATURATED), ({}, v.IGNORED)])
def test_a_layer_behind_saturated_gates_is_not_one_that_nobody_reads(above, name):
    known = facts(training=FAILED, signal={"loss": 1.0}, layer={"arrives": False, "read": 0.0})
    upper = dataclasses.replace(WELL, layer="upper", **above)
    found = findings(dataclasses.replace(known, layers=(*known.layers, upper)))
    assert found[0].name == name
    assert (v.IGNORED in {finding.name for finding in found}) == (name == v.IGNORED)


def test_not_known_says_what_was_ruled_out():
    (finding,) = findings(facts(training=FAILED, signal={"loss": 1.0}))
    assert "The cause is not known from this. Ruled out: " in finding.evidence
    assert "updates are 0.01 of the weights" in finding.evidence
    (finding,) = findings(facts(training=FAILED, signal={"loss": 1.0}, records={"ratio": float("nan")}))
    assert "give health=" in finding.evidence


def test_what_is_too_early_to_know_says_how_many_steps_are_needed():
    (finding,) = findings(facts(training={**FAILED, "steps": 80}, signal={"loss": 1.0}))
    assert "After 80 optimizer steps the inputs explain 0% of the loss." in finding.evidence
    assert finding.evidence.endswith("train for 100 steps or more.")


def test_a_target_out_of_reach_is_first_given_what_reaches_it():
    for size, first in ((3.0, "linear output"), (2e4, "target into reach")):
        known = facts(data={"target": Target(size, 1.0, 0.5, 0.1, 0.9, "sigmoid")}, signal={"loss": 1.0})
        (finding,) = findings(known)
        assert "90% of the targets are outside of what the last activation, sigmoid, can answer, 0 to 1" in str(finding)
        assert cures([finding], known)[0].name == first


def test_an_unbounded_activation_is_bounded_in_the_layer_that_has_it():
    known = facts(signal={"weights": ("kernel",)}, training={"unbounded": "keras.layers.GRU", "task": False})
    known = dataclasses.replace(known, layers=())  # nothing is measured with such weights
    assert cures(findings(known), known)[0].python == 'keras.layers.GRU(units, activation="tanh")'


def test_a_short_memory_is_a_problem_only_if_the_task_needs_more():
    known = facts(layer=GUESSED)
    (layer,) = known.layers
    assert status(layer, known, findings(known)) == v.SHORT
    said = sentences(layer, v.SHORT)
    assert "only if the task needs more than 6 steps: say so with needed_lag=" in said
    assert said.endswith("Verdict: short memory.")


def test_other_routes_are_named_only_where_there_are_some():
    around = {**SHORT, "reach": 30.0}
    assert "other routes" in sentences(dataclasses.replace(WELL, **around, routes=True), v.HEALTHY)
    assert "other routes" not in sentences(dataclasses.replace(WELL, **around), v.HEALTHY)


def test_growth_beyond_all_numbers_has_a_sentence_too():
    huge = dataclasses.replace(WELL, gain=1e30, gain_low=1e30)
    assert "10^1170 over 39 steps" in sentences(huge, v.EXPLODING)


def test_numbers_from_the_records_are_filled_in():
    known = facts(records={"largest_ratio": 2.0}, training={"rate": 0.4})
    lines = {cure.name: cure for cure in cures([Finding(v.RATE_HIGH, "")], known)}
    assert "Adam(0.006)" in lines["lower learning rate"].python  # 0.4 * 0.03 / 2
    assert lines["lower learning rate"].shell == "--set learning_rate=0.006"
    ran_away = facts(records={"largest_ratio": 1e9}, training={"rate": 0.4})
    assert "Adam(0.002)" in cures([Finding(v.RATE_HIGH, "")], ran_away)[0].python
    assert '"global_norm", 3.2)' in lines["clipping"].python
    for threshold in (1e23, float("nan")):  # no size to clip at
        unknown = facts(records={"threshold": threshold})
        assert '"global_norm", 1)' in cures([Finding(v.RATE_HIGH, "")], unknown)[1].python
    assert lines["clipping"].shell == "--clip global_norm:3.2"


@pytest.mark.parametrize(
    ("optimizer", "named"),
    [
        ("LazyAdam", "optimizer=rnnkit.LazyAdam("),
        ("SGD", "optimizer=keras.optimizers.SGD("),
        ("Mine", "optimizer=Mine("),
    ],
)
def test_an_optimizer_is_called_by_a_name_that_exists(optimizer, named):
    known = facts(training={"optimizer": optimizer})
    for name in (v.RATE_HIGH, v.RATE_LOW):
        assert named in cures([Finding(name, "")], known)[0].python


CELLS = {
    "simple_rnn": "keras.layers.SimpleRNN",
    "lstm": "keras.layers.LSTM",
    "gru": "keras.layers.GRU",
    "min_gru": "rnnkit.layers.MinGRU",
    "min_lstm": "rnnkit.layers.MinLSTM",
    "MyCell": "",
}


def every_cure(cell, task):
    """The cures of all problems, of a layer of a cell."""
    for penalised in (True, False):
        layer = {"cell": cell, "code": CELLS[cell], "penalised": penalised}
        known = facts(layer=layer, training={"task": task, "dropout": 0.6})
        for problem in v.PROBLEMS:
            yield from cures([Finding(problem, "", known.layers[0])], known)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("task", [True, False])
def test_every_problem_has_cures_that_say_all(cell, task):
    for cure in every_cure(cell, task):
        assert all((cure.name, cure.python, cure.why, cure.source, cure.side_effect))
        assert "{" not in cure.python + cure.why + cure.side_effect
        assert cure.line == cure.python
        assert cure.python in str(cure)
        assert (cure.shell is None) or task
        assert "MyCell" not in cure.python


def test_every_cure_has_a_rule_and_every_problem_a_last_one():
    assert {name for _, _, listed in RULES for name in listed} == set(TABLE)
    known = facts()
    for problem in v.PROBLEMS:
        assert [fits for word, fits, _ in RULES if word == problem][-1](known, known.layers[0])


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "MyCell"])
def test_lines_for_a_model_of_ones_own_are_python_that_runs(cell):
    rows = np.ones((4, 5, 3), "float32")
    scope = {"keras": keras, "rnnkit": rnnkit, "np": np, "units": 4, "x": keras.Input((None, 4))}
    scope |= {
        "x_train": rows,
        "y_train": rows[:, 0],
        "y": rows[:, 0],
        "times": rows[..., 0],
        "sequences": [[1], [2, 3]],
    }
    for cure in every_cure(cell, task=False):
        if "model." not in cure.python:
            own = {**scope, "x": rows} if cure.python.startswith(("finite", "order")) else dict(scope)
            exec(cure.python, own)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell != "MyCell"])
def test_lines_for_a_task_are_arguments_that_it_takes(cell):
    for cure in every_cure(cell, task=True):
        if cure.shell and "model." not in cure.python and not (cure.name == "Omega" and cell == "lstm"):
            given = eval(f"dict({cure.python}\n)", {"rnnkit": rnnkit})
            rnnkit.MemoryModel("number", **{"cell": cell, **given})
