"""rnnkit: recurrent networks for Keras, with every problem of training made visible.

Names are imported when they are first used, so that `import rnnkit` costs nothing until Keras is needed.
"""

import importlib
import importlib.abc
import importlib.util
import sys
from typing import TYPE_CHECKING

from rnnkit.saving import register_when_keras_is_there

if TYPE_CHECKING:
    from rnnkit import callbacks, constraints, datasets, initializers, layers, ops, regularizers, tuning, workers
    from rnnkit.diagnosis import Diagnosis, diagnose
    from rnnkit.optimizers import LazyAdam
    from rnnkit.recurrent.cells import register_cell
    from rnnkit.recurrent.kernel_choice import kernels
    from rnnkit.recurrent.table import cell_names
    from rnnkit.saving import load
    from rnnkit.saving.predictor import Predictor
    from rnnkit.study.comparison import Comparison, compare
    from rnnkit.tasks import (
        EntityRecognizer,
        Forecaster,
        LanguageModel,
        MemoryModel,
        MusicGenerator,
        SentimentClassifier,
        Translator,
    )
    from rnnkit.tasks.music.piece import Piece
    from rnnkit.tuning import tune

__version__ = "0.2.0"

_HOMES = {
    "Comparison": "rnnkit.study.comparison",
    "Diagnosis": "rnnkit.diagnosis",
    "EntityRecognizer": "rnnkit.tasks",
    "Forecaster": "rnnkit.tasks",
    "LanguageModel": "rnnkit.tasks",
    "LazyAdam": "rnnkit.optimizers",
    "MemoryModel": "rnnkit.tasks",
    "MusicGenerator": "rnnkit.tasks",
    "Piece": "rnnkit.tasks.music",
    "Predictor": "rnnkit.saving.predictor",
    "SentimentClassifier": "rnnkit.tasks",
    "Translator": "rnnkit.tasks",
    "cell_names": "rnnkit.recurrent.table",
    "compare": "rnnkit.study.comparison",
    "diagnose": "rnnkit.diagnosis",
    "kernels": "rnnkit.recurrent.kernel_choice",
    "load": "rnnkit.saving",
    "register_cell": "rnnkit.recurrent.cells",
    "tune": "rnnkit.tuning",
}
_MODULES = (
    *("callbacks", "constraints", "datasets", "initializers", "layers", "ops", "regularizers", "tuning"),
    "workers",
)

__all__ = [
    "Comparison",
    "Diagnosis",
    "EntityRecognizer",
    "Forecaster",
    "LanguageModel",
    "LazyAdam",
    "MemoryModel",
    "MusicGenerator",
    "Piece",
    "Predictor",
    "SentimentClassifier",
    "Translator",
    "callbacks",
    "cell_names",
    "compare",
    "constraints",
    "datasets",
    "diagnose",
    "initializers",
    "kernels",
    "layers",
    "load",
    "ops",
    "register_cell",
    "regularizers",
    "tune",
    "tuning",
    "workers",
]

register_when_keras_is_there()

_MOVED = {  # modules of earlier versions that stand elsewhere now
    "rnnkit.batches": "rnnkit.tasks.batches",
    "rnnkit.checks": "rnnkit.errors.checks",
    "rnnkit.comparison": "rnnkit.study.comparison",
    "rnnkit.crf": "rnnkit.layers.crf_paths",
    "rnnkit.devices": "rnnkit.recurrent.devices",
    "rnnkit.entities": "rnnkit.tasks.entities",
    "rnnkit.music": "rnnkit.tasks.music",
    "rnnkit.spectrum": "rnnkit.recurrent.spectrum",
    "rnnkit.translation": "rnnkit.tasks.translation",
}


class _Moved(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a module of an earlier version from where it stands now: both names are the same module."""

    def find_spec(self, fullname, path=None, target=None):
        known = any(fullname == old or fullname.startswith(f"{old}.") for old in _MOVED)
        return importlib.util.spec_from_loader(fullname, self) if known else None

    def create_module(self, spec):
        package, _, rest = spec.name.removeprefix("rnnkit.").partition(".")
        module = importlib.import_module(".".join([_MOVED[f"rnnkit.{package}"], *([rest] if rest else [])]))
        self.own = module.__spec__  # the import machinery puts the other in its place
        return module

    def exec_module(self, module):
        module.__spec__ = self.own


sys.meta_path.insert(0, _Moved())  # before the finder that knows the packages


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"rnnkit.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'rnnkit' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
