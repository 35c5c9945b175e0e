"""Where a model runs (TensorFlow)."""

import functools
import os
import sys

from rnnkit import compat
from rnnkit.errors import DeviceError
from rnnkit.errors.checks import one_of, whole

DEVICES = ("auto", "cpu", "gpu")
MOST = 64  # devices of one machine
DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # of NVIDIA, of AMD, and of either on Windows' Linux
ADVICE = "Install rnnkit[gpu] on a machine with an NVIDIA driver, or use --device cpu."


def check_driver(device: str) -> None:
    """What can be said about `--device gpu` before TensorFlow is loaded, which takes seconds.

    Raises:
        DeviceError: this is Linux, and no driver of a GPU is loaded.
    """
    if device == "gpu" and sys.platform == "linux" and not any(map(os.path.exists, DRIVERS)):
        raise DeviceError(f"device: 'gpu' was asked for, but no driver of a GPU is loaded. {ADVICE}")


def use_device(device: str, count: int = 1) -> str:
    """Makes TensorFlow see only the devices that were asked for; call it before anything has run.

    Args:
        device: `"auto"`, a GPU if there is one; `"cpu"`; or `"gpu"`.
        count: how many of them, for `strategy`; several CPUs are logical ones, which share the cores.

    Returns:
        `"cpu"` or `"gpu"`: what will be used.

    Raises:
        ArgumentError: another name, or a count that is no whole number from 1 to 64.
        DeviceError: `"gpu"` was asked for and TensorFlow sees none, or there are fewer GPUs than asked for.
    """
    one_of("device", device, DEVICES)
    whole("devices", count, most=MOST)
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise DeviceError(f"device: 'gpu' was asked for, but TensorFlow sees no GPU. {ADVICE}")
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    if device == "cpu" or not gpus:
        if count > 1:
            cpu, logical = tf.config.list_physical_devices("CPU")[0], tf.config.LogicalDeviceConfiguration
            tf.config.set_logical_device_configuration(cpu, [logical() for _ in range(count)])
        return "cpu"
    if len(gpus) < count:
        raise DeviceError(f"devices: {count} were asked for, but TensorFlow sees {len(gpus)} GPUs. Ask for fewer.")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return "gpu"


@functools.cache  # two strategies in one process mix up what their devices send each other
def strategy(device: str, count: int):
    """The `tf.distribute.Strategy` in whose `scope()` a model is made that runs on several devices alike.

    Args:
        device: what `use_device` returned.
        count: the devices; of one it is TensorFlow's own default.
    """
    import tensorflow as tf

    if count == 1:
        return tf.distribute.get_strategy()
    return tf.distribute.MirroredStrategy([f"{device.upper()}:{number}" for number in range(count)])


def make_deterministic() -> None:
    """From here on every operation of this process gives the same result twice, or fails; seeds are needed beside it.

    The LSTM and GRU of `rnnkit.layers` then leave cuDNN alone, whose recurrent kernels promise no such thing.
    """
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


def is_deterministic() -> bool:
    """Whether `make_deterministic` was called; False on another backend than TensorFlow."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    return compat.is_op_determinism_enabled()


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpu_in_use() -> bool:
    """Whether TensorFlow has a GPU to run on; False on another backend."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))
