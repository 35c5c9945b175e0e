"""Memory over thirty epochs of each task, with all callbacks of a run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "long_runs.py"
EPOCHS, SETTLED = 30, 8
GROWTH = 4.0  # MiB


@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_is_flat_over_thirty_epochs_of_each_task():
    command = [sys.executable, SCRIPT, "--here", "--epochs", str(EPOCHS), "--examples", "16", "--units", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=880)
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [run["task"] for run in runs] == ["sentiment", "ner", "music", "translation", "memory"]
    for run in runs:
        assert len(run["memory"]) == EPOCHS
        early, late = run["counts"]
        assert (late["variables"], late["graphs"]) == (early["variables"], early["graphs"]), run["task"]
        assert run["memory"][-1] - run["memory"][SETTLED] < GROWTH, run
