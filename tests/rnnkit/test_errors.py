"""What an error advises, in the words of a program and of the shell."""

import pickle

import pytest

from rnnkit.errors import DataError, ModelFileError, WriteError, in_shell

ADVICE = "Pass <encoding=cp1252> or <columns>."


@pytest.mark.parametrize("kind", [DataError, ModelFileError, WriteError])
def test_advice_is_for_who_reads_it(kind):
    error = kind("a.csv, <b=c>: no.", advice=ADVICE)
    assert str(error) == 'a.csv, <b=c>: no. Pass encoding="cp1252" or columns=.'
    assert error.told(in_shell) == "a.csv, <b=c>: no. Pass --encoding cp1252 or --columns."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(kind("no.")) == kind("no.").told(in_shell) == "no."


@pytest.mark.parametrize(
    ("argument", "python", "shell"),
    [
        ("<delimiter=;>", 'delimiter=";"', "--delimiter ';'"),
        ("<delimiter=,>", 'delimiter=","', "--delimiter ,"),
        ("<columns=0,2>", "columns=(0, 2)", "--columns 0,2"),
        ("<columns=text,label>", 'columns=("text", "label")', "--columns text,label"),
        ("<header=False>", "header=False", "--no-header"),
        ("<tag_column=1>", "tag_column=1", "--tag-column 1"),
        ("<comment=None>", "comment=None", "--no-comment"),
    ],
)
def test_values_are_written_as_they_are_typed(argument, python, shell):
    error = DataError("", advice=argument)
    assert (str(error), error.told(in_shell)) == (python, shell)


def test_a_shell_has_no_x_and_no_y():
    told = [DataError(f"{name}: a.txt holds no text.").told(in_shell) for name in ("x", "y", "max")]
    assert told == ["data: a.txt holds no text."] * 2 + ["max: a.txt holds no text."]
    assert str(DataError("x: a.txt holds no text.")) == "x: a.txt holds no text."
