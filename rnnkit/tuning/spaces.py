"""What is searched by default, in the notation of `read_part`; what is special about a task is in its spec.

The ranges lie around the tasks' own defaults and keep a trial on two cores at minutes. What is not named here keeps the
task's default, and any argument of a task can be added.
"""

from typing import Any

from rnnkit.tasks import find_task
from rnnkit.tasks.specs import spec_of

SHARED: dict[str, Any] = {
    "cell": ["lstm", "gru", "simple_rnn"],
    "units": [32, 64, 128],
    "layers": [1, 2],
    "dropout": (0.0, 0.6),
    "learning_rate": (3e-4, 1e-2),
    "clipping": ["none", "global_norm", "percentile"],
    "batch_size": [16, 32, 64],
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


def default_space(task) -> dict[str, Any]:
    """What `tune` searches for a task if nothing else is said.

    Args:
        task: a name of the tasks, or a task's class; a class of your own has the space of the task it is made from.

    Returns:
        Hyperparameter -> a list of choices, or a tuple `(low, high)`. The threshold of clipping depends on the rule,
        see `THRESHOLDS`.
    """
    return {**SHARED, **spec_of(find_task(task)[0]).space}
