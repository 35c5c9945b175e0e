"""Every task, small and without dropout, on eleven rows of unlike lengths: in batches of five the last one has one.

For the scripts beside it that run in a process of their own.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

import rnnkit

WORDS = ["good", "bad", "film", "not", "plot", "a", "fine", "dull"]
LENGTHS = [7, 1, 3, 5, 4, 6, 2, 3, 5, 2, 6]
BATCH = 5
ONE_WAY = {"bidirectional": False, "word_dropout": 0.0}
SIZES = {"units": 3, "embedding_dim": 4, "dropout": 0.0}


def tasks():
    """Name -> data as the arguments of `fit`, and the task's class and arguments."""
    random = np.random.default_rng(0)
    sentences = [[WORDS[word] for word in random.integers(0, len(WORDS), length)] for length in LENGTHS]
    texts = [" ".join(sentence) for sentence in sentences]
    symbols = [random.integers(0, 5, length).tolist() for length in LENGTHS]
    verdicts = ["pos" if "good" in sentence else "neg" for sentence in sentences]
    tags = [["B-X" if word in ("good", "bad") else "O" for word in sentence] for sentence in sentences]
    rolls = [(random.random((length, 88)) < 0.1).astype("uint8") for length in LENGTHS]
    backwards = [" ".join(reversed(sentence)) for sentence in sentences]
    return {
        "sentiment": ((texts, verdicts), rnnkit.SentimentClassifier, {**SIZES, "word_dropout": 0.0}),
        "ner": ((sentences, tags), rnnkit.EntityRecognizer, {**SIZES, **ONE_WAY, "char_units": 4}),
        "music": ((rolls,), rnnkit.MusicGenerator, {**SIZES, "head_units": 3, "head_dropout": 0.0}),
        "translation": ((texts, backwards), rnnkit.Translator, {**SIZES, "tokenization": "words"}),
        "memory": ((symbols, [row[::-1] for row in symbols]), rnnkit.MemoryModel, {"target": "symbols", "units": 3}),
    }


def streams():
    """The same of tasks whose batches are cut out of a stream: each text and each series is longer than a batch."""
    random = np.random.default_rng(0)
    texts = [" ".join(WORDS[word] for word in random.integers(0, len(WORDS), 2 * length)) for length in LENGTHS]
    series = [random.normal(size=(length + 8, 1)) for length in LENGTHS]
    windows = {"horizon": 2, "lookback": 4, "units": 3, "dropout": 0.0, "head_dropout": 0.0}
    return {
        "language model": ((texts,), rnnkit.LanguageModel, {**SIZES, "tokenization": "words", "bptt_steps": 4}),
        "forecasting": ((series,), rnnkit.Forecaster, windows),
    }
