import csv
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.datasets import read, read_csv, read_jsonl, read_tsv
from rnnkit.errors import ArgumentError, DataError, DataNotice, in_shell

# What a file cannot hold: half characters, and the control characters that csv itself cannot bring back
printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        content = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0")), printable), min_size=1
    )
)
def test_what_python_writes_as_csv_and_json_comes_back(tmp_path_factory, rows):
    rows = [(text, label) for text, label in rows if label.strip()] or [("text", "label")]
    folder = tmp_path_factory.mktemp("readers")
    with (folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (folder / "data.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert read(folder / "data.csv")["text"] == read(folder / "data.jsonl")["text"] == [text for text, _ in rows]
    assert read(folder / "data.csv")["label"] == [label.strip() for _, label in rows]


def test_columns_by_any_name_in_any_order(write):
    path = write("mine.csv", 'id,stars,review\n1,5,"Loved ""it"",\nand more"\n\n2,1, no \n')
    data = read_csv(path, text="review", label="stars")
    assert data.columns == ("text", "label")
    assert data["text"] == ['Loved "it",\nand more', " no "]
    assert data["label"] == ["5", "1"]
    assert data.name == "mine.csv"
    assert read_csv(path, text="review", label=None).columns == ("text",)


def test_tabs_and_no_header(write):
    path = write("mine.tsv.gz", 'a "quote\t1\n\nplain\t0\n')
    data = read_tsv(path, columns=("text", "label"))
    assert data["text"] == ['a "quote', "plain"]
    assert read(path, columns=("text", "label"))["label"] == ["1", "0"]


def test_json_labels_stay_what_they_are(write):
    path = write("mine.jsonl", '{"t": "a", "y": 1}\n\n{"t": "b", "y": true}\n')
    assert read_jsonl(path, text="t", label="y")["label"] == [1, True]


def test_json_numbers_as_labels(write):
    path = write("stars.jsonl", '{"t": "a", "y": 5.0}\n{"t": "b", "y": 4}\n{"t": "c", "y": 0.5}\n')
    labels = read(path, text="t", label="y")["label"]
    assert labels == [5, 4, 0.5]
    assert [type(label) for label in labels] == [int, int, float]
    one = write("doccano.jsonl", '{"text": "a", "label": ["good"]}\n')
    assert read(one)["label"] == ["good"]
    for wrong in ("NaN", "Infinity", '["good", "long"]', "{}"):
        with pytest.raises(DataError, match="line 1: a label is text, bool or a number; found"):
            read_jsonl(write("odd.jsonl", f'{{"text": "a", "label": {wrong}}}\n'))


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_the_delimiter_is_found(delimiter, write):
    path = write("a.csv", 'id,text,label\n1,"so. so; or | not\t",1\n2,fine,0\n'.replace(",", delimiter))
    assert read(path)["text"] == ["so. so; or | not\t", "fine"]
    assert read(path, delimiter=delimiter)["label"] == ["1", "0"]
    with pytest.raises(DataError, match="no column 'text'"):
        read(path, delimiter="&")
    for wrong in ("", ";;", '"', 3):
        with pytest.raises(ArgumentError, match="delimiter: expected one character"):
            read_csv(path, delimiter=wrong)


def test_no_header(write):
    path = write("nohead.csv", '"good, really",1\nbad,0\n')
    with pytest.raises(DataError, match="its columns are: .*header=False") as raised:
        read(path)
    assert "--no-header" in raised.value.told(in_shell)
    assert read(path, header=False)["text"] == ["good, really", "bad"]
    assert read(path, columns=("label", "text"))["label"] == ["good, really", "bad"]
    assert read(path, columns=("text", "label"), header=True)["text"] == ["bad"]
    with pytest.raises(DataError, match="line 1: expected 2 cells, found 3.*columns="):
        read(write("three.csv", "1,good,1\n"), header=False)
    other = write("semicolons.csv", "good, really;1\nbad;0\n")
    assert read(other, header=False, delimiter=";")["label"] == ["1", "0"]
    with pytest.warns(DataNotice, match="separated by ';'.*delimiter="):
        assert read(write("semicolons.csv", "good;1\nbad;0\n"), header=False)["label"] == ["1", "0"]
    assert read(write("a.tsv", "good\t1\n"), header=False)["label"] == ["1"]


def test_columns_by_number(write):
    path = write("a.csv", "label,n,text\ngood,1,fine\nbad,2,dull\n")
    assert read(path, columns=(2, 0))["text"] == ["fine", "dull"]
    assert read(path, columns=(2, 0), header=False)["label"] == ["label", "good", "bad"]
    assert read(path, columns=(2,), label=None)["text"] == ["fine", "dull"]
    assert read(write("a.tsv", "good\t1\tfine\n"), columns=(2, 0), header=False)["label"] == ["good"]
    with pytest.raises(DataError, match="columns: expected numbers below 3, the columns of .*a.csv, got 3"):
        read(path, columns=(0, 3))
    for wrong in ((), "ab", (0,), (0, 1, 2), (0, "text"), (-1, 0)):
        with pytest.raises(ArgumentError, match="columns: expected the names of all columns, or 2 numbers from 0"):
            read(path, columns=wrong)


def test_a_file_of_old_with_cr_only(write):
    for name, text in {"a.csv": "text,label\rgood,1\r", "a.tsv": "text\tlabel\rgood\t1\r"}.items():
        assert read(write(name, text))["text"] == ["good"]
    assert read(write("a.jsonl", '{"text": "good", "label": 1}\r'))["label"] == [1]


def test_an_encoding_is_advised_to_program_and_shell(write):
    with pytest.raises(DataError, match='encoding="cp1252"') as raised:
        read(write("latin.csv", b"text,label\ncaf\xe9,1\n"))
    assert "--encoding cp1252" in raised.value.told(in_shell)
    assert "encoding=" not in raised.value.told(in_shell)


def test_a_byte_order_mark_and_windows_line_ends(write):
    data = read(write("excel.csv", b"\xef\xbb\xbftext,label\r\ncaf\xc3\xa9,1\r\n"))
    assert (data["text"], data["label"]) == (["café"], ["1"])


def test_another_encoding_when_it_is_named(write):
    path = write("latin.csv", b"text,label\ncaf\xe9,1\n")
    assert read(path, encoding="cp1252")["text"] == ["café"]
    with pytest.raises(ArgumentError, match="encoding.*got 'cp9999'"):
        read(path, encoding="cp9999")


def test_a_very_long_text_leaves_the_csv_module_as_it_was(write):
    limit = csv.field_size_limit()
    text = "word " * 100_000
    assert read(write("long.csv", f"text,label\n{text},1\n"))["text"] == [text]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("a.csv", "review,label\na,1\n", 'no column \'text\'.*"review", "label"'),
        ("a.csv", "text,text,label\na,b,1\n", "more than one column 'text'"),
        ("a.csv", "text,label\na,1\nb\n", "line 3: expected 2 cells, found 1"),
        ("a.csv", "text,label\na,\nb,1\n", "no label on line 2"),
        ("a.csv", 'text,label\n"never closed,1\n', "line 2 is not CSV"),
        ("a.csv", "text,label\n", "no rows"),
        ("a.csv", "", "empty"),
        ("a.csv", b"text,label\ncaf\xe9,1\n", r"not utf-8 text: line 2 holds the byte 0xe9"),
        ("a.csv.gz", b"text,label\na,1\n" * 50, None),
        ("a.tsv", "text\tlabel\na\t1\t2\n", "line 2: expected 2 cells, found 3"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}\n', "line 2 has no field 'label'"),
        ("a.jsonl", '["a", 1]\n', "line 1: expected a JSON object, found list"),
        ("a.jsonl", '{"text": "a", "label": 1\n', "line 1 is not JSON"),
        ("a.jsonl", '{"text": 3, "label": 1}\n', "line 1: expected a text, found int"),
        ("a.jsonl", '{"text": "a", "label": null}\n', "no label on line 1"),
        ("a.jsonl", '{"text": "a", "label": [1]}\n', "line 1: a label is .* found list.*read_entities"),
        ("a.jsonl", '{"text": "\\ud83d", "label": 1}\n', "half a character"),
        ("a.txt", "text", r"ends on one of \.csv, \.tsv"),
    ],
)
def test_bad_files_are_named(write, name, content, named):
    path = write(name, content)
    if named is None:  # a packed file cut short
        path.write_bytes(path.read_bytes()[:-12])
        named = "not a whole .gz file"
    with pytest.raises(DataError, match=named):
        read(path)


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        read(tmp_path / "missing.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read(tmp_path / "folder.csv")
