"""`deterministic` as a run has it: the same weights, to the last bit, in two processes."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from rnnkit import layers
from rnnkit.errors import DataError
from rnnkit.recurrent import devices, fused_rnn, kernel_choice
from rnnkit.tasks.config import RunConfig


def digests():
    script = Path(__file__).with_name("deterministic_tasks.py")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=140, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.slow
def test_every_task_gives_the_same_weights_twice():
    first, second = digests(), digests()
    assert first.pop("on")
    assert second.pop("on")
    assert first == second
    assert len(set(first.values())) == len(first) == 5


def test_it_is_off_until_it_is_asked_for():
    assert not devices.is_deterministic()


@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU])
def test_a_gpu_leaves_cudnn_alone(monkeypatch, layer):
    x = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    ours = layer(4, return_sequences=True)
    expected = ours(x)
    for module in (fused_rnn, kernel_choice):
        monkeypatch.setattr(module, "is_deterministic", lambda: True)
    monkeypatch.setattr(fused_rnn, "gpu_in_use", lambda: True)
    monkeypatch.setattr(getattr(keras.layers, layer.__name__), "inner_loop", None)  # where Keras would choose cuDNN
    np.testing.assert_allclose(ours(x), expected, atol=1e-6)
    assert kernel_choice.kernel(ours, gpu=True) == ("loop", "operations are deterministic")


def test_a_configuration_on_disk_says_it_as_a_boolean():
    config = RunConfig(deterministic=True, precision="mixed_bfloat16")
    assert RunConfig.from_dict(config.as_dict()) == config
    for wrong in (1, "true", None):
        with pytest.raises(DataError, match="deterministic = "):
            RunConfig.from_dict({"deterministic": wrong})
    with pytest.raises(DataError, match="seed = True"):
        RunConfig.from_dict({"seed": True})
