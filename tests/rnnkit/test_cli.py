"""The command line as a shell sees it."""

import contextlib
import io
import json
import logging
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import pandas as pd
import pytest
from rich.console import Console
from typer.main import get_command

import rnnkit
from rnnkit.callbacks.clipping_rules import RULES
from rnnkit.cli.app import app
from rnnkit.cli.progress import TrainingProgress
from rnnkit.report.terminal import console, reading, show_table
from rnnkit.study.folder import RunFolder
from rnnkit.tasks import options
from rnnkit.tasks.specs import SPECS

REVIEWS = ["good film", "bad film", "not good", "not bad at all", "good, good", "a bad plot"] * 6
LABELS = ["positive", "negative"] * 18
COMPLETED = {
    "run s": ["sentiment"],
    "run sentiment --data ss": ["sst2"],
    "compare music --cells lstm,g": ["lstm,gru"],
    "run ner --clip z": ["zscore"],
}


def shell(*arguments):
    """The command line in a process of its own."""
    command = [sys.executable, "-c", "import sys; sys.argv[0] = 'rnnkit'; from rnnkit.cli import main; main()"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=280,
        env={**os.environ, "COLUMNS": "160", "TERM": "dumb"},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run on a file of one's own, in a process of its own, and what it printed."""
    folder = tmp_path_factory.mktemp("cli")
    data = folder / "reviews.csv"
    pd.DataFrame({"review": REVIEWS, "verdict": LABELS}).to_csv(data, index=False)
    options = ["--data", data, "--text", "review", "--label", "verdict", "--units", 3, "--cell", "GRU", "--epochs", 2]
    options += ["--set", "bidirectional=false"]
    done = shell(
        "run",
        "sentiment",
        *options,
        "--batch-size",
        8,
        "--seed",
        3,
        "--clip",
        "global_norm:0.01",
        "--json",
        "--out",
        folder / "run",
    )
    assert done.returncode == 0, done.stderr
    return folder / "run", done


def test_a_run_leaves_its_folder(run):
    folder, done = run
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert json.loads(done.stdout.splitlines()[-1]) == metrics
    assert metrics.keys() == {
        *("task", "data", "cell", "seed", "test", "valid"),
        *("seconds", "examples_per_second", "epochs", "kernels", "versions"),
        *("parameters", "units", "examples", "date", "hardware"),
    }
    assert (metrics["task"], metrics["cell"], metrics["seed"], metrics["epochs"]) == ("sentiment", "gru", 3, 2)
    scores = {"macro_f1", "weighted_f1", "average_precision", "auc"}
    assert set(metrics["test"]) == {"accuracy", "loss", *scores}
    classes = pd.read_csv(folder / "classes.csv").set_index("label")
    assert metrics["test"]["macro_f1"] == pytest.approx(classes["f1"].mean())
    assert list(pd.read_csv(folder / "confusion.csv").columns) == ["label", "negative", "positive"]
    assert list(pd.read_csv(folder / "errors.csv").columns) == ["text", "label", "predicted", "score"]
    assert all("fused" in kernel for kernel in metrics["kernels"].values())
    history = pd.read_csv(folder / "history.csv")
    assert list(history["epoch"]) == [0, 1]
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(history)
    assert {"text", "label", "predicted", "score"} == set(pd.read_csv(folder / "samples.csv"))
    gradients = pd.read_csv(folder / "gradients.csv")
    assert (gradients["norm_after"] <= 0.01 + 1e-6).all()
    assert gradients["step"].nunique() == 8
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert (config["text"], config["epochs"], config["device"]) == ("review", 2, "auto")


def test_a_run_says_what_it_does_and_where_things_are(run):
    folder, done = run
    assert "cell gru" in done.stderr
    assert "epoch   2" in done.stderr
    assert "best so far" in done.stderr
    assert "grad_norm" in done.stderr
    assert "Gradient norms by layer" in done.stderr
    assert "clipping was active in 100%" in done.stderr
    assert str(folder) in done.stderr
    assert "E0000" not in done.stderr
    assert "oneDNN" not in done.stderr


def test_evaluate_gives_the_metrics_again(cli, run):
    folder, _ = run
    done = cli("evaluate", folder, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == pytest.approx(RunFolder(folder).metrics["test"], rel=1e-5)


def test_predict_from_arguments_file_and_standard_input(cli, run, tmp_path):
    folder, _ = run
    texts = ["good film", "schön 👍🏽"]
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts), encoding="utf-8")
    answers = [cli("predict", folder, *texts), cli("predict", folder, "--file", path)]
    answers.append(cli("predict", folder, stdin="\n".join(texts).encode()))
    assert [answer.code for answer in answers] == [0, 0, 0], answers[0].err
    assert answers[0].out == answers[1].out == answers[2].out
    expected = rnnkit.load(folder / "model.keras").classify(texts)
    lines = [line.split("\t") for line in answers[0].out.splitlines()]
    assert lines == [[each.label, f"{each.score:.4f}", text] for each, text in zip(expected, texts, strict=True)]


