"""TensorFlow without its start-up noise."""

from rnnkit.compat import quiet_start


def start_tensorflow(device: str, devices: int = 1) -> str:
    """Loads TensorFlow in silence and chooses the devices; see `rnnkit.devices.use_device`."""
    from rnnkit.recurrent.devices import use_device

    with quiet_start():
        import tensorflow  # noqa: F401

        return use_device(device, devices)
