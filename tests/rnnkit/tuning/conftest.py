import numpy as np
import pytest

from rnnkit.datasets import Dataset

SMALL = {"target": "class", "cell": "simple_rnn", "units": 3, "layers": 1, "clipping": "none", "batch_size": 16}


@pytest.fixture(scope="session")
def order():
    """Which of two symbols comes first: training and validation data for `MemoryModel("class")`."""
    rng = np.random.default_rng(0)
    sequences = [rng.permutation(7).tolist() for _ in range(96)]
    data = Dataset({"sequence": sequences, "target": [int(row.index(0) < row.index(1)) for row in sequences]})
    return data[:64], data[64:]


@pytest.fixture(scope="session")
def small():
    """A memory model's space in which only what a test adds is searched, and trials are short."""
    return {**SMALL, "recurrent_initializer": "orthogonal"}
