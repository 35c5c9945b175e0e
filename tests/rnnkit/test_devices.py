import pytest

from rnnkit.devices import gpu_in_use, use_device
from rnnkit.errors import ArgumentError, DeviceError


def test_the_cpu_is_always_there():
    assert use_device("auto") in ("cpu", "gpu")


def test_an_unknown_device_lists_the_known_ones():
    with pytest.raises(ArgumentError, match="auto, cpu, gpu"):
        use_device("tpu")


def test_a_gpu_that_is_not_there(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    with pytest.raises(DeviceError, match=r"rnnkit\[gpu\]"):
        use_device("gpu")


@pytest.mark.parametrize("found", [[], ["GPU:0"]])
def test_a_gpu_that_is_there_is_in_use(monkeypatch, found):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: found if kind == "GPU" else ["CPU:0"])
    assert gpu_in_use() == bool(found)
