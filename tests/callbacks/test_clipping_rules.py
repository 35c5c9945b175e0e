import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.callbacks import (
    AdaptiveClip,
    ClippingRule,
    GlobalNormClip,
    GradientStep,
    NormClip,
    PercentileClip,
    ValueClip,
    ZScoreClip,
)
from rnnkit.callbacks.clipping_rules import RULES, make_rule
from rnnkit.errors import ArgumentError

norms_of_steps = st.lists(st.floats(2**-10, 1024, width=32), min_size=1, max_size=40)


def step_of(gradients, weights=None, number=0):
    """A `GradientStep` of NumPy arrays, as the train step would make it."""
    norms = [float(np.linalg.norm(g)) for g in gradients]
    return GradientStep(
        [tf.constant(g, tf.float32) for g in gradients],
        [tf.Variable(w, dtype=tf.float32) for w in (gradients if weights is None else weights)],
        [tf.constant(norm) for norm in norms],
        tf.constant(float(np.linalg.norm(norms))),
        tf.constant(number, tf.int64),
    )


def clip(rule, gradients, weights=None, number=0):
    clipped, threshold, _ = rule.clip(step_of(gradients, weights, number), rule.initial_state())
    return [each.numpy() for each in clipped], float(threshold)


def thresholds_of(rule, totals):
    """The thresholds and clipped norms that a rule gives for a sequence of global norms."""
    state, thresholds, clipped = rule.initial_state(), [], []
    for total in totals:
        gradients, threshold, state = rule.clip(step_of([np.array([total])]), state)
        state = {name: value.numpy() for name, value in state.items()}
        thresholds.append(float(threshold))
        clipped.append(float(abs(gradients[0][0])))
    return np.array(thresholds), np.array(clipped)


@pytest.fixture
def gradients():
    random = np.random.default_rng(0)
    return [random.normal(size=shape) * size for shape, size in (((4, 3), 2.0), ((3,), 0.1), ((5, 2, 3), 1.0))]


def test_value_limits_every_element(gradients):
    clipped, threshold = clip(ValueClip(0.3), gradients)
    for new, old in zip(clipped, gradients, strict=True):
        np.testing.assert_allclose(new, np.clip(old, -0.3, 0.3), rtol=1e-6)
    assert threshold == pytest.approx(0.3)


def test_norm_limits_each_variable(gradients):
    clipped, _ = clip(NormClip(0.5), gradients)
    for new, old in zip(clipped, gradients, strict=True):
        np.testing.assert_allclose(new, old * min(1, 0.5 / np.linalg.norm(old)), rtol=1e-6)
    assert np.linalg.norm(gradients[1]) < 0.5 < np.linalg.norm(gradients[0])  # both sides of the limit are tried


def test_global_norm_scales_all_by_one_factor(gradients):
    total = np.sqrt(sum(np.sum(g**2) for g in gradients))
    clipped, _ = clip(GlobalNormClip(1.5), gradients)
    for new, old in zip(clipped, gradients, strict=True):
        np.testing.assert_allclose(new, old * 1.5 / total, rtol=1e-5)
    untouched, _ = clip(GlobalNormClip(total * 1.01), gradients)
    for new, old in zip(untouched, gradients, strict=True):
        np.testing.assert_array_equal(new, old.astype("float32"))


def agc(gradient, weight, ratio, epsilon=1e-3):
    """Adaptive gradient clipping as in the paper's code: by output column, whole vectors for biases."""
    axes = tuple(range(max(weight.ndim - 1, 1)))
    limit = ratio * np.maximum(np.sqrt(np.sum(weight**2, axis=axes, keepdims=True)), epsilon)
    norm = np.sqrt(np.sum(gradient**2, axis=axes, keepdims=True))
    return np.where(norm > limit, gradient * limit / np.maximum(norm, 1e-30), gradient)


def test_adaptive_limits_units_by_their_weights(gradients):
    random = np.random.default_rng(1)
    weights = [random.normal(size=g.shape) * 3 for g in gradients]
    weights[1][:] = 0
    clipped, threshold = clip(AdaptiveClip(0.2), gradients, weights)
    for new, old, weight in zip(clipped, gradients, weights, strict=True):
        np.testing.assert_allclose(new, agc(old, weight, 0.2), rtol=1e-5)
    assert threshold == pytest.approx(0.2)


def test_adaptive_takes_the_rows_of_an_embedding_as_units():
    random = np.random.default_rng(2)
    weight, values = random.normal(size=(6, 3)), random.normal(size=(2, 3))
    sparse = tf.IndexedSlices(tf.constant(values, tf.float32), tf.constant([4, 1]), tf.constant([6, 3]))
    step = GradientStep([sparse], [tf.Variable(weight, dtype=tf.float32)], [None], None, tf.constant(0))
    (clipped,), _, _ = AdaptiveClip(0.1).clip(step, {})
    limit = 0.1 * np.linalg.norm(weight[[4, 1]], axis=1)
    expected = values * np.minimum(1, limit / np.linalg.norm(values, axis=1))[:, None]
    np.testing.assert_allclose(clipped.values, expected, rtol=1e-5)
    np.testing.assert_array_equal(clipped.indices, [4, 1])


