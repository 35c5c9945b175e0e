import io
import tarfile

import pytest

from rnnkit import datasets
from rnnkit.datasets import imdb, ncbi_disease, wnut17
from rnnkit.errors import DataError


def archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def reviews(part, count=20):
    return [
        (f"aclImdb/{part}/{kind}/{i}_{i % 10}.txt", f"{kind} {part} {i}".encode())
        for kind in ("neg", "pos")
        for i in range(count)
    ]


def test_every_data_set_says_what_it_is():
    for name in datasets.names():
        source = datasets.info(name)
        assert source.name == name
        assert source.task
        assert source.description
        assert source.licence
        assert source.homepage
        assert all(len(file.sha256) == 64 and file.url.startswith("https://") for file in source.files)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DataError, match="sentiment-sample, sst2, imdb.*got 'sst3'"):
        datasets.load("sst3")


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("RNNKIT_DATA_DIR", str(tmp_path / "mine"))
    assert datasets.path("sst2") == tmp_path / "mine" / "sst2"
    assert datasets.path("sst2", tmp_path) == tmp_path / "sst2"
    monkeypatch.delenv("RNNKIT_DATA_DIR")
    assert "rnnkit" in str(datasets.path("sst2"))


@pytest.mark.parametrize("name", ["sentiment-sample", "ner-sample"])
def test_a_generated_sample_needs_no_folder(name, tmp_path):
    assert datasets.fetch(name, tmp_path / "none") == tmp_path / "none" / name
    assert not (tmp_path / "none").exists()


def test_imdb_is_read_from_its_archive(tmp_path):
    break_lines = ("aclImdb/train/pos/99_9.txt", "one<br /><br />two é".encode())
    archive(tmp_path / imdb.ARCHIVE, [*reviews("train"), break_lines, *reviews("test", 5)])
    train, valid, test = imdb.read(tmp_path)
    assert (len(train), len(valid), len(test)) == (37, 4, 10)
    texts = train["text"] + valid["text"]
    assert "one\ntwo é" in texts
    for part in (train, valid, test):
        for row in range(len(part)):
            kind = {"negative": "neg", "positive": "pos"}[part[row]["label"]]
            assert part[row]["text"].startswith((kind, "one"))
    assert imdb.read(tmp_path).train["text"] == train["text"]


def test_members_that_try_to_get_out_are_never_written(tmp_path):
    outside = tmp_path / "outside.txt"
    bad = [("../outside.txt", b"x"), (str(outside), b"x"), ("aclImdb/train/pos/../../../../outside.txt", b"x")]
    bad += [("aclImdb/train/pos/7_7.txt", None), ("aclImdb/train/unsup/1_0.txt", b"x")]
    folder = tmp_path / "cache"
    folder.mkdir()
    archive(folder / imdb.ARCHIVE, [*bad, *reviews("train"), *reviews("test")])
    splits = imdb.read(folder)
    assert len(splits.train) + len(splits.valid) == 40
    assert not outside.exists()
    assert [path.name for path in folder.iterdir()] == [imdb.ARCHIVE]


def test_an_archive_that_is_none(tmp_path):
    (tmp_path / imdb.ARCHIVE).write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read"):
        imdb.read(tmp_path)
    archive(tmp_path / imdb.ARCHIVE, reviews("train"))
    with pytest.raises(DataError, match="no reviews"):
        imdb.read(tmp_path)
    whole = (tmp_path / imdb.ARCHIVE).read_bytes()
    (tmp_path / imdb.ARCHIVE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        imdb.read(tmp_path)
    archive(tmp_path / imdb.ARCHIVE, [("aclImdb/train/pos/1_1.txt", b"x" * (imdb.MAX_BYTES + 1))])
    with pytest.raises(DataError, match="at most"):
        imdb.read(tmp_path)


@pytest.mark.parametrize(
    ("source", "files"),
    [
        (wnut17.SOURCE, ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")),
        (ncbi_disease.SOURCE, ("train.tsv", "devel.tsv", "test.tsv")),
    ],
)
def test_tagged_sentences_are_read_from_their_files(source, files, tmp_path):
    assert [file.name for file in source.files] == list(files)
    for number, file in enumerate(files):
        (tmp_path / file).write_text(f"Kelby\tB-x\nlaughed\tO\n\n{number}\tO\n\t\n", encoding="utf-8")
    splits = source.splits(tmp_path)
    for number, part in enumerate(splits):
        assert part["tokens"] == [["Kelby", "laughed"], [str(number)]]
        assert part["tags"] == [["B-x", "O"], ["O"]]
    assert [part.name for part in splits] == [f"{source.name} {part}" for part in ("train", "valid", "test")]


@pytest.mark.realdata
def test_sst2_has_its_published_sizes(public_data):
    splits = datasets.load("sst2")
    assert [len(part) for part in splits] == [6920, 872, 1821]
    assert all(set(part["label"]) == {"negative", "positive"} for part in splits)
    assert sum(label == "positive" for label in splits.train["label"]) == 3610


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "sentences", "entities", "kinds"),
    [
        (
            "wnut17",
            [3394, 1009, 1287],
            [1975, 836, 1079],
            {"corporation", "creative-work", "group", "location", "person", "product"},
        ),
        ("ncbi_disease", [5432, 923, 940], [5145, 787, 960], {"Disease"}),
    ],
)
def test_tagged_sentences_have_their_published_sizes(public_data, name, sentences, entities, kinds):
    splits = datasets.load(name)
    assert [len(part) for part in splits] == sentences
    tags = [[tag for row in part["tags"] for tag in row if tag != "O"] for part in splits]
    assert [sum(tag.startswith("B-") for tag in part) for part in tags] == entities
    assert all({tag[2:] for tag in part} == kinds and {tag[:2] for tag in part} == {"B-", "I-"} for part in tags)
