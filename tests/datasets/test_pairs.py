import gzip
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.datasets.multi30k import LANGUAGES, PAIRS, PARTS
from rnnkit.errors import ArgumentError, DataError, DataNotice

sentences = st.text("aAsSß \u00a0", max_size=4)


def upper(text):
    """Case and white space folded in another way than the code under test does."""
    return " ".join(text.split()).upper()


def write(path, text, encoding="utf-8"):
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["pairs.tsv", "deu.txt.gz"])
def test_one_file_of_two_or_three_columns(name, tmp_path):
    text = '\ufeffGo.\tGeh.\tCC-BY 2.0\r\n\r\n "Hi"\u2028!\t Hallo! \nRun\x85\t走れ'
    pairs = datasets.read_pairs(write(tmp_path / name, text))
    assert pairs.columns == ("source", "target")
    assert pairs["source"] == ["Go.", '"Hi"\u2028!', "Run"]
    assert pairs["target"] == ["Geh.", "Hallo!", "走れ"]
    assert pairs.name == name


TATOEBA = "CC-BY 2.0 (France) Attribution: tatoeba.org #1 (someone)"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "1\tI go.\tJe vais.\n2\tyes\toui\n",
            "column 1 holds texts and 2 their translations, .*hold: 0 numbers, 1 texts, 2 texts",
        ),
        ("12\tI go.\t34\tJe vais.\n13\tyes\t35\toui\n", "0 numbers, 1 texts, 2 numbers, 3 texts"),
        ("12\teng\tI go.\t34\tfra\tJe vais.\n13\teng\tyes\t35\tfra\toui\n", "1 the code of a language, 2 texts"),
        ("id\ten\tfr\n1\tI go.\tJe vais.\n2\tyes\toui\n", "its first line is a header; column 1 holds texts and 2"),
        ("English\tFrench\nI go.\tJe vais.\nyes\toui\n", "its first line is a header"),
        ("source_text\ttarget_text\nI go.\tJe vais.\nyes\toui\n", "its first line is a header"),
        (
            "I go.\tJe vais.\tme\nyes\toui\tyou\n",
            "column 0 holds texts, 1 their translations, and what follows",
        ),
        ("I go.\tJe vais.\tme\nyes\toui\n", "column 0 holds texts, 1 their translations, and what follows"),
        (f"I go.\tJe vais.\t{TATOEBA}\nyes\toui\t{TATOEBA}\n", None),
        ("I go.\tJe vais.\nyes\toui\n", None),
    ],
)
def test_which_columns_are_pairs_is_found_and_told(text, told, tmp_path):
    path = write(tmp_path / "a.tsv", text)
    with pytest.warns(DataNotice, match=f"{told}.*columns=.*header=") if told else nullcontext():
        pairs = datasets.read_pairs(path)
    assert (pairs["source"], pairs["target"]) == (["I go.", "yes"], ["Je vais.", "oui"])


def test_marks_alone_are_no_header(tmp_path):
    assert len(datasets.read_pairs(write(tmp_path / "a", "!\t?\n?\t!\n"))) == 2
    with pytest.raises(DataError, match="has no pair"):
        datasets.read_pairs(write(tmp_path / "a", "en\tde\n"), header=True)


def test_columns_that_are_named(tmp_path):
    path = write(tmp_path / "a.tsv", "no\ten\tde\n1\tyes\tja\n2\tgo\tgeh\n")
    assert datasets.read_pairs(path, columns=("de", "en"))["source"] == ["ja", "geh"]
    assert datasets.read_pairs(path, columns=(1, 2), header=True)["source"] == ["yes", "go"]
    assert datasets.read_pairs(path, columns=(1, 2), header=False)["target"] == ["de", "ja", "geh"]
    assert datasets.read_pairs(write(tmp_path / "b", "1\tone\n2\ttwo\n"), columns=(0, 1))["source"] == ["1", "2"]
    assert len(datasets.read_pairs(write(tmp_path / "c", "12\t21\n34\t43\n"))) == 2
    with pytest.raises(DataError, match='columns: expected one column .fr. .*which has: "no", "en", "de"'):
        datasets.read_pairs(path, columns=("en", "fr"))
    with pytest.raises(DataError, match="line 2: expected a column 3, counted from 0, found 3 cells"):
        datasets.read_pairs(path, columns=(1, 3), header=True)
    for wrong in ((0,), "01", (1, 1), (0, "de"), (0, True)):
        with pytest.raises(ArgumentError, match="columns: expected the numbers or the names of two"):
            datasets.read_pairs(path, columns=wrong)
    with pytest.raises(ArgumentError, match="columns, header: expected neither"):
        datasets.read_pairs(path, path, columns=(0, 1))


def test_a_file_of_old_with_cr_only(tmp_path):
    assert datasets.read_pairs(write(tmp_path / "a", "go\tgeh\ryes\tja\r"))["target"] == ["geh", "ja"]


def test_two_files_line_by_line(tmp_path):
    source = write(tmp_path / "a.de", "eins\n\nzwei\tdrei\n \nvier\n")
    target = write(tmp_path / "a.en.gz", "one\n\ntwo\tthree\n\nfour")
    pairs = datasets.read_pairs(source, target)
    assert pairs["source"] == ["eins", "zwei\tdrei", "vier"]
    assert pairs["target"] == ["one", "two\tthree", "four"]


def test_pairs_with_a_blank_side_are_left_out_and_told(tmp_path):
    source = write(tmp_path / "a", "one\ntwo\n\n\nfive\n")
    target = write(tmp_path / "b", "eins\n \ndrei\n\nfünf\n")
    with pytest.warns(UserWarning, match=r"2 pairs \(line 2, 3\) without text or translation left out"):
        assert datasets.read_pairs(source, target)["source"] == ["one", "five"]
    with pytest.warns(UserWarning, match=r"1 pair \(line 2\)"):
        assert len(datasets.read_pairs(write(tmp_path / "c.tsv", "a\tb\nc\t\n"))) == 1


