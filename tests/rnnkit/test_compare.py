import itertools
import math

import numpy as np
import pandas as pd
import pytest

import rnnkit
from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.recurrent.table import title
from rnnkit.study.comparison import Comparison
from rnnkit.study.comparison.cells import matching_units
from rnnkit.study.comparison.page import comparison_report, found_again
from rnnkit.study.comparison.runs import in_order
from rnnkit.tasks.entities.spec import most_frequent_tags
from rnnkit.tasks.memory.spec import chance_of_memory
from rnnkit.tasks.sentiment.networks import BagOfWords, WordConvolution
from rnnkit.tasks.sentiment.spec import most_frequent_label
from rnnkit.tasks.specs import SPECS

ROWS = Dataset({"text": ["a b c d e f g", "b a c d e g f", "a a d c e f f"] * 16, "label": [0, 1, 1] * 16})
SMALL = {"units": 6, "embedding_dim": 3, "bidirectional": False, "epochs": 1, "batch_size": 16, "say": None}


@pytest.fixture(scope="module")
def compared(untraced_fits, tmp_path_factory):
    """A comparison that was interrupted after its first cell and resumed, its folder and what it said."""
    folder, said = tmp_path_factory.mktemp("compare") / "cells", []
    rnnkit.compare("sentiment", ROWS, ROWS[:24], ROWS[:30], cells=["gru"], seeds=1, directory=folder, **compared_as())
    before = (folder / "runs.csv").read_text(encoding="utf-8")
    arguments = compared_as(baselines=True, say=said.append)
    found = rnnkit.compare(
        "sentiment", ROWS, ROWS[:24], ROWS[:30], cells=["gru", "SimpleRNN"], seeds=1, directory=folder, **arguments
    )
    return found, folder, before, said


def compared_as(**changes):
    return {**SMALL, "match_parameters": True, "clipping": "norm", "threshold": 1e-3, "baselines": False, **changes}


def test_a_row_for_each_cell_and_baseline(compared):
    found, folder, _, _ = compared
    assert list(found.frame["model"]) == ["gru", "simple_rnn", "bag of words", "convolution", "most frequent label"]
    assert list(found.frame["kind"]) == ["recurrent", "recurrent", "network", "network", "rule"]
    trained, rule = found.frame.iloc[:4], found.frame.iloc[4]
    figures = [
        "parameters",
        "memory_mib",
        "seconds",
        "seconds_to_best",
        "epochs",
        "best_epoch",
        "grad_norm",
        "valid_loss",
        "test_loss",
    ]
    assert (trained[figures] > 0).all(axis=None)
    assert (trained["clip_rate"] == 1).all()
    assert trained[["gain_max", "horizon_min"]].iloc[:2].notna().all(axis=None)
    assert rule["valid_accuracy"] == pytest.approx(16 / 24)
    assert math.isnan(rule["parameters"])
    assert list(pd.read_csv(folder / "summary.csv")["model"]) == list(found.summary.index)
    assert "The recurrence " in (folder / "report.html").read_text(encoding="utf-8")
    np.testing.assert_allclose(pd.read_csv(folder / "runs.csv")["valid_accuracy"], found.frame["valid_accuracy"])


