"""A run on a memory problem."""

import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.datasets.memory import MEMORY_PROBLEMS, memory_problem, read_name, usual_length
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.options import Option
from rnnkit.tasks.parts import PageParts, majority_fraction
from rnnkit.tasks.spec import TaskSpec

OF_TARGET = {"number": ("mse", "min"), "class": ("accuracy", "max"), "symbols": ("crossentropy", "min")}

SEQUENCES = {
    "adding": "[[0.5, 1], [0.9, 0], [0.2, 0], [0.25, 1]]",
    "copy": "[1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]",
    "temporal-order": "[0, 6, 2, 5, 3, 7, 4, 2, 1]",
    "parity": "[1, 0, 1, 1]",
    "selective-copy": "[0, 1, 2, 0, 3, 4, 5, 6, 0, 7, 8, 1, 2, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]",
    "induction-heads": "[3, 16, 7, 2, 16]",
    "listops": "[11, 2, 9, 10, 4, 7, 14, 0, 14]",
    "digits-permuted": "[[0], [0.75], [0.2], [0], [1]]",
    "imdb-bytes": "[65, 32, 102, 105, 110, 101, 32, 102, 105, 108, 109, 46]",
}
PROBLEM = Option(
    "problem",
    "The problem, which says what has to be remembered; default: adding.",
    panel="Data",
    metavar="NAME",
    suggested=tuple(MEMORY_PROBLEMS),
)
LENGTH = Option(
    "length",
    "Time steps of a sequence; for the copy problems blank steps, for parity those of training. Default: 100, or what "
    "is usual for the problem.",
    int,
    panel="Data",
    metavar="N",
)


def chance_of_memory(train: Dataset, data: Dataset) -> dict[str, float]:
    """The best answer that remembers nothing: the mean, the most frequent class, or at each step the odds there."""
    targets, wanted = train["target"], data["target"]
    if np.ndim(targets[0]):
        return {"crossentropy": step_crossentropy(targets, wanted)}
    squares = (np.asarray(wanted, float) - np.mean(targets)) ** 2
    classes = np.asarray(targets).dtype.kind in "iu"  # or whole numbers: the model knows, and takes its own
    return {"mse": float(squares.mean())} | ({"accuracy": majority_fraction(targets, wanted)} if classes else {})


def step_crossentropy(targets, wanted) -> float:
    """Nats per step of `wanted` under how often each symbol stands at each step of `targets`, one of each added.

    A class is a sequence of one step.
    """
    targets, wanted = ([np.atleast_1d(row) for row in rows] for rows in (targets, wanted))
    kinds = 1 + max(int(np.max(row)) for row in [*targets, *wanted])
    counts = np.ones((max(len(row) for row in [*targets, *wanted]), kinds))
    for row in targets:
        counts[np.arange(len(row)), np.asarray(row, int)] += 1
    nats = -np.log(counts / counts.sum(axis=1, keepdims=True))
    return math.fsum(float(nats[np.arange(len(row)), np.asarray(row, int)].mean()) for row in wanted) / len(wanted)


class MemorySpec(TaskSpec):
    """Generated sequences, and real ones; the data's name is `PROBLEM-LENGTH`, such as `adding-200`."""

    task = "memory"
    model = "rnnkit.tasks.memory.model:MemoryModel"
    title = "Memory"
    about = "Show what a cell remembers, and how long."
    time = "7 minutes"
    sample = "adding-100"
    headline = ("accuracy", "mse", "loss")
    options = (PROBLEM, LENGTH)
    shorthands = ("problem", "length")
    examples = (
        "rnnkit run memory --problem copy --length 50 --cell gru --units 64",
        "rnnkit run memory --problem adding --length 200 --set recurrent_initializer=chrono",
        "rnnkit run memory --problem parity --cell simple_rnn --units 32",
    )
    space: ClassVar = {
        "units": [64, 128, 256],
        "recurrent_initializer": ["orthogonal", "glorot_uniform"],
        "dropout": 0.0,
    }
    objectives: ClassVar = dict(OF_TARGET.values())
    rules: ClassVar = {"best without memory": chance_of_memory}

    def resolve(self, values):
        """`problem` and `length` name the data."""
        problem, length = values.pop("problem", None), values.pop("length", None)
        if problem is None and length is None:
            return values
        if values.get("data") is not None:
            raise ArgumentError("problem, length: they choose the data. Leave them out, or leave out data.")
        problem = problem or "adding"
        length = usual_length(problem) if length is None else length
        memory_problem(problem, length)
        return {**values, "data": f"{problem}-{length}"}

    def splits(self, config):
        return datasets.memory(*read_name(str(config.data)))

    def test_data(self, config):
        return self.splits(config).test

    def metric(self, model):
        return OF_TARGET[model.target]

    def data_arguments(self, config):
        return {"target": MEMORY_PROBLEMS[read_name(str(config.data))[0]].target}

    def model_arguments(self, config):
        return self.data_arguments(config)

    def show(self, console, trained, folder, test):
        super().show(console, trained, folder, test)
        console.print(solved_or_not(trained.metrics), highlight=False, soft_wrap=True)
        return f'rnnkit predict {folder} "{SEQUENCES[trained.metrics["data"].rpartition("-")[0]]}"'

    def answers(self, model, texts, as_json):
        """Each text is a JSON list, a sequence of symbols or of lists of numbers; the line is the answer."""
        sequences = [_sequence(text) for text in texts]
        for sequence, answer in zip(sequences, model.answer(sequences), strict=True):
            yield json.dumps({"sequence": sequence, "answer": answer} if as_json else answer)

    def answer_rows(self, model, rows, **options):
        return {"predicted": model.answer(rows, **options)}

    def page(self, folder):
        from rnnkit.report.page import text

        return PageParts(lead=text(solved_or_not(folder.metrics)))


def _sequence(text: str):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"texts: expected a sequence as a JSON list, such as [0, 6, 2, 1], got '{text}'.") from error


def solved_or_not(metrics: Mapping[str, Any]) -> str:
    """Whether a run's metrics solve its problem, what chance is on it, and when it counts as solved."""
    name, length = read_name(metrics["data"])
    problem, value = MEMORY_PROBLEMS[name], metrics["test"][MEMORY_PROBLEMS[name].metric]
    relation = "above" if problem.metric == "accuracy" else "below"
    solved = "solved" if problem.solved(metrics["test"], length) else "not solved"
    return (
        f"The problem is {solved}: {problem.metric} is {value:.4f} on test data. An answer that remembers nothing "
        f"reaches {problem.chance(length):.4f}, and {relation} {problem.goal(length):.4f} the problem counts as solved."
    )
