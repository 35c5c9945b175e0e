"""The clipping rules that `GradientClipping` knows by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from rnnkit.callbacks.clipping_rule import ClippingRule, JointRule, mapped, now, scaled, shrink
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import positive, whole
from rnnkit.optimizers.sparse import is_sparse


class ValueClip(ClippingRule):
    """Limits every element to `[-threshold, threshold]`.

    Args:
        threshold: a positive number, or a schedule: a function of the step number that gives a scalar tensor, such as
            any `keras.optimizers.schedules.LearningRateSchedule`.
    """

    searched = (0.01, 1.0)

    def __init__(self, threshold: float | Callable = 0.5):
        self.threshold = _number_or_schedule("threshold", threshold)

    def clip(self, step: Any, state: Any):
        limit = now(self.threshold, step.step)
        return [mapped(lambda g: tf.clip_by_value(g, -limit, limit), g) for g in step.gradients], limit, state


class NormClip(ClippingRule):
    """Scales each variable's gradient down to the norm `threshold` where it is longer (Pascanu et al. 2013).

    Args:
        threshold: a positive number or a schedule, as in `ValueClip`.
    """

    searched = (0.1, 10.0)

    def __init__(self, threshold: float | Callable = 1.0):
        self.threshold = _number_or_schedule("threshold", threshold)

    def clip(self, step: Any, state: Any):
        limit = now(self.threshold, step.step)
        pairs = zip(step.gradients, step.norms, strict=True)
        return [scaled(g, shrink(limit, norm)) for g, norm in pairs], limit, state


class GlobalNormClip(JointRule):
    """Scales all gradients by one factor so that their joint norm is at most `threshold` (Pascanu et al. 2013).

    Args:
        threshold: a positive number or a schedule, as in `ValueClip`.
    """

    searched = (0.1, 10.0)

    def __init__(self, threshold: float | Callable = 1.0):
        self.threshold = _number_or_schedule("threshold", threshold)

    def limit(self, step: Any, state: Any):
        return now(self.threshold, step.step), state


class AdaptiveClip(ClippingRule):
    """Limits each unit's gradient to `ratio` times the norm of its weights (AGC, Brock et al. 2021).

    A unit is an output column of a kernel (so each gate's cells apart), a row of an embedding, or a whole bias. The
    paper leaves a network's last layer unclipped and finds ratios from 0.01 to 0.16 useful.

    Args:
        ratio: the largest allowed gradient norm, relative to the weight norm; positive number or schedule.
        epsilon: weight norms below this count as this, so that weights at zero can grow.
    """

    searched = (0.01, 0.16)

    def __init__(self, ratio: float | Callable = 0.01, epsilon: float = 1e-3):
        self.ratio = _number_or_schedule("ratio", ratio)
        self.epsilon = positive("epsilon", epsilon)

    def clip(self, step: Any, state: Any):
        ratio = now(self.ratio, step.step)
        pairs = zip(step.gradients, step.weights, strict=True)
        return [self._limit(gradient, weight, ratio) for gradient, weight in pairs], ratio, state

    def _limit(self, gradient, weight, ratio):
        values = gradient.values if is_sparse(gradient) else gradient
        weight = tf.gather(weight, gradient.indices) if is_sparse(gradient) else tf.convert_to_tensor(weight)
        rank = values.shape.rank
        axes = list(range(1, rank) if is_sparse(gradient) else range(min(rank, max(rank - 1, 1))))
        squares = (tf.square(each) for each in (values, tf.cast(weight, values.dtype)))
        norm, size = (tf.sqrt(tf.reduce_sum(each, axis=axes, keepdims=True)) for each in squares)
        return scaled(gradient, shrink(ratio * tf.maximum(size, self.epsilon), norm))


class PercentileClip(JointRule):
    """Clips the global norm to a percentile of the norms seen so far (AutoClip, Seetharaman et al. 2020).

    The step's own norm counts among those seen, as in the paper; norms that are not finite do not.

    Args:
        percentile: between 0 and 100; the paper takes 10.
        window: how many of the last norms are kept (the paper keeps all).
        max_norm: a ceiling on the threshold; it is what protects the first steps, when nothing is known yet.
    """

    searched = (10.0, 90.0)

    def __init__(self, percentile: float = 10.0, window: int = 1024, max_norm: float | None = None):
        self.percentile = positive("percentile", percentile, most=100)
        self.window = whole("window", window)
        self.max_norm = max_norm if max_norm is None else positive("max_norm", max_norm)

    def initial_state(self) -> dict[str, Any]:
        return {"norms": np.full(self.window, np.inf, "float32"), "seen": np.zeros((), "int64")}

    def limit(self, step: Any, state: Any):
        known = tf.math.is_finite(step.total)
        here = (tf.range(self.window, dtype=tf.int64) == state["seen"] % self.window) & known
        norms = tf.where(here, step.total, state["norms"])
        seen = state["seen"] + tf.cast(known, tf.int64)
        limit = tf.minimum(self._percentile_of(norms, seen), self.max_norm or float("inf"))
        return limit, {"norms": norms, "seen": seen}

    def _percentile_of(self, norms, seen):
        """Linear interpolation between neighbours; unused places hold infinity and sort to the end."""
        last = tf.cast(tf.clip_by_value(seen, 1, self.window) - 1, tf.float32)
        place = self.percentile / 100 * last
        low, high = tf.cast(tf.floor(place), tf.int32), tf.cast(tf.math.ceil(place), tf.int32)
        ordered = tf.sort(norms)
        below, above = tf.gather(ordered, low), tf.gather(ordered, high)
        return tf.where(low == high, below, below + (above - below) * (place - tf.floor(place)))


class ZScoreClip(JointRule):
    """Clips the global norm where it stands out from its own recent past (ZClip, Kumar et al. 2025).

    Keeps an exponential mean m and variance s^2 of the global norm. A step whose score = (norm - m) / s exceeds `z` is
    scaled to the norm m + s * z^2 / score: the further out, the harder. The clipped norm, not the raw one, enters the
    averages; norms that are not finite do not enter.

    Args:
        z: the score beyond which a step is clipped; the paper takes 2.5.
        decay: of the averages; the paper takes 0.97.
        initial_steps: steps whose plain mean and variance start the averages; they are clipped to `max_norm` only.
        max_norm: a ceiling on the norm at all times.
    """

    searched = (1.5, 4.0)

    def __init__(self, z: float = 2.5, decay: float = 0.97, initial_steps: int = 25, max_norm: float | None = None):
        self.z = positive("z", z)
        self.decay = positive("decay", decay, most=1)
        self.initial_steps = whole("initial_steps", initial_steps)
        self.max_norm = max_norm if max_norm is None else positive("max_norm", max_norm)

    def initial_state(self) -> dict[str, Any]:
        return {name: np.zeros((), "float32") for name in ("mean", "variance", "seen")}

    def limit(self, step: Any, state: Any):
        mean, variance, seen = state["mean"], state["variance"], state["seen"]
        deviation = tf.sqrt(variance)
        score = (step.total - mean) / tf.maximum(deviation, 1e-12)
        outlier = (score > self.z) & (seen >= self.initial_steps)
        limit = tf.where(outlier, mean + deviation * self.z**2 / score, float("inf"))
        limit = tf.minimum(limit, self.max_norm or float("inf"))
        next_state = self._learn(tf.minimum(step.total, limit), state)
        known = tf.math.is_finite(step.total)
        return limit, {name: tf.where(known, next_state[name], state[name]) for name in state}

    def _learn(self, norm, state):
        """Welford's mean and variance during the initial steps, exponential ones after."""
        mean, variance, seen = state["mean"], state["variance"], state["seen"]
        weight = tf.where(seen < self.initial_steps, 1 / (seen + 1), 1 - self.decay)
        next_mean = mean + weight * (norm - mean)
        spread = tf.where(seen < self.initial_steps, norm - mean, norm - next_mean)
        next_variance = (1 - weight) * variance + weight * spread * (norm - next_mean)
        return {"mean": next_mean, "variance": next_variance, "seen": seen + 1}


RULES: dict[str, type[ClippingRule]] = {
    "value": ValueClip,
    "norm": NormClip,
    "global_norm": GlobalNormClip,
    "adaptive": AdaptiveClip,
    "percentile": PercentileClip,
    "zscore": ZScoreClip,
}


def make_rule(rule, threshold=None, options: dict | None = None) -> ClippingRule:
    """A rule from its name, its class or an instance.

    Args:
        rule: a name in `RULES`, a subclass of `ClippingRule`, or an instance of one.
        threshold: the rule's first argument; None keeps its default.
        options: its other arguments.

    Raises:
        ArgumentError: an unknown name or argument, a value that the rule does not take, or arguments next to an
            instance.
    """
    options = options or {}
    if isinstance(rule, ClippingRule):
        if threshold is not None or options:
            raise ArgumentError(
                f"threshold: {type(rule).__name__} is an instance of a rule. Set its arguments when making it."
            )
        return rule
    factory = RULES.get(rule) if isinstance(rule, str) else rule
    if not (isinstance(factory, type) and issubclass(factory, ClippingRule)):
        raise ArgumentError(f"rule: unknown rule {rule!r}. Choose one of {', '.join(RULES)}, or give a ClippingRule.")
    make: Callable[..., ClippingRule] = factory
    try:
        return make(**options) if threshold is None else make(threshold, **options)
    except TypeError as error:
        raise ArgumentError(f"rule: {factory.__name__} does not take these arguments: {error}.") from None


def _number_or_schedule(name: str, value):
    return value if callable(value) else positive(name, value, also=" or a schedule")
