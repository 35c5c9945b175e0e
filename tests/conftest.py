import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # there is a process for each core already
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts the tests in the background ignores it
settings.register_profile("rnnkit", deadline=None, max_examples=30, derandomize=True)
settings.load_profile("rnnkit")


@pytest.fixture(autouse=True)
def _seeded(request):
    """Every test that has Keras loaded starts from the same seed."""
    import sys

    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture
def public_data():
    """The folder of the public data sets; skips where there is none."""
    folder = os.environ.get("RNNKIT_DATA_DIR")
    if not folder or not os.path.isdir(folder):
        pytest.skip("RNNKIT_DATA_DIR names no folder of public data")
    return folder
