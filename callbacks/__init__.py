"""What you pass to `fit(callbacks=[...])`; works on any Keras model.

Names are imported when they are first used, so that importing this package does not import TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING

_HOMES = {
    "GradientHealth": "gradient_health",
    "GradientClipping": "gradient_clipping",
    "GradientGuard": "gradient_guard",
    "RecurrentSpectrum": "recurrent_spectrum",
    "ThroughTime": "through_time",
    "Resume": "resume",
    "TensorBoardImages": "tensorboard",
    "GradientStep": "clipping_rule",
    "ClippingRule": "clipping_rule",
    "ValueClip": "clipping_rules",
    "NormClip": "clipping_rules",
    "GlobalNormClip": "clipping_rules",
    "AdaptiveClip": "clipping_rules",
    "PercentileClip": "clipping_rules",
    "ZScoreClip": "clipping_rules",
}

if TYPE_CHECKING:
    from rnnkit.callbacks.clipping_rule import ClippingRule, GradientStep
    from rnnkit.callbacks.clipping_rules import (
        AdaptiveClip,
        GlobalNormClip,
        NormClip,
        PercentileClip,
        ValueClip,
        ZScoreClip,
    )
    from rnnkit.callbacks.gradient_clipping import GradientClipping
    from rnnkit.callbacks.gradient_guard import GradientGuard
    from rnnkit.callbacks.gradient_health import GradientHealth
    from rnnkit.callbacks.recurrent_spectrum import RecurrentSpectrum
    from rnnkit.callbacks.resume import Resume
    from rnnkit.callbacks.tensorboard import TensorBoardImages
    from rnnkit.callbacks.through_time import ThroughTime

__all__ = [
    "AdaptiveClip",
    "ClippingRule",
    "GlobalNormClip",
    "GradientClipping",
    "GradientGuard",
    "GradientHealth",
    "GradientStep",
    "NormClip",
    "PercentileClip",
    "RecurrentSpectrum",
    "Resume",
    "TensorBoardImages",
    "ThroughTime",
    "ValueClip",
    "ZScoreClip",
]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'rnnkit.callbacks' has no attribute '{name}'")
    return getattr(import_module(f"rnnkit.callbacks.{_HOMES[name]}"), name)


def __dir__():
    return __all__
