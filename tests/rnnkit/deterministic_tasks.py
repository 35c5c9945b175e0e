"""Trains every task with `deterministic`, as `rnnkit run` does, and prints a digest of each one's weights as JSON."""

import hashlib
import json

from few_rows import BATCH, tasks  # first: it sets the environment

# isort: split
from rnnkit.datasets import Dataset, Splits
from rnnkit.recurrent.devices import is_deterministic
from rnnkit.study.run import prepare
from rnnkit.tasks import TASKS
from rnnkit.tasks.config import RunConfig

UNITS = 3
CELLS = {"sentiment": "lstm", "ner": "gru", "music": "min_gru", "translation": "simple_rnn", "memory": "min_lstm"}


def digest(name, data):
    rows = Dataset(dict(zip(TASKS[name].columns, data, strict=True)))
    copying = "copy-5" if name == "memory" else None
    config = RunConfig(name, copying, CELLS[name], UNITS, deterministic=True)
    model = prepare(config, Splits(rows, rows, rows))
    model.fit(rows, batch_size=BATCH, epochs=1, verbose=0)
    return hashlib.sha256(b"".join(variable.numpy().tobytes() for variable in model.weights)).hexdigest()


if __name__ == "__main__":
    digests = {name: digest(name, data) for name, (data, *_) in tasks().items()}
    print(json.dumps({**digests, "on": is_deterministic()}))
