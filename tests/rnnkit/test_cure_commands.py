"""Cures as a user of the shell gets them: each printed command runs up to its first step."""

import shlex
from functools import partial

import pytest
from typer.main import get_command

from rnnkit import datasets
from rnnkit.cli.app import app
from rnnkit.diagnosis import verdict as v
from rnnkit.diagnosis.cures import cures
from rnnkit.diagnosis.layers import Layer
from rnnkit.diagnosis.training import Training
from rnnkit.diagnosis.verdict import Facts, Finding
from rnnkit.tasks.config import RunConfig


class FirstStep(Exception):  # noqa: N818
    """Raised in place of a training."""


def commands(cell):
    """The commands of all cures, for a run that had settings of its own."""
    layer = Layer("rnn", "forward", cell, 0.5, 0.5, 6, True, 6.0, 20.0, "", 39, 6.0, penalised=cell == "lstm", code="x")
    facts = Facts(training=Training(task=True, rate=0.01, dropout=0.6), layers=(layer,))
    said_before = None if cell == "min_gru" else {"recurrent_initializer": "glorot_uniform"}
    config = RunConfig("memory", "adding-8", cell, 4, settings=said_before)
    listed = cures([Finding(problem, "", layer) for problem in v.PROBLEMS], facts)
    return {cure.name: config.command_with(cure.shell) for cure in listed if cure.shell}


@pytest.mark.parametrize("cell", ["simple_rnn", "lstm", "min_gru"])
def test_each_command_runs_up_to_its_first_step(cell, monkeypatch, tmp_path):
    def stop(*args, **options):
        raise FirstStep

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rnnkit.study.run.train", stop)
    monkeypatch.setattr(datasets, "memory", partial(datasets.memory, train=64, valid=24, test=24))
    found = commands(cell)
    assert len(found) > 8
    for name, line in found.items():
        if (name, cell) != ("Omega", "lstm"):
            with pytest.raises(FirstStep):
                get_command(app).main(shlex.split(line)[1:], standalone_mode=False)


def test_a_cure_takes_the_place_of_what_was_said_before():
    config = RunConfig(
        "memory", "adding-8", "simple_rnn", clip="norm:2.0", settings={"recurrent_initializer": "identity"}
    )
    line = config.command_with("--cell gru --set recurrent_initializer=chrono --clip global_norm:1.5")
    assert line.count("recurrent_initializer") == 1
    assert "recurrent_initializer=chrono" in line
    assert "--cell gru" in line
    assert "--clip global_norm:1.5" in line
    assert "norm:2.0" not in line