@pytest.fixture(scope="module")
def tagged_run(cli, tmp_path_factory):
    """A finished run on tagged sentences in columns, and what it printed."""
    folder = tmp_path_factory.mktemp("ner")
    data = folder / "mine.txt"
    sentence = "1 Ada B-PER x\n2 is O x\n3 in O x\n4 York I-LOC x\n\n"
    data.write_bytes(("\ufeff-DOCSTART- -X- O O\n\n" + sentence * 40).replace("\n", "\r\n").encode())
    options = ["--data", data, "--text", 1, "--label", 2, "--units", 8, "--epochs", 6, "--batch-size", 2, "--json"]
    options += ["--cell", "simple_rnn", "--set", "bidirectional=false"]
    done = cli("run", "ner", *options, "--out", folder / "run")
    assert done.code == 0, done.err
    return folder / "run", done


def test_a_run_on_tagged_sentences_says_what_was_found(cli, tagged_run):
    folder, done = tagged_run
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test"].keys() == {"f1", "precision", "recall", "loss"}
    assert metrics["test"]["f1"] > 0.9
    assert "Entities by type" in done.err
    assert "[Ada PER" in done.err
    measured = cli("evaluate", folder, "--json")
    assert json.loads(measured.out) == pytest.approx(metrics["test"], rel=1e-4)
    assert "Entities by type" in measured.err


def test_entities_of_a_text_on_the_command_line(cli, tagged_run):
    folder, _ = tagged_run
    shown = cli("predict", folder, "Ada is in York")
    assert shown.out.startswith("[Ada PER ")
    assert "is in [York LOC " in shown.out
    answer = json.loads(cli("predict", folder, "Ada is in York", "--json").out)
    assert [(each["text"], each["start"], each["end"]) for each in answer["entities"]] == [
        ("Ada", 0, 3),
        ("York", 10, 14),
    ]


