import pytest

from rnnkit.datasets import read, read_conllu
from rnnkit.errors import DataError

TEXT = """# sent_id = 1
# text = Vámonos a Kelby.
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\tv\tNumber=Plur\t0\troot\t_\t_
2\tnos\tyo\tPRON\tp\t_\t1\tobj\t_\tSpaceAfter=No|NER=O
2.1\t_\t_\tAUX\t_\t_\t_\t_\t_\t_
3\tNew York\tkelby\tPROPN\tn\t_\t1\tobl\t_\tNER=B-LOC

# sent_id = 2
1\t#\t#\tSYM\t_\t_\t0\troot\t_\t_
"""


@pytest.fixture
def write(tmp_path):
    def write(content, name="a.conllu"):
        (tmp_path / name).write_text(content, encoding="utf-8")
        return tmp_path / name

    return write


def test_words_and_their_tags(write):
    path = write(TEXT)
    assert read(path)["tokens"] == [["Vamos", "nos", "New York"], ["#"]]
    assert read(path)["tags"] == [["VERB", "PRON", "PROPN"], ["SYM"]]
    assert read(path, tag="NER")["tags"] == [["O", "O", "B-LOC"], ["O"]]
    assert read(path, tag="Number")["tags"] == [["Plur", "O", "O"], ["O"]]
    assert read(path, tag="deprel")["tags"] == [["root", "obj", "obl"], ["root"]]


def test_columns_of_conllu_plus(write):
    path = write("# global.columns = ID FORM NE\n1\tKelby\tB-LOC\n", "a.conllup")
    assert read(path, tag="NE")["tags"] == [["B-LOC"]]


@pytest.mark.parametrize(
    ("content", "options", "named"),
    [
        ("", {}, "has no sentence"),
        ("# text = a\n", {}, "has no sentence"),
        ("1 a O\n", {}, "line 1: expected the 10 columns ID FORM.*found 1 cells.*read_conll"),
        ("1\t\ta\tX\tX\t_\t0\troot\t_\t_\n", {}, "none empty"),
        (TEXT, {"tag": "NE"}, "tag: .* has no column or attribute 'NE'"),
        ("# global.columns = ID WORD\n1\ta\n", {}, "line 2: expected the 2 columns"),
    ],
)
def test_what_is_wrong_is_named(content, options, named, write):
    with pytest.raises(DataError, match=named):
        read_conllu(write(content), **options)
