"""Searching hyperparameters with KerasTuner, with an eye on the gradients."""

from rnnkit.tuning.guided import GuidedSearch
from rnnkit.tuning.search import tune
from rnnkit.tuning.space import default_space
from rnnkit.tuning.task_model import TaskHyperModel, hypermodel
from rnnkit.tuning.trial_guard import TrialGuard

__all__ = ["GuidedSearch", "TaskHyperModel", "TrialGuard", "default_space", "hypermodel", "tune"]
