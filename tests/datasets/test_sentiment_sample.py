from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from rnnkit import datasets
from rnnkit.datasets.sentiment_sample import LONGEST, SHORTEST, generate


def test_sizes_balance_and_lengths():
    for part, size in zip(datasets.load("sentiment-sample"), (4000, 500, 1000), strict=True):
        assert len(part) == size
        assert part["label"].count("positive") == size // 2
        lengths = part.lengths("text")
        assert SHORTEST <= lengths["min"] <= lengths["max"] <= LONGEST


def test_no_review_twice_in_all_parts():
    texts = [text for part in generate() for text in part["text"]]
    assert len(set(texts)) == len(texts)


def test_a_seed_is_a_sample():
    first, again, other = (generate(seed).test["text"] for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_words_without_their_order_are_not_enough():
    train, valid, test = generate()
    scores = []
    for strength in (0.01, 0.1, 1.0, 10.0):
        model = make_pipeline(CountVectorizer(), LogisticRegression(C=strength, max_iter=1000))
        model.fit(train["text"], train["label"])
        scores.append((model.score(valid["text"], valid["label"]), model.score(test["text"], test["label"])))
    assert 0.5 < max(scores)[1] <= 0.80
