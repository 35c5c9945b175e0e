import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.datasets import read, read_conll
from rnnkit.errors import ArgumentError, DataError

# Any Unicode but tabs and line ends, in which a line is written; spaces around a cell are not kept
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n"), min_size=1).filter(
    lambda cell: cell == cell.strip(" ") and not cell.startswith("-DOCSTART-")
)
tags = st.sampled_from(["O", "B-PER", "I-PER", "S-LOC", "E-LOC"])
sentences = st.lists(st.lists(st.tuples(cells, tags), min_size=1), min_size=1)


@pytest.fixture
def write(tmp_path):
    def write(content, name="data.conll"):
        path = tmp_path / name
        content = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@given(sentences, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", " ", "\t", "\u2003"]), st.booleans())
def test_what_was_written_comes_back(tmp_path_factory, sentences, end, blank, last_blank):
    path = tmp_path_factory.mktemp("conll") / "data.conll"
    written = ["".join(token + "\t" + tag + end for token, tag in sentence) for sentence in sentences]
    text = f"{blank}{end}".join(written) + (blank + end if last_blank else "")
    path.write_bytes(text.encode("utf-8-sig"))
    data = read(path)
    assert data["tokens"] == [[token for token, _ in sentence] for sentence in sentences]
    assert data["tags"] == [[tag for _, tag in sentence] for sentence in sentences]


def test_columns_spaces_and_documents(write):
    text = "-DOCSTART- -X- O\n\nU.N. NNP  I-ORG \nofficial NN O\n\n\n"
    text += "-DOCSTART- -X- -X- O\nKelby\u00a0Hill NNP I-PER\n. . O\n"
    data = read_conll(write(text, "data.txt.gz"))
    assert data["tokens"] == [["U.N.", "official"], ["Kelby\u00a0Hill", "."]]
    assert data["tags"] == [["I-ORG", "O"], ["I-PER", "O"]]
    assert data.name == "data.txt.gz"
    assert read_conll(write(text), tag_column=1)["tags"] == [["NNP", "NN"], ["NNP", "."]]
    assert read_conll(write(text), token_column=-2, tag_column=None)["tokens"] == [["NNP", "NN"], ["NNP", "."]]
    assert read_conll(write(text), tag_column=None).columns == ("tokens",)


def test_only_line_feeds_end_a_line(write):
    odd = ["a\u2028b", "\x0b", "\u00a0", "👩‍👩‍👧", "e\u0301", "New York", "#"]
    data = read_conll(write("".join(f"{token}\tO\n" for token in odd)))
    assert data["tokens"] == [odd]


def test_a_separator_of_ones_own(write):
    assert read_conll(write("a,b,O\nc d,e,B-x\n"), separator=",")["tokens"] == [["a", "c d"]]
    with pytest.raises(ArgumentError, match="separator: expected"):
        read_conll(write("a O\n"), separator="")


def test_another_encoding_when_it_is_named(write):
    path = write("café\tO\n".encode("cp1252"))
    assert read_conll(path, encoding="cp1252")["tokens"] == [["café"]]
    with pytest.raises(DataError, match="not utf-8 text: line 1 holds the byte 0xe9.*cp1252"):
        read_conll(path)


@pytest.mark.parametrize("suffix", ["conll", "iob", "bio", "BIO", "conll.gz"])
def test_suffixes_that_read_knows(write, suffix):
    path = write("O Kelby\n", f"data.{suffix}")
    assert read(path, token_column=1, tag_column=0)["tokens"] == [["Kelby"]]


def test_an_option_of_another_reader_is_named(write):
    with pytest.raises(ArgumentError, match="text: .*data.conll is read by read_conll, whose options are token_column"):
        read(write("Kelby O\n"), text="tokens")


@pytest.mark.parametrize(
    ("content", "options", "named"),
    [
        ("", {}, "no sentence"),
        ("\n \n-DOCSTART- O\n", {}, "no sentence"),
        ("\na O\nb c O\n", {}, "line 3: expected 2 columns as on line 2, found 3.*split at spaces"),
        ("a\tO\nNew York\n", {}, r"line 2: expected 2 columns as on line 1, found 1.*'\\t'"),
        ("a\tO\nb\t\n", {}, "line 2: expected a tag in column -1, found nothing"),
        ("a\tO\n \tO\n", {}, "line 2: expected a token in column 0, found nothing"),
        ("a b O\n", {"tag_column": 3}, "tag_column: .* has 3 columns.*from -3 to 2, got 3"),
        ("a b O\n", {"token_column": -4}, "token_column: .* has 3 columns.*got -4"),
        ("a\nb\n", {}, "has 1 column; .*tag_column=None"),
        ("a O\n", {"tag_column": 0}, "both name column 0"),
    ],
)
def test_bad_files_are_named(write, content, options, named):
    with pytest.raises(DataError, match=named):
        read_conll(write(content), **options)
