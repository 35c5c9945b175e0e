import threading
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit import compat, workers
from rnnkit.datasets import Dataset
from rnnkit.errors import DataError
from rnnkit.tasks.shares import answered_by_all, encoded_by_all

TEXTS = ["a good film", "bad", "not a bad plot at all", "good good good good good", "dull", "a plot", "film"]
SENTENCES = [text.split() for text in TEXTS]
SIZES = {"units": 2, "embedding_dim": 2}
TASKS = {
    "sentiment": (rnnkit.SentimentClassifier(**SIZES), (TEXTS, [len(text) % 2 for text in TEXTS])),
    "ner": (rnnkit.EntityRecognizer(**SIZES), (SENTENCES, [["B-X"] + ["O"] * (len(words) - 1) for words in SENTENCES])),
    "translation": (rnnkit.Translator(**SIZES, tokenization="words"), (TEXTS, TEXTS[::-1])),
    "memory": (rnnkit.MemoryModel(target="symbols", units=2), ([[0, 1] * len(each) for each in SENTENCES],) * 2),
    "language model": (rnnkit.LanguageModel(**SIZES, tokenization="words"), (TEXTS,)),
}


@pytest.fixture
def together(monkeypatch):
    """Calls a function for each of several workers, in threads that hear each other, with a strategy of each."""

    def run(count, work):
        barrier, said, found = threading.Barrier(count, timeout=20), {}, [None] * count
        spec = SimpleNamespace(as_dict=lambda: {"worker": [""] * count})

        def exchanged(strategy, message):
            said[strategy.cluster_resolver.task_id] = message
            barrier.wait()
            heard = [said[number] for number in range(count)]
            barrier.wait()
            return heard

        def worker(number):
            resolver = SimpleNamespace(task_id=number, cluster_spec=lambda: spec)
            try:
                found[number] = work(SimpleNamespace(cluster_resolver=resolver))
            except Exception as error:
                found[number] = error

        monkeypatch.setattr(compat, "is_shared", lambda strategy: True)
        monkeypatch.setattr(workers, "_exchanged", exchanged)
        threads = [threading.Thread(target=worker, args=(number,)) for number in range(count)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return found

    return run


@pytest.mark.parametrize("count", [2, 9])
@pytest.mark.parametrize("name", TASKS)
def test_batches_of_rows_that_each_worker_has_encoded_are_those_of_one_process(together, name, count):
    model, columns = TASKS[name]
    data = model.read(*columns)
    if model.network is None:
        model.adapt(data)
    encoded = []

    def encode(own):
        encoded.append(len(own))
        return model.encode_to_serve(own)

    made = together(count, lambda strategy: encoded_by_all(strategy, data, encode))
    whole = model.make_batches(**model.encoded(data), batch_size=3)
    parts = [model.make_batches(**each, batch_size=3) for each in made]
    sizes = [len(rows) for rows in np.array_split(range(7), count)]
    assert sorted(encoded) == sorted(max(1, size) for size in sizes)  # where there are no rows, one for its shape
    for index in range(whole.num_batches):
        shared = [each.part(index, number, count) for number, each in enumerate(parts)]
        owners = np.repeat(range(count), sizes)[whole.rows(index)]
        order = np.argsort(owners, kind="stable")
        expected = keras.tree.map_structure(lambda array, order=order: array[order], whole[index])
        keras.tree.map_structure(np.testing.assert_array_equal, joined(shared), expected)


def joined(parts):
    """The columns of several parts of a batch, one after the other."""
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)


@pytest.mark.parametrize("count", [2, 9])
def test_answers_come_in_the_order_of_the_rows(together, count):
    data = Dataset({"text": TEXTS})
    lengths = together(count, lambda each: answered_by_all(each, data, lambda own: np.array([*map(len, own["text"])])))
    letters = together(
        count, lambda each: answered_by_all(each, data, lambda own: [np.array([*text]) for text in own["text"]])
    )
    for number in range(count):
        assert lengths[number].tolist() == [len(text) for text in TEXTS]
        assert ["".join(each) for each in letters[number]] == TEXTS


def test_all_workers_raise_what_is_wrong_with_the_rows_of_one(together):
    model, _ = TASKS["memory"]
    data = Dataset({"sequence": [[0]] * 5 + [[float("nan")]]})
    found = together(2, lambda strategy: answered_by_all(strategy, data, lambda own: model.encode(own, target=False)))
    said = [(type(each), str(each)[:80]) for each in found]
    assert said == [(DataError, "worker 1, whose row 0 is row 3: x: expected finite numbers in every row, got [na")] * 2