@given(norms_of_steps, st.sampled_from([1.0, 10.0, 37.5, 50.0, 99.0, 100.0]), st.sampled_from([3, 8, 64]))
def test_percentile_is_that_of_the_last_norms(totals, percentile, window):
    thresholds, clipped = thresholds_of(PercentileClip(percentile, window=window), totals)
    for number, total in enumerate(totals):
        seen = np.array(totals[: number + 1][-window:], "float32")
        limit = np.percentile(seen, percentile)
        assert thresholds[number] == pytest.approx(limit, rel=1e-4)
        assert clipped[number] == pytest.approx(min(total, limit), rel=1e-4)


def zclip(totals, z=2.5, decay=0.97, initial=5):
    """ZClip in its reciprocal form, written as a plain loop: mean and variance of the warm-up, then exponential."""
    norms, clipped, mean, variance = [], [], 0.0, 0.0
    for total in np.array(totals, float):
        limited = total
        if len(norms) >= initial:
            deviation = np.sqrt(variance)
            score = (total - mean) / max(deviation, 1e-12)
            limited = min(total, mean + deviation * z**2 / score) if score > z else total
            new = decay * mean + (1 - decay) * limited
            variance = decay * variance + (1 - decay) * (limited - new) ** 2
            mean = new
        norms.append(limited)
        if len(norms) == initial or len(norms) < initial:
            mean, variance = np.mean(norms), np.var(norms)
        clipped.append(limited)
    return np.array(clipped)


@given(st.lists(st.floats(0.5, 50, width=16), min_size=8, max_size=40))
def test_zscore_follows_the_paper(totals):
    totals = np.array(totals) * np.linspace(1, 1.1, len(totals))  # no two equal: a score of 0 / 0 has no answer
    _, clipped = thresholds_of(ZScoreClip(initial_steps=5), totals)
    np.testing.assert_allclose(clipped, zclip(totals), rtol=2e-3)


def test_zscore_clips_an_outlier_harder_the_further_it_is_out():
    calm = list(1 + 0.1 * np.sin(np.arange(30)))
    near, far = (thresholds_of(ZScoreClip(initial_steps=25), [*calm, peak])[1][-1] for peak in (2.0, 20.0))
    assert 1 < far < near < 1.3


@pytest.mark.parametrize("rule", [PercentileClip(50, max_norm=2.0), ZScoreClip(max_norm=2.0)])
def test_the_ceiling_holds_from_the_first_step(rule):
    _, clipped = thresholds_of(rule, [100.0, 50.0, 1.0, 30.0])
    assert (clipped <= 2.0 * (1 + 1e-6)).all()


@pytest.mark.parametrize("rule", [PercentileClip(50, window=4), ZScoreClip(initial_steps=2)])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_norms_that_are_not_finite_never_enter_the_memory(rule, bad):
    with_bad, _ = thresholds_of(rule, [1.0, 2.0, bad, 3.0, 1.5])
    without, _ = thresholds_of(rule, [1.0, 2.0, 3.0, 1.5])
    np.testing.assert_array_equal(with_bad[[0, 1, 3, 4]], without)


def test_a_threshold_may_be_a_schedule(gradients):
    rule = ValueClip(lambda step: 1.0 / (1 + tf.cast(step, tf.float32)))
    assert clip(rule, gradients, number=3)[1] == pytest.approx(0.25)


@pytest.mark.parametrize("name", RULES)
def test_rules_are_made_from_names_classes_and_configurations(name):
    rule = make_rule(name, 0.5 if name != "percentile" else 20)
    again = type(rule).from_config(rule.get_config())
    assert type(again) is RULES[name] is type(make_rule(RULES[name]))
    assert again.get_config() == rule.get_config()
    assert make_rule(rule) is rule


def test_a_rule_of_the_users_own_is_a_class_with_one_method():
    class Halve(ClippingRule):
        def clip(self, step, state):
            return [gradient / 2 for gradient in step.gradients], tf.constant(0.0), state

    clipped, _ = clip(make_rule(Halve), [np.array([2.0])])
    assert clipped[0] == [1.0]
    with pytest.raises(NotImplementedError, match="must override"):
        clip(ClippingRule(), [np.array([2.0])])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("bad", [0, -1.0, float("nan"), float("inf"), True, "1"])
def test_a_threshold_that_is_not_positive_is_refused(name, bad):
    with pytest.raises(ArgumentError, match="expected a positive number"):
        make_rule(name, bad)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("globalnorm",), "rule: unknown rule 'globalnorm'. Choose one of value, norm, global_norm"),
        ((3,), "rule: unknown rule 3"),
        (("value", 1.0, {"window": 3}), "rule: ValueClip does not take"),
        ((NormClip(1.0), 2.0), "threshold: NormClip is an instance of a rule"),
        (("percentile", 101), "percentile: expected a positive number of at most 100"),
        (("percentile", 10, {"window": 0}), "window: expected a positive integer"),
        (("percentile", 10, {"max_norm": 0}), "max_norm: expected a positive number"),
        (("zscore", 2.5, {"decay": 1.5}), "decay: expected a positive number of at most 1"),
        (("zscore", 2.5, {"initial_steps": 0.5}), "initial_steps: expected a positive integer"),
        (("adaptive", 0.1, {"epsilon": 0}), "epsilon: expected a positive number"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        make_rule(*arguments)
