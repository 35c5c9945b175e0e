"""What a language model of unlabelled text adds to `SentimentClassifier` and `EntityRecognizer`.

    python benchmarks/pretraining.py language --out FOLDER
    python benchmarks/pretraining.py language --corpus biomedical --level characters --units 384 --embedding-dim 64
        --steps 440 --epochs 10 --out FOLDER
    python benchmarks/pretraining.py sst2 --pretrained FOLDER/model.keras --seeds 3
    python benchmarks/pretraining.py sst2 --pretrained FOLDER/model.keras --seeds 3 --labels 200 --rate 1e-3
    python benchmarks/pretraining.py sst2 --labels 200 --unlabelled --set virtual_adversarial=1 --set entropy=0.1
    python benchmarks/pretraining.py imdb --pretrained FOLDER/model.keras --epochs 3 --verbose 2
    python benchmarks/pretraining.py ncbi_disease --pretrained FOLDER/model.keras --set units=200 --verbose 2

The epoch is chosen on validation; the test set is looked at once a seed, with `--test`. `--labels` takes that many
training sentences, drawn by the seed, and `--unlabelled` the others without their labels; `--set` is for any argument
of the classifier, and `fine_tuning`. The language model never reads a test review; a hundredth of its reviews is held
out; the other corpora have no sentence of NCBI disease or WNUT-17. `RNNKIT_DATA_DIR` is where all of them lie. An
interrupted `language` continues from its last epoch.
"""

import argparse
import ast
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import rnnkit
from rnnkit import datasets
from rnnkit.callbacks import Resume
from rnnkit.text.corpus import Corpus

LEVELS = {
    "words": {"lowercase": True, "softmax": "adaptive", "bptt_steps": 48},
    "characters": {"vocabulary_size": 300, "dropout": 0.1, "bptt_steps": 64},
}
TASKS = dict.fromkeys(("ncbi_disease", "wnut17"), (rnnkit.EntityRecognizer, "f1", 2e-3))


def reviews(part):
    read = datasets.read_jsonl(Path(os.environ["RNNKIT_DATA_DIR"]) / "imdb" / f"{part}.jsonl.gz")
    texts = [text.replace("<br />", " ") for text in read["text"]]
    return datasets.Dataset({"text": texts, "label": read["label"]}, name="imdb")


def corpus(name):
    """Texts of IMDB's training reviews; of abstracts, one sentence each; or of tweets."""
    if name == "imdb":
        return reviews("train")
    path = Path(os.environ["RNNKIT_DATA_DIR"]) / "corpora" / f"{name}.txt.gz"
    return datasets.Dataset({"text": Corpus(path, each_line=True).texts()}, name=name)


def language(arguments):
    keras.utils.set_random_seed(0)
    folder = Path(arguments.out)
    folder.mkdir(parents=True, exist_ok=True)
    train, valid = corpus(arguments.corpus).split(0.01, seed=0)
    settings = LEVELS[arguments.level]
    sizes = {"units": arguments.units, "embedding_dim": arguments.embedding_dim}
    model = rnnkit.LanguageModel(arguments.level, direction="both", **sizes, **settings)
    options = {"epochs": arguments.epochs or 4, "batch_size": 64, "verbose": 2}
    if arguments.steps:  # a training of known length, along a cosine
        options |= {"steps_per_epoch": arguments.steps}
        rate = keras.optimizers.schedules.CosineDecay(3e-3, arguments.steps * options["epochs"])
        model.adapt(train)
        model.compile(rnnkit.optimizers.Adam(rate, global_clipnorm=1.0))
    model.fit(train, validation_data=valid, callbacks=[Resume(folder / "resume")], **options)
    model.save(folder / "model.keras")


def labelled(arguments, seed):
    """Training data, and the texts of those without labels; validation data; test data."""
    if arguments.work == "imdb":
        (train, valid), test = reviews("train").split(0.1, seed=0), reviews("test")
    else:
        train, valid, test = datasets.load(arguments.work)
    texts = train[train.columns[0]]
    if arguments.labels is None:
        return (train, texts), valid, test
    chosen = train.sample(arguments.labels, seed=seed)
    return (chosen, [text for text in texts if text not in chosen[0]]), valid, test


def one_seed(arguments, seed):
    (train, others), valid, test = labelled(arguments, seed)
    keras.utils.set_random_seed(seed)
    task, score, rate = TASKS.get(arguments.work, (rnnkit.SentimentClassifier, "accuracy", 5e-4))
    options = {} if arguments.work in TASKS else {"units": arguments.units, "embedding_dim": arguments.embedding_dim}
    if arguments.pretrained:
        options = {"pretrained": arguments.pretrained}
    settings = {name: ast.literal_eval(value) for name, value in (each.split("=") for each in arguments.set)}
    of_fit = {"fine_tuning": settings.pop("fine_tuning")} if "fine_tuning" in settings else {}
    if arguments.unlabelled:
        of_fit["unlabelled"] = others
    model = task(**options, **settings)
    model.compile(rnnkit.optimizers.LazyAdam(arguments.rate or rate))
    start = time.perf_counter()
    epochs = arguments.epochs or "auto"
    options = {"validation_data": valid, "epochs": epochs, "verbose": arguments.verbose}
    history = model.fit(train, **options, **of_fit)
    seconds = time.perf_counter() - start
    parts = {"valid": valid, **({"test": test} if arguments.test else {})}
    scores = {name: model.evaluate(part, verbose=0, return_dict=True)[score] for name, part in parts.items()}
    return {"seed": seed, **scores, "epochs": len(history.epoch), "seconds": round(seconds)}


def measure(arguments):
    runs = []
    for seed in range(arguments.seeds):
        runs.append(one_seed(arguments, seed))
        print(json.dumps(runs[-1]), flush=True)
    for part in ("valid", "test") if arguments.test else ("valid",):
        scores = [run[part] for run in runs]
        spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
        print(f"{part} score {statistics.mean(scores):.4f} +- {spread:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=["language", "sst2", "imdb", *TASKS])
    parser.add_argument("--out")
    parser.add_argument("--corpus", choices=["imdb", "biomedical", "tweets"], default="imdb")
    parser.add_argument("--level", choices=LEVELS, default="words")
    parser.add_argument("--steps", type=int, help="of an epoch of the language model; default: a pass")
    parser.add_argument("--pretrained")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--embedding-dim", type=int, default=128)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--rate", type=float, help="default: 5e-4 for texts, 2e-3 for entities")
    parser.add_argument("--labels", type=int)
    parser.add_argument("--unlabelled", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--verbose", type=int, default=0)
    arguments = parser.parse_args()
    (language if arguments.work == "language" else measure)(arguments)


if __name__ == "__main__":
    main()
