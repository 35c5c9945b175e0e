import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.datasets import read, read_conll
from rnnkit.errors import ArgumentError, DataError, DataNotice

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


def test_columns_picked_together(write):
    path = write("1 Kelby NNP B-LOC\n2 fell VBD O\n")
    data = read_conll(path, columns=(1, -1))
    assert (data["tokens"], data["tags"]) == ([["Kelby", "fell"]], [["B-LOC", "O"]])
    assert read_conll(path, columns=[2]).columns == ("tokens",)
    for wrong in ("13", (), (0, 1, 2), ("0", "1")):
        with pytest.raises(ArgumentError, match="columns: expected the numbers"):
            read_conll(path, columns=wrong)


@pytest.mark.parametrize(
    "head", ["# id 77\tdomain=en\n", "# id 77 en\n", "# sent_id = 3\n# text = a b\n", "#id 3 7 x\n", "#\n"]
)
def test_comments_before_a_sentence_are_told(head, write):
    path = write(f"{head}the _ _ O\nnile _ _ B-LOC\n\n{head}# _ _ O\n")
    with pytest.warns(DataNotice, match=r"for comments, such as line 1, .*comment=\"#\".*comment=None"):
        data = read_conll(path)
    assert data["tokens"] == [["the", "nile"], ["#"]]
    assert read_conll(path, comment="#")["tags"] == [["O", "B-LOC"], ["O"]]


def test_comments_of_documents(write):
    path = write("#begin document (nw/a); part 000\nEU 0 B-ORG\n#end document\n\n#begin document (nw/b)\na 0 O\n")
    with pytest.warns(DataNotice, match="3 lines taken for comments, such as line 1"):
        assert read_conll(path)["tokens"] == [["EU"], ["a"]]


def test_hashtags_are_tokens(write):
    text = "#Kelby B-LOC\n# O\n#now O\n\n#\tO\n\n# O\nfine O\n#rare B-Event\n\n#rare B-Event\n"
    for options in ({}, {"comment": "#"}, {"comment": None}):
        data = read_conll(write(text.replace("\t", " ")), **options)
        assert data["tokens"] == [["#Kelby", "#", "#now"], ["#"], ["#", "fine", "#rare"], ["#rare"]]
    parts_of_speech = "# 1 x\nso RB\n#fun HT\n\n#fun HT\n\n# RB\n"
    assert read_conll(write(parts_of_speech), comment="#")["tokens"] == [["so", "#fun"], ["#fun"], ["#"]]


def test_other_comments_and_none(write):
    path = write("% a O\nKelby O\n% a longer one\nfell O\n")
    assert read_conll(path, comment="%")["tokens"] == [["Kelby", "fell"]]
    assert read_conll(write("# en\nKelby O\n"), comment=None)["tokens"] == [["#", "Kelby"]]


def test_a_file_of_old_with_cr_only(write):
    data = read_conll(write("EU B-ORG\rrejects O\r\rPeter B-PER\r"))
    assert data["tokens"] == [["EU", "rejects"], ["Peter"]]
    assert read_conll(write("a\rb\tO\nc\tO\n"))["tokens"] == [["a\rb", "c"]]


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
        ("a\nb\n", {}, "has 1 column; .*columns="),
        ("a O\n", {"tag_column": 0}, "both to come from column 0"),
        ("a O\n", {"columns": (0, 2)}, "tag_column: .* has 2 columns"),
        ("a b O\n// c\n", {}, 'line 2: expected 3 columns as on line 1, found 2.*comment="//"'),
        ("# only\n# comments\n", {"comment": "#"}, "no sentence"),
    ],
)
def test_bad_files_are_named(write, content, options, named):
    with pytest.raises(DataError, match=named):
        read_conll(write(content), **options)
