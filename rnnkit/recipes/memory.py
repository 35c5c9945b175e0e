"""A run on a memory problem."""

from collections.abc import Mapping
from typing import Any

from rnnkit import datasets
from rnnkit.datasets.memory import MEMORY_PROBLEMS, read_name
from rnnkit.recipes.recipe import Recipe


class Memory(Recipe):
    """Generated sequences; the data's name is `PROBLEM-LENGTH`, such as `adding-200`."""

    task = "memory"
    title = "Memory"
    sample = "adding-100"
    headline = ("accuracy", "mse", "loss")

    def splits(self, config):
        return datasets.memory(*read_name(str(config.data)))

    def test_data(self, config):
        return self.splits(config).test

    def model_options(self, config):
        return {"target": MEMORY_PROBLEMS[read_name(str(config.data))[0]].target}


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
