import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.checks import one_of, positive, share, whole
from rnnkit.errors import ArgumentError

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
    for check, within in ((positive, 0 < value < float("inf")), (share, 0 <= value < 1)):
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
@pytest.mark.parametrize("check", [positive, share])
def test_what_is_no_number_is_refused(check, value):
    with pytest.raises(ArgumentError, match="^x: expected"):
        check("x", value)


def test_positive_has_a_limit_of_its_own():
    assert positive("x", 1, most=1) == 1
    with pytest.raises(ArgumentError, match="^x: expected a positive number of at most 1, got 1.5"):
        positive("x", 1.5, most=1)


def test_numbers_of_numpy_become_python_s():
    found = [whole("n", np.int64(3)), positive("x", np.float32(0.5)), share("x", np.float16(0.25))]
    assert json.dumps(found) == "[3, 0.5, 0.25]"


@pytest.mark.parametrize("value", ["c", None, [], {}])
def test_one_of_names_the_choices(value):
    assert one_of("x", "a", {"a": 1, "b": 2}) == "a"
    with pytest.raises(ArgumentError, match="^x: expected one of a, b, got"):
        one_of("x", value, {"a": 1, "b": 2})


def test_a_long_value_is_shortened():
    with pytest.raises(ArgumentError) as error:
        share("x", "a" * 10_000)
    assert len(str(error.value)) < 150


@pytest.mark.parametrize(
    ("code", "extra"),
    [
        ("from rnnkit.cli import main; main()", "translation"),
        ("import rnnkit; rnnkit.Translator()", "translation"),
        ("import rnnkit; rnnkit.Piece(np.ones((4, 88), 'uint8')).save('p.mid')", "music"),
    ],
)
def test_without_the_packages_of_an_extra_one_line_says_what_to_install(code, extra, tmp_path):
    gone = "for name in ('mido', 'pretty_midi', 'sacrebleu', 'tokenizers'): sys.modules[name] = None"
    program = f"import sys\nimport numpy as np\n{gone}\n{code}"
    ended = subprocess.run(
        [sys.executable, "-c", program, "run", extra], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    last = ended.stderr.strip().splitlines()[-1]
    assert f"pip install 'rnnkit[{extra}]'" in last
    assert ended.returncode == (2 if "main()" in code else 1)
    assert list(tmp_path.iterdir()) == []


def test_all_other_tasks_do_without_them(tmp_path):
    gone = "for name in ('mido', 'pretty_midi', 'sacrebleu', 'tokenizers'): sys.modules[name] = None"
    tasks = "rnnkit.SentimentClassifier(), rnnkit.EntityRecognizer(), rnnkit.MemoryModel(), rnnkit.MusicGenerator()"
    subprocess.run([sys.executable, "-c", f"import sys\n{gone}\nimport rnnkit, rnnkit.cli.app\n{tasks}"], check=True)
