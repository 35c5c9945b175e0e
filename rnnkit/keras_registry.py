"""Lets Keras find rnnkit's classes in a file as soon as both are imported, without importing the one for the other.

Keras looks a class up by its registered name, and knows that name only once the class's module is imported. So each
public name stands in its registry for a class that imports the rest when it is read from a file.
"""

import importlib.abc
import importlib.util
import sys

NAMES = (
    *("EntityRecognizer", "MemoryModel", "MusicGenerator", "SentimentClassifier", "Translator"),
    *("BagOfWords", "WordConvolution"),
    *("CRF", "CRFLoss", "TokenLoss", "Attention", "AttentionDecoder", "CharacterEncoder", "KeyHead", "RecurrentStack"),
    *("SequencePooling", "StateBridge", "WordDropout"),
    *("GRU", "LSTM", "SimpleRNN", "MinGRU", "MinGRUCell", "MinLSTM", "MinLSTMCell", "OmegaRNN", "TruncatedRNN"),
    *("Chrono", "GateIdentity", "GateOrthogonal", "GateOrthogonality", "SoftOrthogonality", "SpectralCap"),
    *("Adam", "LazyAdam", "LossScaleOptimizer"),
)


def register_when_keras_is_there() -> None:
    """Registers the names now, or when Keras is imported."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _register() -> None:
    from keras.saving import get_custom_objects

    known = get_custom_objects()
    for name in NAMES:
        known.setdefault(f"rnnkit>{name}", type(name, (), {"from_config": classmethod(_from_config)}))


def _from_config(stand_in, config):
    from keras.saving import get_custom_objects

    from rnnkit.saving import register_classes

    register_classes()
    return get_custom_objects()[f"rnnkit>{stand_in.__name__}"].from_config(config)


class _AfterKeras(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports Keras as it would have been, and registers the names then."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "keras" or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        _register()
