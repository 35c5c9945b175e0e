"""Where a model runs (TensorFlow)."""

from rnnkit.errors import ArgumentError, DeviceError

DEVICES = ("auto", "cpu", "gpu")


def use_device(device: str) -> str:
    """Makes TensorFlow see only the devices that were asked for; call it before anything has run.

    Args:
        device: `"auto"`, a GPU if there is one; `"cpu"`; or `"gpu"`.

    Returns:
        `"cpu"` or `"gpu"`: what will be used.

    Raises:
        ArgumentError: another name.
        DeviceError: `"gpu"` was asked for and TensorFlow sees none.
    """
    if device not in DEVICES:
        raise ArgumentError(f"device: expected one of {', '.join(DEVICES)}, got '{device}'.")
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise DeviceError(
            "device: 'gpu' was asked for, but TensorFlow sees no GPU. Install rnnkit[gpu] on a machine with an NVIDIA "
            "driver, or use --device cpu."
        )
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
        return "cpu"
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return "gpu" if gpus else "cpu"


def gpu_in_use() -> bool:
    """Whether TensorFlow has a GPU to run on; False on another backend."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU"))
