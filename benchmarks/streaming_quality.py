"""What it costs to answer before the whole text is there, on the generated samples.

    python benchmarks/streaming_quality.py --epochs 8

A tagger of both directions reads chunks of words with an overlap on both sides, whose tags are thrown away; one that
reads forwards streams, with a look-ahead. A classifier of both directions answers with the mean over chunks; one that
reads forwards streams. Entity F1 and accuracy of the test set, one seed.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import rnnkit
from rnnkit import datasets
from rnnkit.tasks.entities.scores import score_entities

SIZE = 8  # words of a chunk


def chunks(words, overlap):
    """Pieces of a sentence with `overlap` words more on both sides, and where the own words of each are."""
    for start in range(0, len(words), SIZE):
        first = max(0, start - overlap)
        yield words[first : start + SIZE + overlap], slice(start - first, start - first + SIZE)


def tagged_in_chunks(model, sentences, overlap):
    pieces = [list(chunks(words, overlap)) for words in sentences]
    found = iter(model.predict_tags([words for each in pieces for words, _ in each]))
    return [[tag for _, own in each for tag in next(found)[own]] for each in pieces]


def tagged_as_they_come(model, sentences, lookahead):
    stream = model.stream(lookahead)
    return [stream.push(words) + stream.finish() for words in sentences]


def directions(both):
    return "both directions" if both else "forwards"


def taggers(epochs):
    train, valid, test = datasets.load("ner-sample")
    sentences, gold = test["tokens"], test["tags"]
    for both in (True, False):
        keras.utils.set_random_seed(0)
        model = rnnkit.EntityRecognizer(bidirectional=both)
        model.fit(train, validation_data=valid, epochs=epochs, verbose=0)
        found = {"whole sentences": model.predict_tags(sentences)}
        for size in (0, 1, 2, 4):
            name = f"chunks of {SIZE}, overlap {size}" if both else f"stream, look-ahead {size}"
            found[name] = (tagged_in_chunks if both else tagged_as_they_come)(model, sentences, size)
        for name, tags in found.items():
            print(
                f"tagger, {'both directions' if both else 'forwards'}, {name}: F1 {score_entities(gold, tags).f1:.3f}"
            )


def classified_in_chunks(model, texts):
    pieces = [[" ".join(words) for words, _ in chunks(text.split(), 2)] for text in texts]
    return [model.predict(each, verbose=0).mean(axis=0) for each in pieces]


def classified_as_they_come(model, texts):
    found = []
    for text in texts:
        stream = model.stream()
        found.append(stream.push(text)[-1])
    return found


def classifiers(epochs):
    train, valid, test = datasets.load("sentiment-sample")
    for both in (True, False):
        keras.utils.set_random_seed(0)
        model = rnnkit.SentimentClassifier(bidirectional=both)
        model.fit(train, validation_data=valid, epochs=epochs, verbose=0)
        name = f"mean over chunks of {SIZE}, overlap 2" if both else "stream, at the end"
        found = {"whole texts": model.predict(test["text"], verbose=0)}
        found[name] = (classified_in_chunks if both else classified_as_they_come)(model, test["text"])
        for name, scores in found.items():
            right = np.mean(np.array(model.labels)[np.argmax(scores, axis=1)] == test["label"])
            print(f"classifier, {directions(both)}, {name}: accuracy {right:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    given = parser.parse_args()
    taggers(given.epochs)
    classifiers(given.epochs)
