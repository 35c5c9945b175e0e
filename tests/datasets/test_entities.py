"""Tagged sentences in JSON lines: what doccano, Prodigy, spaCy and Hugging Face write."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.datasets import read, read_entities, read_jsonl
from rnnkit.errors import ArgumentError, DataError, DataNotice, in_shell
from rnnkit.tasks.entities.spans import find_spans


@pytest.fixture
def write(tmp_path):
    def write(*records):
        path = tmp_path / "a.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    return write


TEXT = "Ada Lovelace isn't in New-York."
SPANS = [(0, 12, "PER"), (22, 30, "LOC")]
TOKENS = ["Ada", "Lovelace", "is", "n't", "in", "New", "-", "York", "."]
TAGS = ["B-PER", "I-PER", "O", "O", "O", "B-LOC", "I-LOC", "I-LOC", "O"]
OBJECTS = [{"start": start, "end": end, "label": label} for start, end, label in SPANS]
PRODIGY_TOKENS = [(0, 3), (3, 4), (4, 12), (13, 18), (19, 21), (22, 30), (30, 31)]


@pytest.mark.parametrize(
    "record",
    [
        {"text": TEXT, "label": SPANS},
        {"id": 1, "text": TEXT, "labels": SPANS[::-1]},
        {"text": TEXT, "entities": [{"id": 7, "label": c, "start_offset": a, "end_offset": b} for a, b, c in SPANS]},
        {"text": TEXT, "spans": OBJECTS, "answer": "accept"},
        {"text": TEXT, "entities": SPANS},
        [TEXT, {"entities": SPANS}],
        {"text": TEXT, "label": [*SPANS, SPANS[0]]},
        {"tokens": TOKENS, "ner_tags": TAGS},
        {"tokens": TOKENS, "tags": TAGS, "id": "0"},
    ],
)
def test_every_form(record, write):
    data = read(write(record))
    assert (data["tokens"], data["tags"]) == ([TOKENS], [TAGS])
    assert (data.columns, data.name) == (("tokens", "tags"), "a.jsonl")


def test_the_tokens_of_prodigy_are_kept(write):
    tokens = [{"text": TEXT[a:b], "start": a, "end": b, "id": n} for n, (a, b) in enumerate(PRODIGY_TOKENS)]
    data = read(write({"text": TEXT, "tokens": tokens, "spans": OBJECTS}))
    assert data["tokens"] == [["Ada", "Lovelace", "isn't", "in", "New-York", "."]]
    assert data["tags"] == [["B-PER", "I-PER", "O", "O", "B-LOC", "O"]]


def test_lines_that_were_not_accepted_are_told(write):
    path = write(
        {"text": "Ada", "spans": [{"start": 0, "end": 3, "label": "PER"}], "answer": "accept"},
        {"text": "Ada", "answer": "reject"},
        {"text": "no entity", "answer": "accept"},
    )
    with pytest.warns(DataNotice, match="a.jsonl: line 2 left out: not accepted"):
        assert read(path)["tags"] == [["B-PER"], ["O", "O"]]


def test_spans_within_a_token_are_widened_and_told(write):
    path = write({"text": "Newyorkers left", "label": [[3, 7, "LOC"]]}, {"text": "Ada", "label": [[0, 3, "PER"]]})
    with pytest.warns(DataNotice, match="line 1: entities that begin or end within a token were widened to it"):
        assert read(path)["tags"] == [["B-LOC", "O"], ["B-PER"]]


def test_white_space_at_the_ends_of_a_span_is_no_border(write):
    assert read(write({"text": "to Ada now", "label": [[2, 7, "PER"]]}))["tags"] == [["O", "B-PER", "O"]]


def test_an_own_tokenizer(write):
    path = write({"text": "Mr. O'Brien left", "label": [[4, 11, "PER"]]})
    assert read(path, tokenizer=str.split)["tokens"] == [["Mr.", "O'Brien", "left"]]
    assert read(path, tokenizer=str.split)["tags"] == [["O", "B-PER", "O"]]
    with pytest.raises(DataError, match="line 1: tokenizer: expected tokens of the text in their order, got .O'Brien"):
        read(path, tokenizer=lambda text: text.split()[::-1])


def test_numbers_with_names(write):
    path = write({"tokens": ["Ada", "left"], "ner_tags": [1, 0]})
    assert read(path, names=["O", "B-PER"])["tags"] == [["B-PER", "O"]]
    with pytest.raises(DataError, match="its tags are numbers.*names=") as raised:
        read(path)
    assert "--names O,B-PER,I-PER" in raised.value.told(in_shell)
    with pytest.raises(DataError, match="a number from 0 to 0, which have names, found 1"):
        read(path, names=["O"])


def test_fields_of_other_names(write):
    path = write({"body": "Ada left", "marks": [[0, 3, "PER"]]})
    assert read_entities(path, text="body", spans="marks")["tags"] == [["B-PER", "O"]]
    path = write({"words": ["Ada"], "bio": ["B-PER"]})
    assert read_entities(path, tokens="words", tags="bio")["tags"] == [["B-PER"]]


def test_texts_with_labels_are_no_entities(write):
    path = write({"text": "Ada left", "label": ["news"]})
    assert read(path)["label"] == ["news"]
    with pytest.raises(DataError, match="read_entities"):
        read_jsonl(write({"text": "Ada left", "label": [[0, 3, "PER"]]}))
    with pytest.raises(ArgumentError, match="colour: .* is read by read_entities, whose options are text, spans"):
        read(write({"text": "Ada", "entities": []}), colour="red")
    both = write({"text": "Ada", "entities": [], "label": "news"})
    assert read(both, label="label")["label"] == ["news"]


def test_lines_without_tokens_are_told(write):
    with pytest.warns(DataNotice, match="lines 1, 3 left out: no tokens"):
        data = read(write({"text": " ", "label": []}, {"text": "Ada", "label": []}, {"text": "", "label": []}))
    assert data["tokens"] == [["Ada"]]


@pytest.mark.parametrize(
    ("record", "named"),
    [
        ({"text": "Ada left", "label": [[0, 3, "A"], [2, 5, "B"]]}, 'entity "a l" from 2 to 5 overlaps another one'),
        ({"text": "Ada left", "label": [[0, 3, "A"], [0, 3, "B"]]}, "overlaps"),
        ({"text": "Ada  left", "label": [[3, 5, "A"]]}, "from 3 to 5 has no token"),
        ({"text": "Ada", "label": [[0, 4, "A"]]}, "within the 3 characters of the text, found .0, 4, 'A'."),
        ({"text": "Ada", "label": [[-1, 2, "A"]]}, "within the 3 characters"),
        ({"text": "Ada", "label": [[2, 2, "A"]]}, "within the 3 characters"),
        ({"text": "Ada", "label": [[0, 3]]}, "expected an entity as .start, end, type.*found .0, 3."),
        ({"text": "Ada", "label": [[0, 3, " "]]}, "expected an entity"),
        ({"text": "Ada", "label": [[0, True, "A"]]}, "expected an entity"),
        ({"text": "Ada", "spans": [{"start": 0, "label": "A"}]}, "expected an entity"),
        ({"text": 3, "spans": []}, "expected a text in the field 'text', found int"),
        ({"entities": []}, "no field 'text'"),
        ({"text": "Ada"}, "no field 'spans'"),
        ({"tokens": ["a", "b"], "ner_tags": ["O"]}, "a tag for each of 2 tokens, none empty, found 1"),
        ({"tokens": ["a", ""], "ner_tags": ["O", "O"]}, "none empty"),
        ({"tokens": ["a", 3], "ner_tags": ["O", "O"]}, "expected a token, found int"),
        ({"tokens": ["a"], "ner_tags": [True]}, "expected a tag, found bool"),
        ({"text": "Ada", "spans": [], "tokens": [{"start": 0, "end": 2}, {"start": 1, "end": 3}]}, "tokens overlap"),
        ({"text": "Ada", "spans": [], "tokens": [[0, 1]]}, "expected tokens with start and end"),
    ],
)
def test_what_cannot_be_tagged_is_named(record, named, write):
    with pytest.raises(DataError, match=f"a.jsonl, line 1.*{named}"):
        read_entities(write(record))


def test_a_file_without_lines(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(DataError, match="no line with tokens"):
        read_entities(tmp_path / "a.jsonl")


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=3), st.sampled_from(["", "X", "Y"])), min_size=1))
def test_spans_of_whole_words_come_back(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("spans") / "a.jsonl"
    text, spans, expected = "", [], []
    for place, (word, label) in enumerate(parts):
        if label:
            spans.append([len(text), len(text) + len(word), label])
            expected.append((label, place, place + 1))
        text += word + " "
    path.write_text(json.dumps({"text": text, "label": spans}))
    data = read(path)
    assert data["tokens"] == [[word for word, _ in parts]]
    assert [tuple(span) for span in find_spans(data["tags"][0])] == expected
