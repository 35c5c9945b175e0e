"""The functions over potentials against every path written out, in float64."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import ArgumentError
from rnnkit.layers import CRF, CRFLoss
from rnnkit.layers.crf_paths import best_paths, log_partition, marginals, pair_marginals, path_score, viterbi

LENGTHS = np.array([6, 1, 3, 5, 2], dtype="int32")
SIZES = [1, 2, 5]


def random_crf(labels, seed=0, allowed=None, **kwargs):
    """A built layer with weights of some size."""
    layer = CRF(labels, allowed, **kwargs)
    layer.build((None, None, labels))
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.weights])
    return layer


def random_allowed(labels, seed=0):
    """A constraint that leaves a path at every length: the last label may do anything with itself."""
    rng = np.random.default_rng(seed)
    allowed = {"start": rng.random(labels) < 0.5, "end": rng.random(labels) < 0.5}
    allowed["pairs"] = rng.random((labels, labels)) < 0.6
    allowed["start"][-1] = allowed["end"][-1] = allowed["pairs"][-1, -1] = True
    return allowed


def emissions(labels, lengths=LENGTHS, seed=1):
    return np.random.default_rng(seed).normal(scale=2, size=(len(lengths), max(lengths), labels)).astype("float32")


def is_allowed(path, allowed):
    if not len(path) or allowed is None:
        return True
    moves = all(allowed["pairs"][i][j] for i, j in itertools.pairwise(path))
    return bool(allowed["start"][path[0]] and allowed["end"][path[-1]] and moves)


def all_paths(layer, steps, allowed=None):
    """Every allowed path over the steps (T, K) of one sequence, (P, T), and its score (P,), in float64, best first."""
    start, end, transitions = (np.array(w, "float64") for w in (layer.start, layer.end, layer.transitions))
    paths, scores = [], []
    for path in itertools.product(range(layer.labels), repeat=len(steps)):
        if is_allowed(path, allowed):
            moves = sum(transitions[i, j] for i, j in itertools.pairwise(path))
            score = sum(float(row[label]) for row, label in zip(steps, path, strict=True)) + moves
            paths.append(path)
            scores.append(score + start[path[0]] + end[path[-1]])
    order = np.argsort(-np.array(scores))
    return np.array(paths)[order], np.array(scores)[order]


@pytest.mark.parametrize("labels", SIZES)
@pytest.mark.parametrize("constrained", [False, True])
def test_equals_brute_force_over_all_paths(labels, constrained):
    allowed = random_allowed(labels) if constrained else None
    layer, x = random_crf(labels, allowed=allowed), emissions(labels)
    potentials = layer(x, LENGTHS)
    log_z, chances, pairs = (np.array(f(potentials)) for f in (log_partition, marginals, pair_marginals))
    best, best_score = (np.array(each) for each in viterbi(potentials))
    several, several_scores = (np.array(each) for each in best_paths(potentials, 7))
    for row, length in enumerate(LENGTHS):
        paths, scores = all_paths(layer, x[row, :length], allowed)
        total = np.logaddexp.reduce(scores)
        np.testing.assert_allclose(log_z[row], total, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(best[row, :length], paths[0])
        np.testing.assert_allclose(best_score[row], scores[0], rtol=1e-5, atol=1e-5)
        weights, taken = np.exp(scores - total), np.eye(labels)[paths]
        np.testing.assert_allclose(chances[row, :length], np.einsum("p,ptk->tk", weights, taken), atol=1e-5)
        expected = np.einsum("p,pti,ptj->tij", weights, taken[:, :-1], taken[:, 1:])
        np.testing.assert_allclose(pairs[row, 1:length], expected, atol=1e-5)
        count = min(7, len(paths))
        np.testing.assert_array_equal(several[row, :count, :length], paths[:count])
        np.testing.assert_allclose(several_scores[row, :count], scores[:count], rtol=1e-5, atol=1e-5)
        assert (several_scores[row, count:] == -np.inf).all()


@pytest.mark.parametrize("labels", SIZES)
def test_path_score_is_the_sum_along_the_path(labels):
    layer, x = random_crf(labels), emissions(labels)
    potentials = layer(x, LENGTHS)
    rng = np.random.default_rng(2)
    for padding in (-1, None):
        y = np.full(x.shape[:2], -1)
        expected = []
        for row, length in enumerate(LENGTHS):
            paths, scores = all_paths(layer, x[row, :length])
            chosen = rng.integers(len(paths))
            y[row, :length], y[row, length:] = paths[chosen], paths[chosen][-1] if padding is None else padding
            expected.append(scores[chosen])
        np.testing.assert_allclose(np.array(path_score(potentials, y)), expected, rtol=1e-5, atol=1e-5)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(0, 10**6), st.sampled_from([1, 10, 1000]))
def test_decoded_paths_never_use_a_forbidden_move(lengths, seed, scale):
    allowed = random_allowed(3, seed)
    layer, x = random_crf(3, seed, allowed), scale * emissions(3, lengths, seed)
    labels, scores = (np.array(each) for each in best_paths(layer(x, np.array(lengths)), 4))
    for row, length in enumerate(lengths):
        found = [tuple(path[:length]) for path in labels[row, np.isfinite(scores[row])]]
        assert found
        assert len(set(found)) == len(found)
        assert all(is_allowed(path, allowed) for path in found)


def test_a_constraint_without_a_path_is_said_by_the_score():
    allowed = {"start": [True, False], "end": [False, True], "pairs": [[True, False], [True, True]]}
    potentials = random_crf(2, allowed=allowed)(emissions(2), LENGTHS)
    assert (np.array(viterbi(potentials)[1]) == -np.inf).all()
    chances = np.array(marginals(potentials))
    np.testing.assert_allclose(chances.sum(axis=-1), 1, atol=1e-5)
    assert np.isfinite(np.array(log_partition(potentials))).all()


def test_an_empty_sequence_has_one_empty_path():
    layer, x = random_crf(3), emissions(3, [4, 2])
    y = np.array([[1, 2, 0, 0], [-1, -1, -1, -1]])
    with tf.GradientTape() as tape:
        potentials = layer(x, np.array([4, 0]))
        losses = CRFLoss(reduction="none")(y, potentials)
    assert losses[1] == 0
    both = [np.array(g) for g in tape.gradient(losses, layer.trainable_variables)]
    with tf.GradientTape() as tape:
        alone = CRFLoss(reduction="none")(y[:1], layer(x[:1], np.array([4])))
    for ours, expected in zip(both, tape.gradient(alone, layer.trainable_variables), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert np.array(best_paths(potentials, 2)[1])[1].tolist() == [0, -np.inf]


def long_partition(layer, steps):
    """Log partition and gradient wrt the steps (T, K) by the recursions, in float64."""
    start, end, transitions = (np.array(w, "float64") for w in (layer.start, layer.end, layer.transitions))
    steps = steps.astype("float64")
    forward, backward = [start + steps[0]], [end]
    for row in steps[1:]:
        forward.append(np.logaddexp.reduce(forward[-1][:, None] + transitions, axis=0) + row)
    for row in steps[:0:-1]:
        backward.append(np.logaddexp.reduce(transitions + row + backward[-1], axis=1))
    total = np.logaddexp.reduce(forward[-1] + end)
    return total, np.exp(np.array(forward) + np.array(backward[::-1]) - total)


def test_a_thousand_steps_stay_exact():
    layer, x = random_crf(4), emissions(4, [1000, 700])
    x[1] += 50  # the sums are then far from 0
    lengths = tf.constant([1000, 700])

    @tf.function
    def answers(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            potentials = layer(x, lengths)
            log_z = log_partition(potentials)
        labels, scores = viterbi(potentials)
        return log_z, tape.gradient(log_z, x), marginals(potentials), scores, path_score(potentials, labels)

    log_z, gradient, chances, scores, rescored = map(np.array, answers(x))
    for row, length in enumerate([1000, 700]):
        total, expected = long_partition(layer, x[row, :length])
        np.testing.assert_allclose(log_z[row], total, rtol=1e-6)
        np.testing.assert_allclose(gradient[row, :length], expected, atol=1e-5)
        np.testing.assert_allclose(chances[row, :length], expected, atol=1e-5)
    np.testing.assert_allclose(scores, rescored, rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_unknown_sizes_and_xla_change_nothing(jit_compile):
    layer = random_crf(3, allowed=random_allowed(3))

    def answers(x, lengths):
        potentials = layer(x, lengths)
        return log_partition(potentials), marginals(potentials), *viterbi(potentials), *best_paths(potentials, 3)

    signature = [tf.TensorSpec([None, None, 3]), tf.TensorSpec([None], "int32")]
    compiled = tf.function(answers, input_signature=signature, jit_compile=jit_compile)
    for lengths in (LENGTHS[1:3],) if jit_compile else (LENGTHS, LENGTHS[1:3]):  # XLA compiles for each size anyway
        x = emissions(3, lengths)
        for ours, eager in zip(compiled(x, lengths), answers(x, lengths), strict=True):
            np.testing.assert_allclose(np.array(ours), np.array(eager), atol=1e-5)


@pytest.mark.parametrize("count", [0, -1, 2.0])
def test_best_paths_wants_a_count(count):
    with pytest.raises(ArgumentError, match="count: expected a positive integer"):
        best_paths(np.zeros((1, 2, 3, 3), "float32"), count)


def test_at_the_start_it_is_a_softmax_a_step():
    x = emissions(4)
    potentials = CRF(4)(x)
    np.testing.assert_allclose(np.array(marginals(potentials)), np.array(keras.ops.softmax(x)), atol=1e-6)
