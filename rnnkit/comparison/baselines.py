"""What scores without recurrence: rules that need no training, and small networks that cannot count on order.

Each rule takes the training data and the data to score, in the task's columns, and gives metrics as the task's
`evaluate` names them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np

from rnnkit.comparison.networks import BagOfWords, WordConvolution
from rnnkit.datasets import Dataset
from rnnkit.entities.schemes import repair
from rnnkit.entities.scores import score_entities
from rnnkit.music.baselines import KeyMarginals, KeyMarkov
from rnnkit.tasks import Task
from rnnkit.translation.scores import score_translations
from rnnkit.tuning.chance import majority_share

Rule = Callable[[Dataset, Dataset], dict[str, float]]


def most_frequent_label(train: Dataset, data: Dataset) -> dict[str, float]:
    """Says the training data's most frequent label to every text."""
    return {"accuracy": majority_share(train["label"], data["label"])}


def most_frequent_tags(train: Dataset, data: Dataset) -> dict[str, float]:
    """Gives each word the tag that it has most often in training, and O to words that were not seen there."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for words, tags in zip(train["tokens"], train["tags"], strict=True):
        for word, tag in zip(words, repair(tags, "IOB2"), strict=True):
            counts[word][tag] += 1
    known = {word: tags.most_common(1)[0][0] for word, tags in counts.items()}
    found = [[known.get(word, "O") for word in words] for words in data["tokens"]]
    scores = score_entities(data["tags"], found)
    return {"f1": scores.f1, "precision": scores.precision, "recall": scores.recall}


def key_marginals(train: Dataset, data: Dataset) -> dict[str, float]:
    """See `KeyMarginals`."""
    return {"nll": KeyMarginals().fit(train["roll"]).nll(data["roll"])}


def key_markov(train: Dataset, data: Dataset) -> dict[str, float]:
    """See `KeyMarkov`."""
    return {"nll": KeyMarkov().fit(train["roll"]).nll(data["roll"])}


def copied_source(train: Dataset, data: Dataset) -> dict[str, float]:
    """Leaves each text as it is."""
    scores = score_translations(data["source"], data["target"])
    return {"bleu": scores.bleu, "chrf": scores.chrf, "exact_match": scores.exact_match}


def chance_of_memory(train: Dataset, data: Dataset) -> dict[str, float]:
    """The best answer that remembers nothing: the mean, the most frequent class, or at each step the odds there."""
    targets, wanted = train["target"], data["target"]
    if np.ndim(targets[0]):
        return {"crossentropy": _step_crossentropy(targets, wanted)}
    squares = (np.asarray(wanted, float) - np.mean(targets)) ** 2
    return {"accuracy": majority_share(targets, wanted), "mse": float(squares.mean())}


def _step_crossentropy(targets, wanted) -> float:
    """Nats a step of `wanted` under how often each symbol stands at each step of `targets`, one of each added."""
    kinds = 1 + max(int(np.max(row)) for row in [*targets, *wanted])
    counts = np.ones((max(len(row) for row in [*targets, *wanted]), kinds))
    for row in targets:
        counts[np.arange(len(row)), np.asarray(row, int)] += 1
    nats = -np.log(counts / counts.sum(axis=1, keepdims=True))
    return math.fsum(float(nats[np.arange(len(row)), np.asarray(row, int)].mean()) for row in wanted) / len(wanted)


# By task, the one that a model has to leave behind first.
RULES: dict[str, dict[str, Rule]] = {
    "sentiment": {"most frequent label": most_frequent_label},
    "ner": {"most frequent tag of each word": most_frequent_tags},
    "music": {"train marginals": key_marginals, "per-key Markov chain": key_markov},
    "translation": {"source left as it is": copied_source},
    "memory": {"best without memory": chance_of_memory},
}
NETWORKS: dict[str, dict[str, type[Task]]] = {
    "sentiment": {"bag of words": BagOfWords, "convolution": WordConvolution},
}
