"""What a shell sees of signals and of disks that are full."""

import json
import os
import resource
import signal
import subprocess
import sys

import pandas as pd
import pytest

from rnnkit.cli import main
from rnnkit.cli.ended import same_command
from rnnkit.study.folder import RunFolder
from rnnkit.tuning import search

REVIEWS = ["good film", "bad film", "not good", "not bad at all", "good, good", "a bad plot"] * 6
LABELS = ["positive", "negative"] * 18


@pytest.fixture
def cli(monkeypatch, capsys):
    """Runs a command in this process: its exit code, and what it said."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["rnnkit", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "160")
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().err

    return run


@pytest.fixture
def raising(monkeypatch):
    """Lets `rnnkit data path` do something else."""
    return lambda act: monkeypatch.setattr("rnnkit.datasets.path", act)


@pytest.mark.parametrize(
    ("number", "code", "line"), [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, "Terminated.\n")]
)
def test_a_signal_is_one_line_and_the_exit_code_of_the_shells(number, code, line, cli, raising):
    before = signal.getsignal(number)
    raising(lambda name: signal.raise_signal(number))
    assert cli("data", "path", "sst2") == (code, line)
    assert signal.getsignal(number) is before


def test_a_second_one_ends_the_process_at_once(cli, raising):
    def twice(name):
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            raised.append(signal.getsignal(signal.SIGINT))

    raised = []
    raising(twice)
    assert cli("data", "path", "sst2")[0] == 130
    assert raised == [signal.SIG_DFL]


def test_errors_of_the_system_are_one_line(cli, raising, tmp_path):
    def full(name):
        raise OSError(28, "No space left on device", str(tmp_path))

    raising(full)
    assert cli("data", "path", "sst2") == (2, f"error: {tmp_path}: No space left on device. Make room first.\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_one_line():
    command = [sys.executable, "-c", "from rnnkit.cli import main; main()", "data", "path", "sst2"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=280)
    assert done.returncode == 2
    assert done.stderr == "error: No space left on device. Make room first.\n"


def test_the_command_that_goes_on(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["/bin/rnnkit", "tune", "ner", "--search", "cell=gru,lstm", "--overwrite"])
    same = "rnnkit tune ner --search cell=gru,lstm"
    assert same_command(tmp_path, tmp_path) == same
    assert same_command(None, tmp_path / "a b") == f"{same} --out '{tmp_path}/a b'"


def reviews(folder):
    data = folder / "reviews.csv"
    pd.DataFrame({"text": REVIEWS, "label": LABELS}).to_csv(data, index=False)
    return data


TINY = ["--units", 3, "--cell", "gru", "--set", "bidirectional=false", "--epochs", 1, "--batch-size", 8]


@pytest.mark.filterwarnings("always:Resume:UserWarning")
def test_a_run_whose_results_cannot_be_written_is_finished_later(cli, untraced_fits, tmp_path, monkeypatch):
    folder = tmp_path / "run"

    def full(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "_page", full)
        code, errors = cli("run", "sentiment", "--data", reviews(tmp_path), *TINY, "--out", folder)
    words = "error: No space left on device. Make room first. Resume with: rnnkit run --resume"
    assert (code, errors) == (2, f"{words} {folder} (with --finish, the best epoch so far is kept instead)\n")
    assert not RunFolder(folder).finished
    model = (folder / "model.keras").stat().st_mtime_ns
    assert cli("run", "--resume", folder)[0] == 0
    assert RunFolder(folder).finished
    assert (folder / "model.keras").stat().st_mtime_ns > model
    assert (folder / "report.html").is_file()
    assert RunFolder(folder).metrics["epochs"] == 1


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
from rnnkit.cli import main
main()
"""


def test_a_full_disk_does_not_end_a_training_and_nothing_is_lost(tmp_path):
    """No file can become larger than a save."""
    folder, data = tmp_path / "run", reviews(tmp_path)
    command = [sys.executable, "-c", LIMITED, "run", "sentiment", "--data", data, *TINY, "--out", folder, "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=280)
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("note: Resume: the state could not be saved") == 1
    assert "epoch   1" in done.stderr
    [*_, line] = done.stderr.splitlines()
    assert f"Resume with: rnnkit run --resume {folder} (with --finish" in line
    assert "Traceback" not in done.stderr
    assert json.loads((folder / "config.json").read_text(encoding="utf-8"))["task"] == "sentiment"
    assert list((folder / "state").iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_folder_that_could_not_be_begun_can_be_used_later(tmp_path, monkeypatch):
    def full(self, *arguments, **options):
        self.write_bytes(b"{")
        raise OSError(28, "No space left on device")

    config = {"task": "sentiment", "data": "a", "cell": "gru"}
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", full)
        with pytest.raises(ValueError, match="cannot be written .No space left on device."):
            RunFolder.create(tmp_path / "run", config)
    assert RunFolder.create(tmp_path / "run", config).config == config


def test_an_interrupted_search_says_how_to_go_on(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(search, "make_tuner", lambda **settings: signal.raise_signal(signal.SIGINT))
    monkeypatch.chdir(tmp_path)
    code, errors = cli("tune", "sentiment", "--data", reviews(tmp_path), "--trials", 1, "--overwrite")
    [folder] = (tmp_path / "runs").iterdir()
    assert code == 130
    assert errors.startswith("Interrupted. Resume with: rnnkit tune sentiment --data")
    assert errors.endswith(f"--trials 1 --out runs/{folder.name}\n")
