import json

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit import datasets
from rnnkit.datasets import MEMORY_PROBLEMS
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.memory.model import RecallAccuracy, StepLoss
from rnnkit.tasks.memory.spec import SEQUENCES

SIZES = {"train": 16, "valid": 4, "test": 12}


def adapted(problem, length=12):
    data = datasets.memory(problem, length, **SIZES)
    model = rnnkit.MemoryModel(MEMORY_PROBLEMS[problem].target, units=4)
    model.adapt(data.train)
    return model, data.test


def crossentropy(target, probabilities):
    return -np.mean([np.log(row[symbol]) for row, symbol in zip(probabilities, target, strict=True)])


@pytest.mark.parametrize("problem", ["adding", "copy", "temporal-order"])
@pytest.mark.usefixtures("untraced_test")
def test_metrics_are_those_of_the_predictions(problem):
    model, test = adapted(problem)
    found, targets = model.predict(test["sequence"], verbose=0), test["target"]
    metrics = model.evaluate(test, batch_size=5, verbose=0, return_dict=True)
    assert MEMORY_PROBLEMS[problem].metric in metrics
    if problem == "adding":
        assert metrics["mse"] == pytest.approx(np.mean((found[:, 0] - targets) ** 2), rel=1e-5)
    elif problem == "copy":
        losses = [crossentropy(*pair) for pair in zip(targets, found, strict=True)]
        assert metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-5)
        assert metrics["crossentropy"] == pytest.approx(np.mean(losses), rel=1e-5)
        right = [row[-10:] == answer[-10:] for row, answer in zip(targets, model.answer(test["sequence"]), strict=True)]
        assert metrics["accuracy"] == pytest.approx(np.mean(right))
    else:
        assert metrics["loss"] == pytest.approx(crossentropy(targets, found), rel=1e-5)
        assert metrics["accuracy"] == pytest.approx(np.mean(np.array(model.answer(test["sequence"])) == targets))


@pytest.mark.parametrize("problem", MEMORY_PROBLEMS)
def test_the_sequence_to_predict_with_is_one_of_the_problem(problem):
    sequence = json.loads(SEQUENCES[problem])
    if problem == "imdb-bytes":
        assert bytes(sequence).decode() == "A fine film."
    else:
        length = {"digits-permuted": 64}.get(problem, 10)
        known = datasets.memory(problem, length, train=30, valid=1, test=1).train["sequence"]
        assert np.shape(sequence)[1:] == known[0].shape[1:]
        assert np.max(sequence) <= max(row.max() for row in known) + 1e-9


def test_the_metric_of_a_problem_is_one_of_its_target():
    metrics = {"number": {"mse"}, "class": {"accuracy"}, "symbols": {"crossentropy", "accuracy"}}
    assert all(problem.metric in metrics[problem.target] for problem in MEMORY_PROBLEMS.values())


def test_step_loss_and_recall_leave_padding_out():
    target = np.array([[0, 2, 1], [3, -1, -1]], "int8")
    scores = np.random.default_rng(0).random((2, 3, 4)).astype("float32")
    probabilities = scores / scores.sum(axis=-1, keepdims=True)
    expected = [crossentropy(target[0], probabilities[0]), -np.log(probabilities[1, 0, 3])]
    np.testing.assert_allclose(StepLoss(reduction=None)(target, probabilities), expected, rtol=1e-6)
    sure = np.eye(4, dtype="float32")[[[0, 2, 3], [3, 0, 0]]]
    accuracy = RecallAccuracy()
    accuracy.update_state(target, sure)
    assert float(accuracy.result()) == pytest.approx((1 / 2 + 1) / 2)


@pytest.mark.usefixtures("untraced_test")
def test_a_symbol_at_each_step_of_sequences_of_any_length(tmp_path):
    x = [[1, 2, 0], [2, 1, 1, 0, 2], [1], [2, 2]] * 3
    model = rnnkit.MemoryModel("symbols", cell="simple_rnn", units=3)
    model.fit(x, x, batch_size=4, epochs=1, verbose=0)
    found = model.predict(x, batch_size=5)
    assert [row.shape for row in found] == [(len(row), 3) for row in x]
    for row, alone in zip(found[:4], x[:4], strict=True):
        np.testing.assert_allclose(row, model.predict([alone])[0], atol=1e-6)
    model.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.answer(x) == model.answer(x)
    assert again.evaluate(x, x, verbose=0) == model.evaluate(x, x, verbose=0)


