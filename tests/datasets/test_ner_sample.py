from collections import Counter, defaultdict

import pytest

from rnnkit import datasets
from rnnkit.datasets.ner_sample import generate, invented_names
from rnnkit.datasets.ner_words import NAMES
from rnnkit.text.learned_tokenizer import LearnedTokenizer, split_fraction
from rnnkit.text.tokenizer import tokenize

LABELS = {"PER", "LOC", "ORG", "DATE"}


def entities(data):
    """The entities of IOB2 tags, as (sentence, first token, token after the last, label)."""
    found = set()
    for row, tags in enumerate(data["tags"]):
        for start, tag in enumerate(tags):
            if tag.startswith("B-"):
                end = start + 1
                while end < len(tags) and tags[end] == "I-" + tag[2:]:
                    end += 1
                found.add((row, start, end, tag[2:]))
    return found


def f1(data, predicted):
    gold, found = entities(data), entities({"tags": predicted})
    return 2 * len(gold & found) / (len(gold) + len(found))


def majority(keys, tags):
    counts = defaultdict(Counter)
    for key, tag in zip(keys, tags, strict=True):
        counts[key][tag] += 1
    return {key: count.most_common(1)[0][0] for key, count in counts.items()}


def flat(column):
    return [value for row in column for value in row]


def shape(token):
    return token[-3:].lower(), token[0].isupper(), token.isdigit()


@pytest.fixture(scope="module")
def sample():
    return generate()


def test_sizes_and_labels(sample):
    assert [len(part) for part in datasets.load("ner-sample")] == [3000, 400, 600]
    for part in sample:
        assert part.columns == ("tokens", "tags")
        assert [len(row) for row in part["tokens"]] == [len(row) for row in part["tags"]]
        counts = Counter(label for *_, label in entities(part))
        assert set(counts) == LABELS
        assert min(counts.values()) > 0.15 * sum(counts.values())
        assert {end - start for _, start, end, _ in entities(part)} == {1, 2, 3, 4}
        assert 5 < part.lengths("tokens")["median"] < 20
        assert part.lengths("tokens")["max"] <= 40


def test_tags_are_iob2(sample):
    for part in sample:
        inside = sum(end - start - 1 for _, start, end, _ in entities(part))
        assert inside == sum(tag.startswith("I-") for tag in flat(part["tags"]))  # every I- continues its entity
        assert {tag[:2] for tag in flat(part["tags"])} == {"O", "B-", "I-"}


def test_some_tokens_are_not_what_our_tokenizer_finds_and_can_be_learned(sample):
    assert 0.005 < split_fraction(tokenize, sample.train["tokens"])[0] < 0.03
    tokens = set(flat(sample.train["tokens"]))
    assert all(any(mark in token[1:-1] for token in tokens) for mark in "'-.")
    learned = LearnedTokenizer.learn(sample.train["tokens"])
    assert split_fraction(learned, sample.test["tokens"])[0] < 0.0005


def test_no_sentence_twice_in_all_parts(sample):
    sentences = [tuple(row) for part in sample for row in part["tokens"]]
    assert len(set(sentences)) == len(sentences)


def test_a_seed_is_a_sample(sample):
    assert generate().test["tokens"] == sample.test["tokens"]
    assert generate(1).test["tokens"] != sample.test["tokens"]


def test_most_names_of_the_test_part_are_new(sample):
    def names(part):
        tokens = part["tokens"]
        return [tuple(tokens[row][a:b]) for row, a, b, label in entities(part) if label != "DATE"]

    known = {tuple(map(str.lower, name)) for name in names(sample.train)}
    for part in (sample.valid, sample.test):
        seen = [tuple(map(str.lower, name)) in known for name in names(part)]
        assert sum(seen) < 0.3 * len(seen)


def test_one_name_has_several_kinds(sample):
    kinds = defaultdict(set)
    for row, start, end, label in entities(sample.train):
        if end == start + 1:
            kinds[sample.train["tokens"][row][start]].add(label)
    assert sum(len(labels) > 1 for labels in kinds.values()) > 200
    assert {"DATE", "PER"} <= kinds["May"]
    assert {"PER", "LOC", "ORG"} <= kinds["Baker"]


def test_words_without_their_context_are_not_enough(sample):
    train, test = sample.train, sample.test
    by_word = majority(flat(train["tokens"]), flat(train["tags"]))
    by_shape = majority(map(shape, flat(train["tokens"])), flat(train["tags"]))
    known = [[by_word.get(token, "O") for token in row] for row in test["tokens"]]
    guessed = [[by_word.get(token) or by_shape.get(shape(token), "O") for token in row] for row in test["tokens"]]
    assert f1(test, test["tags"]) == 1
    assert 0.05 < f1(test, known) <= 0.75
    assert f1(test, known) < f1(test, guessed) <= 0.75


def test_the_words_around_the_names_leave_nothing_open(sample):
    """Sentences that differ in nothing but names have the same tags."""
    names = {name.lower() for name in (*invented_names(), *NAMES["word"], *NAMES["first"])}
    found = defaultdict(set)
    for part in (*sample, *generate(1)):
        for tokens, tags in zip(part["tokens"], part["tags"], strict=True):
            found[tuple("?" if token.lower() in names else token.lower() for token in tokens)].add(tuple(tags))
    assert len(found) < 7000  # of 8000: there are sentences to compare
    assert all(len(tags) == 1 for tags in found.values())
