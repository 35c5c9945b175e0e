"""TensorFlow without its start-up noise."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def quiet_start():
    """Holds back what native libraries write to standard error while they load; shown after all if loading fails."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def start_tensorflow(device: str, devices: int = 1) -> str:
    """Loads TensorFlow in silence and chooses the devices; see `rnnkit.devices.use_device`."""
    from rnnkit.recurrent.devices import use_device

    with quiet_start():
        import tensorflow  # noqa: F401

        return use_device(device, devices)
