"""How often training is traced: not once for each length."""

import numpy as np
import pytest

import rnnkit
from rnnkit.tasks.batches import Batches

WORDS = ("good", "bad", "film", "plot", "not", "indeed")


def texts(count, longest, seed):
    """Texts of 1 to `longest` words."""
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, 1 + row % longest)) for row in range(count)]


def sentiment():
    x = texts(61, 20, seed=0)
    return rnnkit.SentimentClassifier(units=3, embedding_dim=3), (x, [f"{len(text) % 2}" for text in x])


def entities():
    x = [text.split() for text in texts(61, 20, seed=0)]
    y = [["B-X" if word == "film" else "O" for word in words] for words in x]
    return rnnkit.EntityRecognizer(units=3, embedding_dim=3, char_units=2), (x, y)


def translation():
    options = {"units": 3, "embedding_dim": 3, "tokenization": "words"}
    return rnnkit.Translator(**options), (texts(61, 20, seed=0), texts(61, 17, seed=1))


def music():
    rolls = np.zeros((61, 20, 88), "uint8")
    rolls[:, ::2, 40] = 1
    return rnnkit.MusicGenerator(units=3, embedding_dim=3, head_units=2), (
        [roll[: 3 + row % 17] for row, roll in enumerate(rolls)],
        None,
    )


def memory(target="number"):
    return rnnkit.MemoryModel(target, units=3), (
        [[row % 5] * (1 + row % 20) for row in range(61)],
        [row % 2 for row in range(61)],
    )


@pytest.mark.parametrize("make", [sentiment, entities, translation, music, memory])
def test_epochs_of_many_lengths_are_traced_once(make, monkeypatch):
    model, (x, y) = make()
    traces = []
    step = type(model).train_step
    monkeypatch.setattr(type(model), "train_step", lambda self, data: traces.append(data) or step(self, data))
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    batches = Batches(**model.encode(model.read(x, y)), batch_size=4, shuffle=True)
    shapes = {str([column.shape for column in batches[index][0].values()]) for index in range(batches.num_batches)}
    assert len(shapes) > 8  # so that a trace a shape would be seen
    assert len(traces) == 1
