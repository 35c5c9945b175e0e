"""`rnnkit tune` and `rnnkit compare` as a shell sees them."""

import json
import shlex

import pandas as pd
import pytest

import rnnkit
from rnnkit.cli.written import fixed_values, searched_values
from rnnkit.errors import ArgumentError

pytestmark = pytest.mark.usefixtures("untraced_fits")
TINY = ["--fix", "units=3", "--fix", "embedding_dim=3", "--fix", "bidirectional=false", "--epochs", 1]


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    texts = ["good film", "bad film", "not good", "not bad at all", "good, good", "a bad plot"] * 8
    pd.DataFrame({"text": texts, "label": [1, 0, 0, 1, 1, 0] * 8}).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def unlabelled(reviews):
    """A file of texts without labels, whose words the reviews do not have."""
    (reviews.parent / "more.txt").write_text("one unseen text\nanother one\n", encoding="utf-8")
    return reviews.parent / "more.txt"


def test_tune_leaves_its_table_and_the_best_model(cli, reviews, unlabelled, tmp_path):
    space = [*TINY, "--search", "cell=gru,simple_rnn", "--search", "learning_rate=1e-3:1e-2"]
    space += ["--fix", "layers=1", "--fix", "clipping=none", "--fix", "pooling=last", "--fix", "batch_size=16"]
    space += ["--unlabelled", unlabelled, "--fix", "entropy=0.1"]
    out = tmp_path / "search"
    done = cli("tune", "sentiment", "--data", reviews, "--trials", 1, "--algorithm", "random", *space, "--out", out)
    assert done.code == 0, done.err
    assert "trial 1 of 1  0:" in done.out
    assert "Best trials" in done.out
    [row] = pd.read_csv(out / "results.csv").to_dict("records")
    assert row["status"] == "completed"
    assert 1e-3 <= row["learning_rate"] <= 1e-2
    best = json.loads((out / "best.json").read_text(encoding="utf-8"))
    assert best["valid"]["accuracy"] == pytest.approx(row["val_accuracy"])
    model = rnnkit.load(out / "best.keras")
    assert (model.stack.cell.name, "unseen" in model.vocabulary) == (row["cell"], True)
    assert (best["settings"]["cell"], best["settings"]["batch_size"]) == (row["cell"], 16)
    assert best["command"] in " ".join(done.out.split())
    again = cli(*shlex.split(best["command"])[1:], "--epochs", 1, "--out", tmp_path / "again")
    assert again.code == 0, again.err
    config = json.loads((tmp_path / "again" / "config.json").read_text(encoding="utf-8"))
    assert (config["cell"], config["unlabelled"]) == (row["cell"], str(unlabelled))
    assert config["settings"]["learning_rate"] == pytest.approx(row["learning_rate"])


def test_compare_leaves_a_row_a_run_and_a_row_a_model(cli, reviews, unlabelled, tmp_path):
    out = tmp_path / "cells"
    options = ["--cells", "gru", "--seeds", 1, *TINY, "--unlabelled", unlabelled, "--fix", "entropy=1"]
    done = cli("compare", "sentiment", "--data", reviews, *options, "--no-baselines", "--out", out)
    assert done.code == 0, done.err
    assert "gru  seed 0  valid_accuracy" in done.out
    [run] = pd.read_csv(out / "runs.csv").to_dict("records")
    [model] = pd.read_csv(out / "summary.csv").to_dict("records")
    assert (run["model"], model["model"], model["valid"]) == ("gru", "gru", pytest.approx(run["valid_accuracy"]))
    same = rnnkit.SentimentClassifier("gru", 3, embedding_dim=3, bidirectional=False, entropy=1.0)
    same.adapt(*pd.read_csv(reviews).to_dict("list").values(), unlabelled=unlabelled)
    assert run["parameters"] == same.count_params()
    assert json.loads((out / "made.json").read_text(encoding="utf-8"))["examples"]["unlabelled"] == 2


def test_dry_runs_say_what_would_be_done_and_do_nothing(cli, tmp_path):
    done = cli("tune", "memory", "--data", "copy-5", "--minutes", 3, "--fix", "units=9", "--dry-run", cwd=tmp_path)
    assert done.code == 0, done.err
    for words in (
        "0.0003 to 0.01",
        "9 (fixed)",
        "symbols (fixed)",
        "any number of trials in 3 minutes",
        "val_loss (min)",
    ):
        assert words in done.out
    done = cli("compare", "music", "--seeds", 2, "--dry-run", cwd=tmp_path)
    assert "simple_rnn, lstm, gru; 2 seeds" in done.out
    assert "6 trainings until" in done.out
    assert "per-key Markov chain" in done.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["tune", "weather"], "unknown task 'weather'"),
        (["tune", "sentiment", "--fix", "units"], "expected NAME=VALUE"),
        (["tune", "sentiment", "--search", "units=3"], "NAME=A,B or NAME=LOW:HIGH"),
        (["tune", "sentiment", "--data", "{reviews}", "--objective", "val_f1"], "Known for sentiment: val_loss"),
        (
            ["tune", "sentiment", "--data", "{reviews}", "--trials", "0"],
            "trials: expected a positive integer, got 0",
        ),
        (["tune", "sentiment", "--data", "{reviews}", "--trials", "1", "--out", "{file}/a"], "cannot be written"),
        (["compare", "sentiment", "--data", "{reviews}", "--cells", "ltsm"], "Known cells"),
        (["compare", "sentiment", "--data", "{reviews}", "--seeds", "0"], "seeds: expected a positive"),
        (["compare", "sentiment", "--data", "{reviews}", "--clip", "norm:hard"], "RULE:THRESHOLD"),
        (["compare", "sentiment", "--data", "{reviews}", "--dry-run", "--clip", "bogus"], "unknown rule 'bogus'"),
        (["compare", "sentiment", "--data", "{reviews}", "--dry-run", "--fix", "nonsense=1"], "nonsense"),
        (["compare", "sentiment", "--data", "{reviews}", "--fix", "cell=gru"], "Name them there"),
        (
            ["compare", "sentiment", "--data", "{reviews}", "--fix", "epochs=2"],
            "'epochs' has an option of its own, --epochs",
        ),
        (["tune", "sentiment", "--data", "{reviews}", "--fix", "directory=x"], "has no argument 'directory'"),
        (["tune", "sentiment", "--fix", "units=2", "--search", "units=2,3"], "'units' is in both"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(cli, arguments, named, reviews, tmp_path):
    (tmp_path / "file").touch()
    done = cli(*(argument.format(file=tmp_path / "file", reviews=reviews) for argument in arguments), cwd=tmp_path)
    assert done.code == 2
    assert named in done.err
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_values_as_they_are_written():
    written = ["a=3", "b=1e-3", "c=True", "d=none", "e-f=max=1"]
    assert fixed_values("fix", written) == {"a": 3, "b": 1e-3, "c": True, "d": None, "e_f": "max=1"}
    assert searched_values("search", ["a=3,4", "b=1e-3:1", "c=lstm,none"]) == {
        "a": [3, 4],
        "b": (1e-3, 1),
        "c": ["lstm", None],
    }
    for wrong in (["a"], ["=3"], ["a="], ["a=1", "a=2"]):
        with pytest.raises(ArgumentError, match="^fix: "):
            fixed_values("fix", wrong)
    with pytest.raises(ArgumentError, match="given twice"):
        searched_values("search", ["a=1,2", "a=3,4"])
