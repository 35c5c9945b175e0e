"""The pages of searches and comparisons, from tables made by hand."""

import re
import sys

import numpy as np
import pandas as pd
import pytest

from rnnkit.datasets import Dataset
from rnnkit.study.comparison import Comparison
from rnnkit.study.comparison.page import comparison_page
from rnnkit.study.made import keep_made, read_made
from rnnkit.tuning.page import search_page

SPACE = {"cell": "one of lstm, <b>gru", "learning_rate": "0.001 to 0.1 by orders of magnitude", "units": "8 (fixed)"}


def trials(count, failed=(), running=()):
    rng = np.random.default_rng(0)
    status = ["failed" if n in failed else "running" if n in running else "completed" for n in range(count)]
    done = np.array([each == "completed" for each in status])
    table = {
        "trial": [f"{n}" for n in range(count)],
        "status": status,
        "reason": [f"chance: {'long ' * 40}" if n in failed else "" for n in range(count)],
        "cell": rng.choice(["lstm", "<b>gru"], count),
        "learning_rate": 10 ** rng.uniform(-3, -1, count),
        "score": np.where(done, rng.uniform(0.5, 0.9, count), np.nan),
        "wall": np.where([each == "running" for each in status], np.nan, 10.0),
        "parameters": np.where(done, 1234567.0, np.nan),
    }
    return pd.DataFrame(table)


def search(table):
    identity = {"task": "MemoryModel", "algorithm": "RandomSearch", "objective": ["val_accuracy (max)"], "seed": 0}
    return search_page({**identity, "space": SPACE}, table, 75.0)


def test_the_page_of_a_search_has_every_trial_its_reason_and_the_best(read):
    table = trials(12, failed=(3, 5), running=(11,))
    page = search(table)
    reader = read(page)
    assert not re.search(r"https?://|@import|<script|<b>", page)
    links = [each["href"][1:] for each in reader.all("a")]
    assert links == [each["id"] for each in reader.all("section")]
    best = table.loc[table["score"].idxmax()]
    assert f">{best['score']:.4g}</dd>" in page
    assert f"Trial {best['trial']}, after 10 s, with 1,234,567 parameters." in page
    assert "9 completed, 2 failed, 1 running" in page
    assert "<dt>On failed trials</dt><dd>20 s</dd>" in page
    assert page.count("chance: long") == 2
    rows = re.findall(
        r'<tr><td data-head="trial">(\d+)</td><td data-head="status">(completed|failed|running)</td>', page
    )
    assert rows == list(zip(table["trial"], table["status"], strict=True))
    first = page[page.index("by trial") : page.index("by the time of a trial")]
    dots = re.findall(r'<use[^>]*style="fill:var\((--c\d)\)', first)
    assert (dots.count("--c0"), dots.count("--c5")) == (9, 2)
    assert "How much of the result each explains" in page


@pytest.mark.parametrize(
    "table",
    [trials(1), trials(2, failed=(0, 1)), trials(1, running=(0,)), trials(0)],
    ids=["one", "bad", "new", "none"],
)
def test_a_search_that_has_hardly_begun_has_a_page(table, read):
    page = search(table)
    read(page)
    assert ("Too few trials" in page) == (table["status"] == "completed").any()
    assert "none yet" in page or "completed" in page


TOLD = {
    "date": "2026-01-02 03:04",
    "hardware": "a CPU, 2 cores, 8 GiB",
    "examples": {"train": 4000, "valid": 500},
    "command": "rnnkit tune memory --set name='a b'",
}


def test_pages_say_how_they_are_made_again_when_and_where():
    identity = {"task": "MemoryModel", "algorithm": "grid", "objective": ["val_loss (min)"], "seed": 7, "space": SPACE}
    compared_to = {"task": "MemoryModel", "options": {}, "seed": 7}
    for page in (search_page(identity, trials(2), 1.0, TOLD), comparison_page(compared(), compared_to, TOLD)):
        assert "<code>rnnkit tune memory --set name=&#x27;a b&#x27;</code>" in page
        for name, value in (("date", TOLD["date"]), ("hardware", TOLD["hardware"]), ("seed", "7")):
            assert f"<dt>{name}</dt><dd>{value}</dd>" in page
        assert "<dd>4,000 train, 500 valid</dd>" in page


def test_made_names_the_command_only_where_the_shell_runs_it(monkeypatch, tmp_path):
    for program, command in (("/bin/rnnkit", "rnnkit compare ner --seeds 2"), ("train.py", None)):
        monkeypatch.setattr(sys, "argv", [program, "compare", "ner", "--overwrite", "--seeds", "2"])
        folder = tmp_path / str(command)
        folder.mkdir()
        keep_made(folder, train=Dataset({"text": ["a", "b"]}), test=None)
        told = read_made(folder)
        assert (told["command"], told["examples"]) == (command, {"train": 2})
        assert told["hardware"].count(",") >= 1


def compared(mode="max"):
    rows = [("lstm", "recurrent", seed, 0.8 + 0.01 * seed, 10.0) for seed in range(3)]
    rows += [("my<cell>", "recurrent", 0, 0.7, 20.0), ("bag of words", "network", 0, 0.75, 1.0)]
    rows += [("rule", "rule", np.nan, 0.5, np.nan)]
    frame = pd.DataFrame(rows, columns=["model", "kind", "seed", "valid_score", "seconds_to_best"])
    trained = frame["seconds_to_best"].notna()
    frame = frame.assign(
        units="8", parameters=np.where(trained, 5e6, np.nan), memory_mib=120.0, seconds=20.0, grad_norm=1.0
    )
    frame = frame.assign(gain_min=np.nan, gain_max=np.nan, horizon_min=np.nan, clip_rate=0.0)
    return Comparison(frame, "score", mode, 0.5)


def test_the_page_of_a_comparison_says_what_is_best_and_whether_the_recurrence_pays(read):
    identity = {"task": "MemoryModel", "options": {"units": "8"}, "epochs": None, "train": "abc", "batch_size": 32}
    page = comparison_page(compared(), identity)
    read(page)
    assert "my&lt;cell&gt;" in page
    assert "my<cell>" not in page
    assert "The recurrence pays here. Score on validation: 0.81 ± 0.01 with LSTM, 0.75 with the best" in page
    assert "The recurrence does not pay here. Score on validation: 0.7 with my" in comparison_page(
        compared("min"), identity
    )
    assert page.count("5,000,000") == 3 + 5
    rates = page[page.index("gained per second") : page.index("</figcaption>", page.index("gained per second"))]
    assert [rates.index(name) for name in ("bag of words", "LSTM", "my&lt;cell")] == sorted(
        rates.index(name) for name in ("bag of words", "LSTM", "my&lt;cell")
    )
    assert "abc" not in page
