import keras_tuner
import pytest

from rnnkit.tuning import hypermodel
from rnnkit.tuning.tuners import find_algorithm, make_tuner


def drawn(algorithm, seed, folder):
    """The learning rates of a search's first trials."""
    goal = keras_tuner.Objective("val_loss", "min")
    model = hypermodel("memory")
    tuner = make_tuner(find_algorithm(algorithm), model, goal, folder, max_trials=12, epochs=1, seed=seed)
    trials = [tuner.oracle.populate_space(f"{number:04d}") for number in range(4)]
    return [trial["values"]["learning_rate"] for trial in trials]


@pytest.mark.parametrize("algorithm", ["random", "bayesian"])
def test_a_search_is_its_seeds_own(algorithm, tmp_path):
    rates = [drawn(algorithm, seed, tmp_path / f"{number}") for number, seed in enumerate((0, 0, 1, 2, 2**40))]
    assert rates[0] == rates[1]
    others = [rate for each in rates[1:] for rate in each]
    assert len(set(others)) == len(others)
