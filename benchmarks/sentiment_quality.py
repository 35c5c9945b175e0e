"""Test accuracy of `SentimentClassifier()` as shipped, compared with a word-pair logistic regression.

    python benchmarks/sentiment_quality.py sst2 --seeds 3
    python benchmarks/sentiment_quality.py imdb
    python benchmarks/sentiment_quality.py imdb --json-folder FOLDER     (train.jsonl.gz, test.jsonl.gz)

The epoch is chosen on validation; the test set is looked at once a seed. IMDB has no validation set: a tenth of the
training reviews is held out. Prints one line per seed, the mean and spread, and writes everything as JSON with --out.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import rnnkit
from rnnkit import datasets


def load(data, folder):
    if folder is None:
        return datasets.load(data)
    train, valid = datasets.read_jsonl(Path(folder) / "train.jsonl.gz").split(0.1, seed=0)
    return datasets.Splits(train, valid, datasets.read_jsonl(Path(folder) / "test.jsonl.gz"))


def word_pairs(splits):
    """Test accuracy of a logistic regression on words and word pairs, its strength chosen on validation."""
    best = (0.0, None)
    for strength in (0.01, 0.03, 0.1, 0.3, 1.0):
        pairs = CountVectorizer(ngram_range=(1, 2), binary=True, min_df=2, token_pattern=r"\S+")
        model = make_pipeline(pairs, LogisticRegression(C=strength, max_iter=300))
        model.fit(splits.train["text"], splits.train["label"])
        best = max(best, (model.score(splits.valid["text"], splits.valid["label"]), model), key=lambda pair: pair[0])
    return {"valid": best[0], "test": best[1].score(splits.test["text"], splits.test["label"])}


def one_seed(splits, seed, cell, verbose):
    keras.utils.set_random_seed(seed)
    model = rnnkit.SentimentClassifier(cell=cell)
    start = time.perf_counter()
    history = model.fit(splits.train, validation_data=splits.valid, verbose=verbose)
    seconds = time.perf_counter() - start
    valid, test = (model.evaluate(part, verbose=0, return_dict=True)["accuracy"] for part in splits[1:])
    return {"seed": seed, "valid": valid, "test": test, "epochs": len(history.epoch), "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=["sst2", "imdb", "sentiment-sample"])
    parser.add_argument("--json-folder")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--verbose", type=int, default=2)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    splits = load(arguments.data, arguments.json_folder)
    runs = []
    for seed in range(arguments.seeds):
        runs.append(one_seed(splits, seed, arguments.cell, arguments.verbose))
        print(json.dumps(runs[-1]), flush=True)
    tests = [run["test"] for run in runs]
    spread = statistics.stdev(tests) if len(tests) > 1 else 0.0
    baseline = word_pairs(splits)
    print(f"{arguments.data} {arguments.cell}: test accuracy {statistics.mean(tests):.4f} +- {spread:.4f}")
    print(f"word-pair logistic regression: test accuracy {baseline['test']:.4f}")
    if arguments.out:
        Path(arguments.out).write_text(json.dumps({"runs": runs, "word_pairs": baseline}, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
