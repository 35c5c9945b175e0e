"""The models without a network, against plain loops; tests/datasets/test_music_data.py has their figures on data."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnkit.errors import DataError
from rnnkit.tasks.music import KeyMarginals, KeyMarkov, baseline_nll

pieces = st.lists(
    arrays("uint8", st.tuples(st.integers(2, 8), st.just(88)), elements=st.just(1), fill=st.just(0)), min_size=1
)


def nll_by_hand(train, test, probability):
    """Key by key and step by step; `probability` counts in (before, after) pairs and in all frames."""
    nats = steps = 0
    for roll in test:
        for before, after in itertools.pairwise(roll):
            steps += 1
            for key in range(88):
                sounds = probability(train, key, before[key])
                nats -= math.log(sounds if after[key] else 1 - sounds)
    return nats / steps


def marginal(train, key, before):
    values = [frame[key] for roll in train for frame in roll]
    return (sum(map(int, values)) + 0.5) / (len(values) + 1)


def chain(train, key, before):
    values = [now[key] for roll in train for last, now in itertools.pairwise(roll) if last[key] == before]
    return (sum(map(int, values)) + 0.5) / (len(values) + 1)


@pytest.mark.parametrize(("model", "probability"), [(KeyMarginals, marginal), (KeyMarkov, chain)])
def test_nll_against_plain_loops(model, probability):
    rng = np.random.default_rng(0)
    train, test = [[rng.integers(0, 2, (size, 88), "uint8") for size in sizes] for sizes in ((5, 1, 3), (2, 4))]
    test[0][:, :40] = 0
    assert model().fit(train).nll(test) == pytest.approx(nll_by_hand(train, test, probability))


@given(pieces)
def test_probabilities_are_those_of_all_steps_but_the_first(rolls):
    for model in (KeyMarginals().fit(rolls), KeyMarkov().fit(rolls)):
        for roll in rolls:
            found = model.probabilities(roll)
            assert found.shape == (len(roll) - 1, 88)
            assert ((found > 0) & (found < 1)).all()


def test_a_chain_beats_the_marginals_where_keys_are_held():
    rolls = [np.repeat(np.eye(88, dtype="uint8")[40:44], 8, axis=0)] * 3
    found = baseline_nll(rolls, rolls)
    assert list(found) == ["train marginals", "per-key Markov chain"]
    assert found["per-key Markov chain"] < found["train marginals"] / 2


def test_pieces_of_one_step_have_nothing_to_predict():
    with pytest.raises(DataError, match="at least two steps"):
        KeyMarkov().fit([np.zeros((3, 88), "uint8")]).nll([np.zeros((1, 88), "uint8")])
