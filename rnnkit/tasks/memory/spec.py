"""A run on a memory problem."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.datasets.memory import MEMORY_PROBLEMS, read_name
from rnnkit.tasks.baseline import majority_share
from rnnkit.tasks.spec import TaskSpec

OF_TARGET = {"number": ("mse", "min"), "class": ("accuracy", "max"), "symbols": ("crossentropy", "min")}


def chance_of_memory(train: Dataset, data: Dataset) -> dict[str, float]:
    """The best answer that remembers nothing: the mean, the most frequent class, or at each step the odds there."""
    targets, wanted = train["target"], data["target"]
    if np.ndim(targets[0]):
        return {"crossentropy": _step_crossentropy(targets, wanted)}
    squares = (np.asarray(wanted, float) - np.mean(targets)) ** 2
    classes = np.asarray(targets).dtype.kind in "iu"  # or whole numbers: the model knows, and takes its own
    return {"mse": float(squares.mean())} | ({"accuracy": majority_share(targets, wanted)} if classes else {})


def _step_crossentropy(targets, wanted) -> float:
    """Nats a step of `wanted` under how often each symbol stands at each step of `targets`, one of each added."""
    kinds = 1 + max(int(np.max(row)) for row in [*targets, *wanted])
    counts = np.ones((max(len(row) for row in [*targets, *wanted]), kinds))
    for row in targets:
        counts[np.arange(len(row)), np.asarray(row, int)] += 1
    nats = -np.log(counts / counts.sum(axis=1, keepdims=True))
    return math.fsum(float(nats[np.arange(len(row)), np.asarray(row, int)].mean()) for row in wanted) / len(wanted)


class MemorySpec(TaskSpec):
    """Generated sequences; the data's name is `PROBLEM-LENGTH`, such as `adding-200`."""

    task = "memory"
    title = "Memory"
    about = "Show what a cell remembers, and how long."
    time = "7 minutes"
    sample = "adding-100"
    headline = ("accuracy", "mse", "loss")
    space: ClassVar = {
        "units": [64, 128, 256],
        "recurrent_initializer": ["orthogonal", "glorot_uniform"],
        "dropout": 0.0,
    }
    objectives: ClassVar = dict(OF_TARGET.values())
    rules: ClassVar = {"best without memory": chance_of_memory}

    def splits(self, config):
        return datasets.memory(*read_name(str(config.data)))

    def test_data(self, config):
        return self.splits(config).test

    def metric(self, model):
        return OF_TARGET[model.target]

    def data_options(self, config):
        return {"target": MEMORY_PROBLEMS[read_name(str(config.data))[0]].target}

    def model_options(self, config):
        return self.data_options(config)


def worth(metrics: Mapping[str, Any]) -> str:
    """Whether a run's metrics solve its problem, what chance is on it, and when it counts as solved."""
    name, length = read_name(metrics["data"])
    problem, value = MEMORY_PROBLEMS[name], metrics["test"][MEMORY_PROBLEMS[name].metric]
    relation = "above" if problem.metric == "accuracy" else "below"
    solved = "solved" if problem.solved(metrics["test"], length) else "not solved"
    return (
        f"The problem is {solved}: what counts is {problem.metric}, {value:.4f} on test data. An answer that remembers "
        f"nothing reaches {problem.chance(length):.4f}, and {relation} {problem.goal(length):.4f} it counts as solved."
    )
