import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from keras import ops

from rnnkit.errors import ArgumentError, DeviceError
from rnnkit.optimizers.replicas import run_on_share, several_replicas, share_gradient, sum_over_replicas
from rnnkit.recurrent.devices import gpu_in_use, strategy, use_device

TASKS = ("sentiment", "ner", "music", "translation", "memory")


def test_the_cpu_is_always_there():
    assert use_device("auto") in ("cpu", "gpu")


def test_an_unknown_device_lists_the_known_ones():
    with pytest.raises(ArgumentError, match="auto, cpu, gpu"):
        use_device("tpu")


@pytest.mark.parametrize("count", [0, -1, 65, 10**400, 1.5, True, "2", None])
def test_a_count_of_devices_is_checked(count):
    with pytest.raises(ArgumentError, match="devices: expected a whole number from 1 to 64"):
        use_device("cpu", count)


def test_a_gpu_that_is_not_there(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    with pytest.raises(DeviceError, match=r"rnnkit\[gpu\]"):
        use_device("gpu")


def test_more_gpus_than_there_are(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0", "GPU:1"])
    with pytest.raises(DeviceError, match="3 were asked for, but TensorFlow sees 2 GPUs"):
        use_device("gpu", 3)


@pytest.mark.parametrize("found", [[], ["GPU:0"]])
def test_a_gpu_that_is_there_is_in_use(monkeypatch, found):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: found if kind == "GPU" else ["CPU:0"])
    assert gpu_in_use() == bool(found)


def test_one_device_needs_no_strategy():
    import tensorflow as tf

    with strategy("cpu", 1).scope():
        assert not tf.distribute.has_strategy()


def test_with_one_device_nothing_is_done():
    value, inputs = ops.ones(()), {"x": ops.zeros((0, 2))}
    assert not several_replicas()
    assert share_gradient(value, 3) is value
    assert float(sum_over_replicas(value)) == 1
    assert run_on_share(lambda given, training: (given, training), inputs, training=True) == (inputs, True)


@pytest.fixture(scope="module")
def seen():
    script = Path(__file__).with_name("mirrored_tasks.py")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_two_devices_train_as_one_does_on_the_joined_batch(seen, task):
    one, two = seen[task]
    assert one["history"].keys() == two["history"].keys()
    for name, values in one["history"].items():
        np.testing.assert_allclose(two["history"][name], values, rtol=1e-4, err_msg=name)
    for weight, expected in zip(two["weights"], one["weights"], strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)
    assert one["history"]["loss"][0] != one["history"]["loss"][1]


@pytest.mark.slow
def test_an_overflow_on_any_device_skips_the_step_and_halves_the_loss_scale(seen):
    assert seen["overflow"] == [[1.0, 4.0], [1.0, 4.0], [0.0, 8.0]]


def test_a_run_on_two_devices_in_half_precision_that_is_deterministic(tmp_path):
    reviews, out = tmp_path / "reviews.csv", tmp_path / "run"
    rows = [f"{'good' if row % 2 else 'bad'} film with plot {row} in it,{row % 2}" for row in range(20)]
    reviews.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    options = ["--data", reviews, "--units", "3", "--cell", "simple_rnn", "--set", "bidirectional=false"]
    options += ["--epochs", "1", "--batch-size", "5", "--out", out]
    chosen = ["--device", "cpu", "--devices", "2", "--precision", "mixed_float16", "--deterministic"]
    command = [sys.executable, "-c", "from rnnkit.cli.app import main; main()", "run", "sentiment", *options, *chosen]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=280, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stderr == ""
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    kept = {name: config[name] for name in ("device", "devices", "precision", "deterministic")}
    assert kept == {"device": "cpu", "devices": 2, "precision": "mixed_float16", "deterministic": True}
    steps = pd.read_csv(out / "gradients.csv")["step"].nunique()
    assert steps == 4  # 16 rows in batches of five, shared out
    assert "missing" not in json.loads((out / "diagnosis" / "conclusion.json").read_text(encoding="utf-8"))
    assert json.loads((out / "metrics.json").read_text(encoding="utf-8"))["kernels"]
