import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import fraction, one_of, positive, whole

NO_NUMBER = [None, True, np.bool_(True), "1", [1], 1j, float("nan")]


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5))
def test_whole_takes_what_lies_within_its_limits(value, least, most):
    if least <= value <= most:
        assert whole("n", value, least, most) == value
    else:
        with pytest.raises(ArgumentError, match=rf"^n: expected a whole number from {least}.*, got {value}\."):
            whole("n", value, least, most)


@given(st.floats())
def test_numbers_lie_in_their_ranges(value):
    for check, within in ((positive, 0 < value < float("inf")), (fraction, 0 <= value < 1)):
        if within:
            assert check("x", value) == value
        else:
            with pytest.raises(ArgumentError, match="^x: expected a .*, got"):
                check("x", value)


@pytest.mark.parametrize("value", [*NO_NUMBER, 1.0, 0, -1])
def test_whole_refuses_what_is_no_positive_integer(value):
    with pytest.raises(ArgumentError, match="^n: expected a positive integer or None, got"):
        whole("n", value, also=" or None")


@pytest.mark.parametrize("value", NO_NUMBER)
@pytest.mark.parametrize("check", [positive, fraction])
def test_what_is_no_number_is_refused(check, value):
    with pytest.raises(ArgumentError, match="^x: expected"):
        check("x", value)


def test_positive_has_a_limit_of_its_own():
    assert positive("x", 1, most=1) == 1
    with pytest.raises(ArgumentError, match="^x: expected a positive number of at most 1, got 1.5"):
        positive("x", 1.5, most=1)


def test_numbers_of_numpy_become_python_s():
    found = [whole("n", np.int64(3)), positive("x", np.float32(0.5)), fraction("x", np.float16(0.25))]
    assert json.dumps(found) == "[3, 0.5, 0.25]"


@pytest.mark.parametrize("value", ["c", None, [], {}])
def test_one_of_names_the_choices(value):
    assert one_of("x", "a", {"a": 1, "b": 2}) == "a"
    with pytest.raises(ArgumentError, match="^x: expected one of a, b, got"):
        one_of("x", value, {"a": 1, "b": 2})


def test_a_long_value_is_shortened():
    with pytest.raises(ArgumentError) as error:
        fraction("x", "a" * 10_000)
    assert len(str(error.value)) < 150


GONE = "import sys\nfor name in ('mido', 'pretty_midi', 'sacrebleu', 'tokenizers'): sys.modules[name] = None\n"
IN_PYTHON = """
import numpy as np
import rnnkit, rnnkit.cli.app
for call, argument in ((rnnkit.Translator, "lstm"), (rnnkit.Piece(np.ones((4, 88), "uint8")).save, "p.mid")):
    try:
        call(argument)
    except ImportError as error:
        print(error)
rnnkit.SentimentClassifier(), rnnkit.EntityRecognizer(), rnnkit.MemoryModel(), rnnkit.MusicGenerator()
"""


def without_extras(code, folder, *arguments):
    command = [sys.executable, "-c", GONE + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_without_the_packages_of_an_extra_one_line_says_what_to_install(tmp_path):
    ended = without_extras("from rnnkit.cli import main; main()", tmp_path, "run", "translation")
    assert ended.returncode == 2
    assert "pip install 'rnnkit[translation]'" in ended.stderr.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_python_says_it_too_and_all_other_tasks_do_without_them(tmp_path):
    ended = without_extras(IN_PYTHON, tmp_path)
    assert ended.returncode == 0, ended.stderr
    translation, music = ended.stdout.splitlines()
    assert "pip install 'rnnkit[translation]'" in translation
    assert "pip install 'rnnkit[music]'" in music
    assert list(tmp_path.iterdir()) == []