def traces():
    """What a command could leave behind in its process."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    of_keras = keras.config.floatx(), keras.config.dtype_policy().name
    of_logs = logging.root.level, [*logging.root.handlers], [*warnings.filters], sys.unraisablehook
    return handlers, of_keras, of_logs, dict(os.environ), os.getcwd(), sys.argv, sys.stdin, sys.stdout


@pytest.fixture(scope="module")
def memory_run(cli, tmp_path_factory):
    """A finished run on a memory problem, and what it printed."""
    folder = tmp_path_factory.mktemp("memory") / "run"
    problem = ["--problem", "temporal-order", "--length", 10, "--initializer", "identity", "--activation", "relu"]
    sizes = ["--cell", "simple_rnn", "--units", 16, "--batch-size", 250, "--epochs", 3]
    before = traces()
    done = cli("run", "memory", *problem, *sizes, "--json", "--out", folder)
    assert traces() == before
    assert done.code == 0, done.err
    return folder, done


def test_a_run_on_a_memory_problem_says_what_chance_is_and_whether_it_is_solved(cli, memory_run):
    folder, done = memory_run
    metrics = json.loads(done.out.splitlines()[-1])
    assert (metrics["task"], metrics["data"]) == ("memory", "temporal-order-10")
    assert metrics["test"].keys() == {"accuracy", "loss"}
    assert metrics["test"]["accuracy"] > 0.99
    assert "The problem is solved: accuracy is" in done.err
    assert "reaches 0.2500, and above 0.9900 the problem counts as solved." in done.err
    assert {"sequence", "target", "predicted"} == set(pd.read_csv(folder / "samples.csv"))
    layer = rnnkit.load(folder / "model.keras").stack.blocks[0]["forward"]
    assert layer.activation.__name__ == "relu"
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["initializer"] == "identity"
    again = json.loads(cli("evaluate", folder, "--json").out)
    assert again == pytest.approx(metrics["test"], rel=1e-4)
    other = cli("evaluate", folder, "--data", "temporal-order-12")
    assert "1000 examples" in other.err + other.out


def test_the_diagnosis_of_a_run(cli, memory_run, tmp_path):
    folder, done = memory_run
    printed = " ".join(done.err.split())
    assert "stack/forward_0 (forward): The backpropagated gradient" in printed
    found = cli("diagnose", folder, "--examples", 32, "--out", tmp_path / "page.html")
    assert found.code == 0, found.err
    model, problem = rnnkit.load(folder / "model.keras"), rnnkit.datasets.memory("temporal-order", 10)
    same = rnnkit.diagnose(model, *problem.valid.sample(32))
    words = " ".join(found.out.split())
    assert " ".join(same.verdict.split()) in words
    assert f" {same.layers['gain'].iloc[0]:.3g} " in words
    page = " ".join((tmp_path / "page.html").read_text(encoding="utf-8").split())
    assert all(line in page for line in same.verdict.splitlines())
    assert f"<code>rnnkit diagnose {folder} --examples 32" in page
    assert "<dt>examples</dt><dd>32 sequences</dd>" in page
    nowhere = cli("diagnose", folder, "--out", tmp_path / "none" / "page.html")
    assert (nowhere.code, "there is no folder" in nowhere.err) == (2, True)


def test_a_run_that_is_too_short_to_diagnose_says_so(cli, run):
    folder, done = run
    assert "There is no diagnosis:" in done.stderr
    found = cli("diagnose", folder)
    assert found.code == 2
    assert len(found.err.strip().splitlines()) == 1


def test_run_without_a_task_lists_them_all(cli):
    listed = cli("run")
    assert listed.code == 0
    for name, spec in SPECS.items():
        (line,) = [line for line in listed.out.splitlines() if line.startswith(f"{name} ")]
        assert spec.about in line
        assert spec.time in line


def test_completion_knows_tasks_data_and_cells(monkeypatch):
    monkeypatch.setenv("_RNNKIT_COMPLETE", "complete_bash")
    for words, expected in COMPLETED.items():
        monkeypatch.setenv("COMP_WORDS", f"rnnkit {words}")
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" "))))
        assert shell().stdout.split() == expected
    assert set(options.RULES) == set(RULES)


def test_answers_to_sequences_on_the_command_line(cli, memory_run):
    folder, done = memory_run
    sequence = "[0, 6, 2, 5, 3, 7, 4, 2, 1]"
    assert sequence in done.err
    assert cli("predict", folder, sequence, sequence).out.splitlines() == ["1", "1"]
    answer = json.loads(cli("predict", folder, sequence, "--json").out)
    assert answer == {"sequence": json.loads(sequence), "answer": 1}
    wrong = cli("predict", folder, "0 6 2")
    assert (wrong.code, "JSON list" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "weather"], "unknown task 'weather'"),
        (["run", "sentiment", "--data", "no-such-thing"], "neither a data set nor a file"),
        (["run", "sentiment", "--units", "0"], "units"),
        (["run", "sentiment", "--epochs", "-1"], "epochs"),
        (["run", "sentiment", "--cell", "ltsm"], "Known cells: simple_rnn, lstm, gru"),
        (["run", "sentiment", "--clip", "hard"], "percentile"),
        (["run", "sentiment", "--clip", "norm:-1"], "positive"),
        (["run", "sentiment", "--clip", "norm:one"], "RULE:THRESHOLD"),
        (["run", "sentiment", "--device", "tpu"], "auto, cpu, gpu"),
        (["run", "sentiment", "--device", "gpu"], "'gpu' was asked for, but"),
        (["run", "sentiment", "--data", "{reviews}"], "review"),
        (["run", "sentiment", "--data", "{latin}"], "UTF-8"),
        (["run", "sentiment", "--data", "wnut17"], "data for ner"),
        (["run", "ner", "--data", "{reviews}"], "column"),
        (["run", "ner", "--data", "{reviews}", "--text", "word"], "numbers of columns"),
        (["run", "sentiment", "--out", "{full}"], "exists already"),
        (["run", "sentiment", "--activation", "curvy"], "activation"),
        (["run", "sentiment", "--initializer", "zeal"], "initializer"),
        (["run", "sentiment", "--cell", "simple_rnn", "--initializer", "chrono"], "has no forget or update gate"),
        (["run", "sentiment", "--problem", "copy"], "No such option: --problem"),
        (["run", "memory", "--problem", "recall"], "Known problems: adding, copy, temporal-order"),
        (["run", "memory", "--problem", "temporal-order", "--length", "9"], "at least 10, got 9"),
        (["run", "memory", "--length", "-1"], "at least 2, got -1"),
        (["run", "memory", "--data", "{reviews}"], "PROBLEM-LENGTH"),
        (["run", "memory", "--problem", "copy", "--data", "adding-9"], "leave out data"),
        (["evaluate", "{full}"], "not a run folder"),
        (["predict", "{full}", "text"], "not a run folder"),
        (["data", "path", "no-such-data"], "sst2"),
        (["run", "sentiment", "--colour", "red"], "--colour"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(cli, arguments, named, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "reviews.csv").write_text("review,verdict\ngood,1\n", encoding="utf-8")
    (tmp_path / "latin.csv").write_bytes(b"text,label\ncaf\xe9,1\n")
    places = {"full": tmp_path / "full", "reviews": tmp_path / "reviews.csv", "latin": tmp_path / "latin.csv"}
    done = cli(*(argument.format(**places) for argument in arguments), cwd=tmp_path)
    assert done.code == 2
    assert named in done.err
    assert "Traceback" not in done.err
    assert (tmp_path / "full" / "kept.txt").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "runs").exists()


def test_a_shell_gets_the_line_and_the_exit_code():
    done = shell("run", "weather")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("error: task: unknown task 'weather'")


def test_help_and_version_do_without_tensorflow():
    code = "import sys; from rnnkit.cli.app import app; app(['--help'], standalone_mode=False); "
    code += "print(sorted(m for m in ('tensorflow', 'keras', 'pandas', 'matplotlib') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
    assert shell("--version").stdout == f"rnnkit {rnnkit.__version__}\n"


def test_the_paragraphs_of_a_help_have_no_line_ends_of_their_own():
    helps = [command.help for command in get_command(app).commands.values()]
    assert max(len(text.split("\n\n")) for text in helps) > 1
    assert [text for text in helps if "\n" in text.replace("\n\n", "")] == []


@pytest.mark.parametrize(("data", "said"), [("mine.csv", True), (None, True), ("music-sample", True), ("sst2", False)])
def test_reading_is_said_where_no_download_has_a_bar_of_its_own(data, said):
    terminal = io.StringIO()
    with reading(Console(file=terminal, force_terminal=True), data):
        warnings.warn("two rows are empty", UserWarning, stacklevel=1)
    assert ("Reading the data" in terminal.getvalue()) == said
    assert "two rows are empty" in terminal.getvalue()


def test_a_table_that_is_too_wide_folds_its_cells():
    told = io.StringIO()
    frame = pd.DataFrame({"model": ["a_cell_of_a_long_name"], "test": ["0.8116±0.0052"]})
    show_table(Console(file=told, width=24, force_terminal=True, color_system=None), frame, "found")
    for column, cell in zip((1, 2), frame.iloc[0], strict=True):
        lines = [line.split("│")[column] for line in told.getvalue().splitlines() if "│" in line]
        assert "".join(map(str.strip, lines)) == cell


WIDE = pd.DataFrame({"run": ["first", "second"], **{f"figure_{number}": [1 / 3, 2e3] for number in range(9)}})


@pytest.mark.parametrize("width", [60, 80])
def test_on_a_terminal_a_table_fits_and_says_where_the_rest_is(width):
    told = io.StringIO()
    show_table(Console(file=told, width=width, force_terminal=True, color_system=None), WIDE, "found", "found.csv")
    lines = told.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert any("run" in line and "figure_0" in line for line in lines)
    assert "figure_8: see found.csv" in " ".join(told.getvalue().split())


def test_in_a_pipe_a_table_has_one_line_per_row_and_no_frame():
    told = io.StringIO()
    frame = WIDE.assign(text=["two\nlines", "[bold]marked[/] \x1b[31m"])
    show_table(Console(file=told, width=40), frame, "found")
    title, head, first, second = told.getvalue().splitlines()
    assert (title, head.split()) == ("found", [*frame])
    assert first.split() == ["first", *["0.333"] * 9, "two", "lines"]
    assert second.split() == ["second", *["2,000"] * 9, "[bold]marked[/]", "\ufffd[31m"]


@pytest.mark.parametrize(("environment", "colour"), [({"NO_COLOR": "1"}, False), ({}, True)])
def test_no_color_is_respected_on_a_terminal(monkeypatch, environment, colour):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    with contextlib.redirect_stdout(terminal):
        console().print("[bold green]best so far[/]")
    assert ("\x1b[" in terminal.getvalue()) == colour


@pytest.mark.parametrize("width", [30, 60, 200])
def test_an_epoch_is_one_line_at_any_width(width):
    logs = {"accuracy": 0.5, "loss": 0.7, "val_accuracy": 0.6, "val_loss": 0.66, "grad_norm": 0.3}
    for terminal in (True, False):
        told = io.StringIO()
        screen = Console(file=told, width=width, force_terminal=terminal, color_system=None)
        progress = TrainingProgress(screen, ("val_accuracy", "max"))
        progress.set_params({"steps": 3})
        progress.on_epoch_begin(0)
        progress.on_train_batch_end(0, {"loss": 0.1234})
        progress.on_epoch_end(0, dict(logs))
        [*bar, line] = told.getvalue().rstrip("\n").splitlines()
        assert "val_accuracy 0.6000" in line
        assert line.endswith("best so far")
        assert any("loss 0.1234" in each for each in bar) or not terminal or width < 60


def test_every_command_has_its_help(cli):
    for command in (
        ["run"],
        ["evaluate"],
        ["predict"],
        ["generate"],
        ["translate"],
        ["compare"],
        ["tune"],
        ["diagnose"],
        ["report"],
        ["data"],
        ["data", "list"],
        ["data", "fetch"],
        ["data", "path"],
    ):
        done = cli(*command, "--help")
        assert done.code == 0
        assert "Usage" in done.out


def test_data_commands(cli):
    listed = cli("data", "list")
    assert "sentiment-sample" in listed.out
    assert "imdb" in listed.out
    assert Path(cli("data", "path", "sst2").out.strip()).name == "sst2"


def test_a_run_without_out_gets_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"task": "sentiment", "data": "my/reviews.csv", "cell": "lstm"}
    first, second = RunFolder.create(None, config), RunFolder.create(None, config)
    assert first.path != second.path
    assert first.path.parent.name == "runs"
    assert first.path.name.startswith("sentiment-reviews-lstm-")
    assert first.config == config


def test_a_run_that_has_learned_nothing_says_so_first(cli, tmp_path):
    rows = "".join(f"word{n} thing{n % 7},{'ab'[n * 7919 % 2]}\n" for n in range(60))
    (tmp_path / "noise.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    options = ["--units", 2, "--set", "learning_rate=0.0", "--epochs", 1]
    options += ["--cell", "simple_rnn", "--set", "bidirectional=false"]
    done = cli("run", "sentiment", "--data", "noise.csv", *options, "--out", "run", cwd=tmp_path)
    assert done.code == 0, done.err
    conclusion = json.loads((tmp_path / "run" / "diagnosis" / "conclusion.json").read_text(encoding="utf-8"))
    assert conclusion["verdict"].startswith("Nothing was learned: val_accuracy did not leave")
    assert "Nothing was learned" in done.out


def test_the_help_of_an_option_that_tasks_share_says_what_it_is_for_each():
    from rnnkit.cli.model import data_options
    from rnnkit.cli.options import union

    told = {option.name: option for option in union(data_options)}
    assert told["target"].help == (
        "For translation: file with the translations of the lines of --data; for forecasting: columns to forecast, "
        "separated by commas."
    )
    assert (told["target"].metavar, told["time"].metavar) == ("FILE|COLUMN,COLUMN", "COLUMN")
