"""What is searched by default, task by task, in the notation of `read_part`.

The ranges lie around the tasks' own defaults and keep a trial on two cores at minutes. What is not named here keeps the
task's default, and any argument of a task can be added.
"""

from typing import Any

from rnnkit.errors import ArgumentError
from rnnkit.tasks import TASKS, Task

SHARED: dict[str, Any] = {
    "cell": ["lstm", "gru", "simple_rnn"],
    "units": [32, 64, 128],
    "layers": [1, 2],
    "dropout": (0.0, 0.6),
    "learning_rate": (3e-4, 1e-2),
    "clipping": ["none", "global_norm", "percentile"],
    "batch_size": [16, 32, 64],
}
OWN: dict[str, dict[str, Any]] = {
    "sentiment": {
        "bidirectional": [True, False],
        "embedding_dim": [64, 128, 256],
        "pooling": ["max", "mean", "attention", "last"],
        "word_dropout": (0.0, 0.3),
    },
    "ner": {
        "units": [50, 100, 200],
        "bidirectional": [True, False],
        "embedding_dim": [50, 100, 200],
        "char_units": [25, 50, 100],
        "word_dropout": (0.0, 0.3),
    },
    "music": {"units": [100, 200, 400]},
    "translation": {
        "cell": ["gru", "lstm"],
        "units": [128, 256, 512],
        "embedding_dim": [128, 256],
        "attention": ["general", "additive"],
        "label_smoothing": (0.0, 0.2),
    },
    "memory": {
        "units": [64, 128, 256],
        "recurrent_initializer": ["orthogonal", "glorot_uniform"],
        "dropout": 0.0,
    },
}
# The range of the threshold, by clipping rule.
THRESHOLDS: dict[str, tuple[float, float]] = {
    "value": (0.01, 1.0),
    "norm": (0.1, 10.0),
    "global_norm": (0.1, 10.0),
    "adaptive": (0.01, 0.16),
    "percentile": (10.0, 90.0),
    "zscore": (1.5, 4.0),
}
OF_TRAINING = ("learning_rate", "clipping", "threshold", "batch_size")  # all others are arguments of the task


def find_task(task) -> tuple[str, type[Task]]:
    """The name and the class of a task, from either.

    Raises:
        ArgumentError: no task.
    """
    if isinstance(task, str) and task in TASKS:
        return task, TASKS[task]
    if not (isinstance(task, type) and issubclass(task, Task)):
        raise ArgumentError(f"task: expected one of {', '.join(TASKS)}, or a class of rnnkit's tasks, got {task!r}.")
    names = [name for name, known in TASKS.items() if issubclass(task, known)]
    return (names or [task.__name__])[0], task


def default_space(task) -> dict[str, Any]:
    """What `tune` searches for a task if nothing else is said.

    Args:
        task: a name of the tasks, or a task's class; a class of your own has the space of the task it is made from.

    Returns:
        Hyperparameter -> a list of choices, or a tuple `(low, high)`. The threshold of clipping depends on the rule,
        see `THRESHOLDS`.
    """
    return {**SHARED, **OWN.get(find_task(task)[0], {})}