def test_it_learns_what_needs_no_long_memory():
    keras.utils.set_random_seed(0)
    train, valid, test = datasets.memory("adding", 4, train=3000, valid=100, test=200)
    model = rnnkit.MemoryModel(cell="gru", units=16)
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(train, validation_data=valid, epochs=3, verbose=0)
    assert MEMORY_PROBLEMS["adding"].solved(model.evaluate(test, verbose=0, return_dict=True), 4)
    assert model.answer([[[0.5, 1], [0.9, 0], [0.25, 1], [0.1, 0]]])[0] == pytest.approx(0.75, abs=0.2)


def test_a_preview_shows_both_ends_of_a_long_sequence():
    model, test = adapted("copy", 50)
    preview = model.preview(test, rows=3)
    assert list(preview) == ["sequence", "target", "predicted"]
    symbols, targets = test.sample(3, seed=0)
    for row, sequence, target in zip(preview.itertuples(), symbols, targets, strict=True):
        assert row.sequence == f"[{' '.join(map(str, sequence[:10]))} ... {' '.join(map(str, sequence[-10:]))}]"
        assert row.target.endswith(f"... {' '.join(map(str, target[-10:]))}]")


@pytest.mark.parametrize(
    ("target", "x", "y", "message"),
    [
        ("class", [[1, 2], []], [0, 1], "row 1 is an array of .* of shape"),
        ("class", [[1, 2], [0.5, 1]], [0, 1], "row 1"),
        ("class", [[[1, 2]], [[1, 2, 3]]], [0, 1], r"row 1 .* shape \(1, 3\)"),
        ("class", [[[1, 2], [1]]], [0], "finite numbers in every row"),
        ("class", [[[1.0, float("nan")]]], [0], "finite numbers in every row"),
        ("class", ["abc"], [0], "finite numbers in every row, got 'abc' in row 0"),
        ("class", [[1, -2]], [0], "x: .* negative"),
        ("class", [[1, 2]], [-1], "y: .* negative"),
        ("class", [[1, 2], [1, 2]], [1, 0.5], "a class in every row, an integer from 0 .*, got 0.5 in row 1"),
        ("number", [[1, 2], [1, 2]], [1, [1, 2]], r"a number in every row, got \[1, 2\] in row 1"),
        ("number", [[1, 2]], [None], "y: expected finite numbers in every row, got None in row 0"),
        ("symbols", [[1, 2]], [1], "a list of symbols in every row, integers from 0, got 1 in row 0"),
        ("symbols", [[1, 2], [1, 2]], [[1, 2], [1]], "a symbol for each of 2 steps in row 1, got 1"),
    ],
)
def test_data_that_cannot_be_used_is_named(target, x, y, message):
    with pytest.raises(DataError, match=message):
        rnnkit.MemoryModel(target, units=2).fit(x, y, verbose=0)


def test_an_unknown_target_lists_the_known_ones():
    with pytest.raises(ArgumentError, match="number, class, symbols, got 'word'"):
        rnnkit.MemoryModel("word")


@pytest.mark.parametrize(
    ("problem", "x", "y", "message"),
    [
        ("adding", [[1, 2, 3]], [0.5], "steps of 2 numbers"),
        ("temporal-order", [[[1, 2]]], [0], "expected symbols"),
        ("temporal-order", [[1, 9]], [0], "symbol 9 was not seen in training; the model knows 0 to 7"),
        ("temporal-order", [[1, 2]], [4], "4 was not seen in training; the model knows 0 to 3"),
    ],
)
def test_data_that_training_did_not_prepare_for_is_named(problem, x, y, message):
    model, _ = adapted(problem, 20)
    with pytest.raises(DataError, match=message):
        model.evaluate(x, y)


@pytest.mark.parametrize(
    ("target", "y", "advice"),
    [
        ("class", [[1, 0], [0, 1]], "One-hot targets: give their argmax"),
        ("class", [0.0, 1.0], "Give whole numbers as int"),
        ("symbols", [0, 1], "See the argument target"),
    ],
)
def test_targets_of_another_form_are_named_with_what_to_do(target, y, advice):
    with pytest.raises(DataError, match=rf"y: expected .* in row 0. {advice}"):
        rnnkit.MemoryModel(target, units=2).fit([[0, 1], [1, 1]], y, epochs=1)


@pytest.mark.usefixtures("untraced_test")
def test_truth_values_are_symbols():
    x = [[True, False], [False, False]]
    model = rnnkit.MemoryModel("class", units=2)
    model.adapt(x, [0, 1])
    assert model.predict(x, verbose=0).tolist() == model.predict([[1, 0], [0, 0]], verbose=0).tolist()