def test_the_page_is_made_again_from_the_folder_alone(compared, cli, tmp_path):
    _, folder, _, _ = compared
    done = cli("report", folder, "--out", tmp_path / "page.html")
    assert done.out.strip() == str(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == (folder / "report.html").read_bytes()
    (folder / "summary.csv").rename(tmp_path / "summary.csv")
    with pytest.raises(DataError, match="are damaged or inconsistent"):
        comparison_report(folder)
    (tmp_path / "summary.csv").rename(folder / "summary.csv")


@pytest.mark.parametrize(
    ("metric", "mode", "chance"), [("score", "max", 0.45), ("score", "min", 0.45), ("mse", "min", np.nan)]
)
def test_a_comparison_is_found_again_in_its_tables(metric, mode, chance):
    rows = [("a", 0.8, 2.0), ("a", 0.6, 4.0), ("b", 0.5, 1.0), ("rule", 0.4, np.nan)]
    frame = pd.DataFrame(rows, columns=["model", f"valid_{metric}", "seconds_to_best"]).assign(kind="x", seed=0)
    frame = in_order(frame.assign(valid_other=[0.1, 0.2, 0.3, 0.4]))
    found = found_again(frame, Comparison(frame, metric, mode, chance).summary)
    assert (found.metric, found.mode) == (metric, mode)
    assert found.chance == pytest.approx(chance, nan_ok=True)


def test_parameters_are_matched_by_the_width(compared):
    found, _, _, _ = compared
    gru, simple = found.frame.iloc[0], found.frame.iloc[1]
    assert (gru["units"], abs(simple["parameters"] - gru["parameters"]) < 20) == ("6", True)
    assert int(simple["units"]) > 6


def test_what_is_finished_is_not_done_again(compared):
    found, _, before, said = compared
    assert before.splitlines()[1].startswith("gru,recurrent,0")
    assert str(found.frame["seconds"].iloc[0]) in before
    assert [line.split("  ")[0] for line in said] == list(found.frame["model"])[1:]


def test_another_comparison_is_refused(compared):
    _, folder, _, _ = compared
    for changes, named in (
        ({"units": 5}, "options"),
        ({"epochs": 2}, "epochs"),
        ({"match_parameters": False}, "parameters of"),
    ):
        with pytest.raises(ArgumentError, match=f"differs in {named}"):
            rnnkit.compare(
                "sentiment", ROWS, ROWS[:24], ROWS[:30], cells=["gru"], directory=folder, **compared_as(**changes)
            )


def test_the_figure_shows_each_run(compared):
    left, right = compared[0].plot().axes
    summary = compared[0].summary
    assert [text.get_text().partition(",")[0] for text in left.texts] == [title(name) for name in summary.index]
    runs = compared[0].frame.groupby("model").size()
    assert [len(line.get_xdata()) for line in left.lines] == list(runs[summary.index])
    assert len(right.lines) == summary["seconds_to_best"].notna().sum()


@pytest.mark.parametrize(("mode", "order"), [("max", ["a", "b"]), ("min", ["b", "a"])])
def test_summary(mode, order):
    rows = [("a", 0.8, 2.0), ("a", 0.6, 4.0), ("b", 0.5, 1.0)]
    frame = pd.DataFrame(rows, columns=["model", "valid_score", "seconds_to_best"]).assign(kind="recurrent")
    frame = in_order(frame.assign(seed=0))
    summary = Comparison(frame, "score", mode, 0.4).summary
    assert list(summary.index) == order
    assert (summary.loc["a", "seeds"], summary.loc["a", "valid"]) == (2, pytest.approx(0.7))
    assert summary.loc["a", "valid_std"] == pytest.approx(np.std([0.8, 0.6], ddof=1))
    assert math.isnan(summary.loc["a", "test"])
    assert summary.loc["a", "per_second"] == pytest.approx((0.3 if mode == "max" else -0.3) / 3)


def test_the_best_without_memory_is_what_the_problems_say():
    for problem, metric in {"adding": "mse", "copy": "crossentropy", "temporal-order": "accuracy"}.items():
        train, valid, _ = datasets.memory(problem, 20, train=4000, valid=2000)
        chance = datasets.MEMORY_PROBLEMS[problem].chance(20)
        assert chance_of_memory(train, valid)[metric] == pytest.approx(chance, rel=0.05)


def test_the_most_frequent_tag_of_each_word():
    train = Dataset({"tokens": [["Ada", "Ada", "Ada", "in", "Rome"]], "tags": [["B-P", "O", "B-P", "O", "B-L"]]})
    data = Dataset({"tokens": [["Ada", "in", "Rome", "Bob"], ["Rome"]], "tags": [["B-P", "O", "B-L", "B-P"], ["O"]]})
    assert most_frequent_tags(train, data) == {"f1": 4 / 6, "precision": 2 / 3, "recall": 2 / 3}


def test_the_most_frequent_label():
    train, data = Dataset({"text": ["x"] * 3, "label": [1, 1, 0]}), Dataset({"text": ["x"] * 4, "label": [0, 0, 0, 1]})
    assert most_frequent_label(train, data) == {"accuracy": 0.25}


@pytest.mark.parametrize("task", ["music", "translation"])
def test_rules_of_the_other_tasks_score_as_the_task_does(task):
    train, valid, _ = datasets.load(f"{task}-sample")
    metric = {"music": "nll", "translation": "bleu"}[task]
    scores = [rule(train[:50], valid[:20])[metric] for rule in SPECS[task].rules.values()]
    assert all(math.isfinite(score) for score in scores)
    assert task != "music" or scores[0] > scores[1]


def adapted(network):
    model = network(embedding_dim=4, dropout=0.0)
    model.adapt(ROWS)
    return model


def test_a_bag_of_words_sees_counts_and_no_order_and_no_padding():
    model = adapted(BagOfWords)
    weights = np.random.default_rng(0).normal(size=model.get_weights()[0].shape)
    bias = np.array([0.5, -0.5])
    model.set_weights([weights, bias])
    found = model.predict(["a b b", "b a b", "a b b a"], verbose=0)
    np.testing.assert_array_equal(found[0], found[1])
    numbers = model.vocabulary.encode(["a", "b", "b"])
    odds = weights[numbers].sum(axis=0) + bias
    np.testing.assert_allclose(found[0], np.exp(odds) / np.exp(odds).sum(), rtol=1e-5)


def test_a_convolution_sees_order_and_no_padding():
    model = adapted(WordConvolution)
    long = "c d e f g a b a b c d e"
    alone, beside = model.predict(["a b c"], verbose=0), model.predict(["a b c", long], verbose=0)
    np.testing.assert_allclose(alone[0], beside[0], rtol=1e-5)
    assert not np.allclose(alone[0], model.predict(["c b a"], verbose=0)[0], rtol=1e-4)


def test_options_of_the_optimizer_and_of_fit_reach_the_training(monkeypatch):
    seen = []

    def fit(self, *data, class_weight=None, **options):
        seen.append((float(self.optimizer.learning_rate), class_weight))
        raise KeyboardInterrupt

    monkeypatch.setattr(rnnkit.SentimentClassifier, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        rnnkit.compare("sentiment", ROWS, ROWS[:24], **SMALL, learning_rate=0.25, class_weight={0: 2.0, 1: 1.0})
    assert seen == [(0.25, {0: 2.0, 1: 1.0})]


def test_matching_units_are_the_nearest():
    def plain(units):
        return units * units + 3 * units

    def with_heads(units):
        return 6 * units * units + 9 * units * math.gcd(2 * units, 4)

    for wanted, count in itertools.product((3, 50, 1000, 12345), (plain, with_heads)):
        found = matching_units(wanted, count)
        assert abs(count(found) - wanted) == min(abs(count(units) - wanted) for units in range(1, 200))
    with pytest.raises(ArgumentError, match="more than 8192 units"):
        matching_units(10**9, lambda units: units)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cells": []}, "cells: expected a list"),
        ({"cells": "gru"}, "cells: expected a list"),
        ({"cells": ["gru", "GRU"]}, "different cells"),
        ({"cells": ["ltsm"]}, "Known cells"),
        ({"seeds": 0}, "seeds: expected a positive"),
        ({"epochs": 0}, "epochs: expected a positive"),
        ({"batch_size": 0}, "batch_size: expected a positive"),
        ({"colour": "red"}, "no such argument"),
        ({"beta_1": 2.0, "learning_rate": "fast"}, "beta_1, learning_rate: the optimizer cannot take this"),
        ({"clipping": "hard"}, "percentile"),
        ({"units": [2, 3], "match_parameters": True}, "match_parameters: expected layers of one width"),
    ],
)
def test_bad_arguments(changes, named):
    with pytest.raises(ArgumentError, match=named):
        rnnkit.compare("sentiment", ROWS, ROWS[:24], **{**SMALL, **changes})
