import contextlib
import ctypes
import functools
import gc
import io
import os
import signal
import sys
import warnings
from typing import NamedTuple
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # there is a process for each core already
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

gc.set_threshold(20_000, 10, 10)  # tracing makes many objects, and each file's are collected after it
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts the tests in the background ignores it
settings.register_profile("rnnkit", deadline=None, max_examples=20, derandomize=True)
settings.load_profile("rnnkit")


MUCH = 200 * 2**20
_trimmed = []  # bytes resident after each time that memory was freed


@functools.cache
def _run_as_traced():
    """TensorFlow rewrites no graph before its first step: in trainings of a few steps that takes longer than it saves.

    What runs in a process of its own (notebooks, several devices, exported files) is rewritten as ever, where it is not
    compared to the last bit with what runs here.
    """
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    gc.collect()
    gc.freeze()  # the modules are here to stay: no need to look through them again and again
    _trimmed.append(_resident())


def _resident():
    """Bytes of memory that this process holds; 0 where the system does not tell."""
    if not os.path.exists("/proc/self/statm"):
        return 0
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _trim():
    """Frees what lies in circles, such as models and their graphs, where it has become much.

    Python counts objects and not their memory, so it comes to them late; to look for them takes up to a second.
    """
    if _trimmed and _resident() > _trimmed[-1] + MUCH:
        gc.collect()
        if hasattr(ctypes.CDLL(None), "malloc_trim"):  # glibc keeps freed memory for itself
            ctypes.CDLL(None).malloc_trim(0)
        _trimmed.append(_resident())


@pytest.fixture(autouse=True)
def _seeded(request):
    """Every test that has Keras loaded starts from the same seed, and leaves no graph that TensorFlow would keep."""
    if "keras" in sys.modules:
        _run_as_traced()
        sys.modules["keras"].utils.set_random_seed(0)
    yield
    if "tensorflow" in sys.modules:
        from rnnkit.study.graphs import free_graphs

        free_graphs()
        _trim()


@pytest.fixture(autouse=True, scope="module")
def _freed(request):
    """What functions of a test file keep in their caches, models mostly, is let go after it."""
    if "keras" in sys.modules:
        _run_as_traced()  # before what the file's own fixtures train
    yield
    for each in vars(request.module).values():
        if hasattr(each, "cache_clear") and each.__module__ == request.module.__name__:
            each.cache_clear()


LONGEST = ("test_notebooks.py", "test_long_runs.py", "test_devices.py", "test_mirrored.py", "test_resume_cli.py")


def pytest_collection_modifyitems(items):
    """The longest tests come first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def untraced():
    """A context in which TensorFlow traces nothing: to trace a few steps of a small model takes longer than they do."""

    @contextlib.contextmanager
    def context():
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Even though the `tf.config.experimental_run_functions_eagerly`")
            tf.config.run_functions_eagerly(True)
            try:
                yield
            finally:
                tf.config.run_functions_eagerly(False)

    return context


@pytest.fixture(scope="module")
def untraced_fits(untraced):
    """Lets every `fit` of a test file run untraced: for what surrounds a training."""
    import keras

    fit = keras.Model.fit

    @functools.wraps(fit)
    def run(self, *arguments, **options):
        with untraced():
            return fit(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "fit", run)
        yield


@pytest.fixture
def untraced_test(untraced):
    """Lets TensorFlow trace nothing in one test."""
    with untraced():
        yield


@pytest.fixture
def traced_fits(untraced_fits):
    """Lets every `fit` of a test be traced in a file whose others are not: for a training of many steps."""
    import keras

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "fit", keras.Model.fit.__wrapped__)
        yield


@pytest.fixture
def own_cells():
    """The table of rnnkit's own cells; what a test adds to it is gone after it, and what was added before is back."""
    from rnnkit.recurrent.table import CELLS

    before = dict(CELLS)
    for key in [key for key, cell in before.items() if not isinstance(cell.home, str)]:
        del CELLS[key]
    yield CELLS
    CELLS.clear()
    CELLS.update(before)


@pytest.fixture
def public_data():
    """The folder of the public data sets; skips where there is none."""
    folder = os.environ.get("RNNKIT_DATA_DIR")
    if not folder or not os.path.isdir(folder):
        pytest.skip("RNNKIT_DATA_DIR names no folder of public data")
    return folder


class Done(NamedTuple):
    """What a command left: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def cli():
    """Runs `rnnkit` as the console script does, but in this process, which has paid for its imports already."""

    def run(*arguments, stdin=b"", cwd=None):
        from rnnkit.cli import main

        given, out, err = (io.TextIOWrapper(io.BytesIO(each), encoding="utf-8") for each in (stdin, b"", b""))
        with (
            mock.patch.multiple(sys, argv=["rnnkit", *map(str, arguments)], stdin=given),
            mock.patch.dict(os.environ, {"COLUMNS": "160", "TERM": "dumb"}),
            contextlib.chdir(cwd or os.curdir),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        said = []
        for stream in (out, err):
            stream.flush()
            said.append(stream.buffer.getvalue().decode())
        return Done(ended.value.code or 0, *said)

    return run
