"""Gradient clipping as a callback, with a choice of rules."""

import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from rnnkit.callbacks.clipping_rule import ClippingRule, GradientStep, JointRule
from rnnkit.callbacks.clipping_rules import make_rule
from rnnkit.callbacks.gradients.gradient_callback import GradientCallback
from rnnkit.callbacks.gradients.rows import Block
from rnnkit.errors.checks import whole
from rnnkit.optimizers import without_scaler


class GradientClipping(GradientCallback):
    """Clips the gradients of every optimizer step inside the compiled `fit`, on any Keras model.

    It clips what the update would use: gradients summed over replicas, accumulated, with the loss scale taken out and
    repeated rows of an embedding summed. An optimizer's own `clipnorm`, `clipvalue` or `global_clipnorm` comes first
    and the rule clips what is left of it, which is said by a warning. Steps that a `GradientGuard` or a loss scale
    refuses never enter a rule's memory, and neither do norms that are not finite.

    The epoch logs get `clip_rate`, the share of the taken steps that any clipping made smaller, and
    `clip_threshold`, the one in force at the last step. The rule's memory carries over from one `fit` to the next, and
    through `get_state` and `set_state` from one process to the next.

    Args:
        rule: `"value"`, `"norm"`, `"global_norm"`, `"adaptive"` (AGC), `"percentile"` (AutoClip), `"zscore"` (ZClip),
            or a `ClippingRule` of your own, class or instance.
        threshold: the rule's first argument; None keeps its default.
        warm_up: number of first steps that are not clipped; a rule with a memory learns from them.
        **options: the rule's other arguments.

    Raises:
        ArgumentError: an unknown rule, or an argument that cannot be used; in `fit`, a model without trainable weights
            or a second `GradientClipping`.
        DeviceError: in `fit`, where gradients cannot be seen (another backend than TensorFlow).

    Examples:
        >>> import keras
        >>> import numpy as np
        >>> from rnnkit import callbacks
        >>> model = keras.Sequential([keras.Input((10, 2)), keras.layers.LSTM(4), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = np.ones((32, 10, 2)), np.ones((32, 1))
        >>> clipping = callbacks.GradientClipping("global_norm", 1e-3)
        >>> history = model.fit(x, y, epochs=1, verbose=0, callbacks=[clipping])
        >>> history.history["clip_rate"]
        [1.0]
    """

    def __init__(
        self,
        rule: str | type[ClippingRule] | ClippingRule = "global_norm",
        threshold: Any = None,
        *,
        warm_up: int = 0,
        **options: Any,
    ):
        self.rule = make_rule(rule, threshold, options)
        self.warm_up = whole("warm_up", warm_up, least=0)
        super().__init__()
        self._taken, self._clipped, self._threshold = 0, 0, float("nan")

    def initial_state(self) -> dict[str, Any]:
        return {"clip_calls": np.zeros((), "int64"), **self.rule.initial_state()}

    @property
    def is_joint(self) -> bool:
        """Whether every step is scaled by one factor, so that the norms after it follow from those before it."""
        return isinstance(self.rule, JointRule) and not self.warm_up

    def on_train_begin(self, logs: dict[str, Any] | None = None):
        super().on_train_begin(logs)
        names = ("clipnorm", "clipvalue", "global_clipnorm")
        optimizer = without_scaler(self.model.optimizer)
        own = [name for name in names if optimizer is not None and getattr(optimizer, name)]
        if own:
            warnings.warn(
                f"The optimizer's own {own[0]} clips first; {type(self.rule).__name__} clips what is left.",
                stacklevel=2,
            )

    def clip(self, step: GradientStep, state: dict) -> tuple[list, tf.Tensor, dict]:
        """One step of the rule, inside the compiled train step: its gradients, threshold and next state."""
        calls = state["clip_calls"]
        memory = {name: tf.convert_to_tensor(value) for name, value in state.items() if name != "clip_calls"}
        clipped, threshold, memory = self.rule.clip(step, memory)
        if self.warm_up:
            clip = calls >= self.warm_up
            pairs = zip(clipped, step.gradients, strict=True)
            clipped = [
                tf.nest.map_structure(lambda new, old: tf.where(clip, new, old), *pair, expand_composites=True)
                for pair in pairs
            ]
        return clipped, threshold, {"clip_calls": calls + 1, **memory}

    def consume(self, block: Block):
        self._taken += int(block.taken.sum())
        self._clipped += int(block.clipped.sum())
        self._threshold = float(block["threshold"][block.taken][-1]) if block.taken.any() else self._threshold

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None):
        self._taken, self._clipped, self._threshold = 0, 0, float("nan")
        super().on_epoch_begin(epoch, logs)

    def get_state(self) -> dict[str, Any]:
        return {**super().get_state(), "epoch": [self._taken, self._clipped, self._threshold]}

    def set_state(self, state: Any):
        state = dict(state)
        self._taken, self._clipped, self._threshold = state.pop("epoch")
        super().set_state(state)

    def epoch_logs(self) -> dict[str, Any]:
        rate = self._clipped / self._taken if self._taken else float("nan")
        return {"clip_rate": rate, "clip_threshold": self._threshold}