def test_another_encoding(tmp_path):
    path = write(tmp_path / "latin.tsv", "Grüße\tgreetings\n", "cp1252")
    with pytest.raises(DataError, match="line 1 holds the byte 0xfc.*encoding="):
        datasets.read_pairs(path)
    assert datasets.read_pairs(path, encoding="cp1252")["source"] == ["Grüße"]
    with pytest.raises(ArgumentError, match="encoding"):
        datasets.read_pairs(path, encoding="klingon")


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ("a\tb\nc\n", None, "line 2: expected a text, a tab and its translation, found 1 cell.*give it too"),
        ("a\tb\tc\td\n", None, "not clear which columns .*: 0 texts, 1 texts, 2 texts, 3 texts.*columns="),
        ("a\tb\tc\td\na\tb\n", None, "line 2: expected .* in 4 cells, as on line 1, found 2 cells"),
        ("1\tgood day\n2\tyes\n", None, "not clear which .*: 0 numbers, 1 texts.*columns="),
        ("good day\t5\nyes\t3\n", None, "not clear which .*: 0 texts, 1 numbers"),
        ("1\teng\tI go.\n2\teng\tYes.\n", None, "0 numbers, 1 the code of a language, 2 texts"),
        ("\n", None, "has no pair"),
        ("", "", "has no pair"),
        ("a\n\nb\n", "x\n\ny\nz\n", "first has 3 lines and .*second has 4"),
        ("a\nb\n", "x\n", "first has 2 lines and .*second has 1"),
    ],
)
def test_what_is_wrong_with_the_files_is_named(first, second, named, tmp_path):
    files = [write(tmp_path / "first", first)] + ([] if second is None else [write(tmp_path / "second", second)])
    with pytest.raises(DataError, match=named):
        datasets.read_pairs(*files)


def test_files_that_are_not_there(tmp_path):
    there = write(tmp_path / "there", "a\tb\n")
    with pytest.raises(DataError, match="there is no file .*missing"):
        datasets.read_pairs(tmp_path / "missing")
    with pytest.raises(DataError, match="there is no file .*missing"):
        datasets.read_pairs(there, tmp_path / "missing")
    with pytest.raises(DataError, match="is a folder"):
        datasets.read_pairs(tmp_path)


@given(st.lists(sentences, min_size=2, max_size=30), st.floats(0.05, 0.95), st.integers(0, 5))
def test_a_split_keeps_all_pairs_and_no_source_is_on_two_sides(texts, fraction, seed):
    data = Dataset({"source": texts, "target": range(len(texts))})
    distinct = len(set(map(upper, texts)))
    if not 0 < round(fraction * distinct) < distinct:
        with pytest.raises(DataError, match="fraction"):
            datasets.split_pairs(data, fraction, seed)
        return
    rest, part = datasets.split_pairs(data, fraction, seed)
    assert sorted(rest["target"] + part["target"]) == list(range(len(texts)))
    assert all(texts[row["target"]] == row["source"] for side in (rest, part) for row in side)
    kept, held_out = ({*map(upper, side["source"])} for side in (rest, part))
    assert not kept & held_out
    assert len(held_out) == round(fraction * distinct)
    assert [side["target"] for side in datasets.split_pairs(data, fraction, seed)] == [rest["target"], part["target"]]


def test_a_split_that_leaves_nothing_is_refused():
    same = Dataset({"source": ["Go.", "go. "], "target": ["Geh.", "Los."]})
    with pytest.raises(DataError, match="got 0.5 of 1 different sources"):
        datasets.split_pairs(same, 0.5)
    with pytest.raises(DataError, match="fraction"):
        datasets.split_pairs(Dataset({"source": ["a", "b"], "target": ["c", "d"]}), 1.5)


def test_multi30k_has_all_pairs_in_one_folder(tmp_path):
    assert len(PAIRS) == 12
    assert [name for name in datasets.names() if name.startswith("multi30k")] == ["multi30k-de-en"]
    for source, target in PAIRS:
        name = f"multi30k-{source}-{target}"
        assert datasets.is_known(name)
        assert datasets.path(name, tmp_path) == tmp_path / "multi30k"
        files = datasets.info(name).files
        assert {file.name.split(".")[1] for file in files} == {source, target}
        assert [file.name.split(".")[0] for file in files[::2]] == list(PARTS.values())
    digests = {file.sha256 for pair in PAIRS.values() for file in pair.files}
    assert len(digests) == len(LANGUAGES) * len(PARTS)
    assert not datasets.is_known("multi30k-de-de")
    with pytest.raises(DataError, match="multi30k-de-en"):
        datasets.load("multi30k-de-it")


def test_multi30k_is_read_from_its_files(tmp_path):
    for file in PAIRS["fr", "cs"].files:
        write(tmp_path / file.name, f"{file.name} un\ndeux\n")
    splits = PAIRS["fr", "cs"].splits(tmp_path)
    assert [part.name for part in splits] == [f"multi30k-fr-cs {part}" for part in ("train", "valid", "test")]
    assert splits.valid[0] == {"source": "val.fr.gz un", "target": "val.cs.gz un"}


@pytest.mark.realdata
def test_multi30k_has_its_published_sizes(public_data):
    splits, back = datasets.load("multi30k-de-en"), datasets.load("multi30k-en-de")
    assert [len(part) for part in splits] == [29000, 1014, 1000]
    assert all(one["source"] == other["target"] for one, other in zip(splits, back, strict=True))
    assert splits.train[0]["target"] == "Two young, White males are outside near many bushes."
