"""A task as a KerasTuner `HyperModel`."""

import copy
import json
import zlib
from collections import Counter
from typing import Any

import keras
import keras_tuner

from rnnkit.callbacks.clipping_rules import RULES
from rnnkit.errors import ArgumentError
from rnnkit.study.training import Training, new_model
from rnnkit.study.work_folder import label
from rnnkit.tasks import find_task
from rnnkit.tasks.settings import OF_TRAINING, by_owner
from rnnkit.tasks.specs import spec_of
from rnnkit.tuning.space import Asked, Choice, Fixed, Part, Range, default_space, read_part
from rnnkit.tuning.trial_guard import TrialGuard

NO_CLIPPING = dict.fromkeys(("clipnorm", "clipvalue", "global_clipnorm"))  # of the optimizer


class TaskHyperModel(keras_tuner.HyperModel):
    """See `hypermodel`.

    Attributes:
        task_name, task: what is built.
        parts: hyperparameter -> its part of the space, those with a fixed value included.
        measured: of the last `fit`, `Training.measured`.
    """

    def __init__(self, task: Any, *, seed: int = 0, guard: Any = "auto", through_time: bool = False, **space: Any):
        super().__init__()
        self.task_name, self.task = find_task(task)
        written = {**default_space(task), **space}
        self.parts = {name: read_part(name, value) for name, value in written.items()}
        self.seed = seed
        self.guard = TrialGuard() if guard == "auto" else guard
        if not (self.guard is None or isinstance(self.guard, TrialGuard)):
            raise ArgumentError(f"guard: expected 'auto', None or a TrialGuard, got {guard!r}.")
        self.through_time = through_time or bool(self.guard and self.guard.reads_through_time)
        self.policy = keras.config.dtype_policy().name
        self.measured: dict[str, Any] = {}
        self._fits: Counter[int] = Counter()

    @property
    def searched(self) -> dict[str, Part]:
        """The parts with more than one value."""
        parts = {name: part for name, part in self.parts.items() if name != "threshold"} | self._thresholds()
        return {name: part for name, part in parts.items() if part.is_searched}

    @property
    def fixed(self) -> dict[str, Part]:
        """The parts with one value."""
        return {name: part for name, part in self.parts.items() if not part.is_searched}

    def describe(self) -> dict[str, str]:
        """Each part in words."""
        return {name: str(part) for name, part in {**self.searched, **self.fixed}.items()}

    def sample(self, hp: Any) -> dict[str, Any]:
        """The value of every hyperparameter that `hp` holds, asking for those that it does not hold yet."""
        values = {name: part.ask(hp, name) for name, part in self.parts.items() if name != "threshold"}
        values["threshold"] = self._sample_threshold(hp, values["clipping"])
        return values

    def build(self, hp: Any):
        """A compiled task, seeded by the hyperparameters: the same values give the same training.

        Where a trial trains more than once, each time has a seed of its own.
        """
        values = self.sample(hp)
        keras.config.set_dtype_policy(self.policy)  # KerasTuner resets Keras before each trial
        keras.utils.set_random_seed(self._trial_seed(hp))
        return new_model(self.task, _settings(values))

    def fit(self, hp: Any, model: Any, x: Any = None, y: Any = None, *, callbacks: Any = (), **options: Any):
        """Trains; batch size, clipping, guards and what they measure are added to what KerasTuner asks for."""
        values = self.sample(hp)
        self._fits[self._key(hp)] += 1
        training = Training(values["clipping"], values["threshold"])
        options = {"batch_size": values["batch_size"], **by_owner(_settings(values)).fit, **options}
        judges = self._judges(model, x, y, options.get("validation_data"))
        try:
            return training.fit(model, x, y, callbacks=[*judges, *(callbacks or ())], **options)
        finally:
            self.measured = training.measured(model)

    def _judges(self, model, x, y, valid) -> list:
        """The diagnosis of each epoch, if it is wanted, and the guard."""
        judges: list[keras.callbacks.Callback] = []
        if self.through_time:
            if valid is None:
                raise ArgumentError("validation_data: gain and horizon are measured on it. Give validation data.")
            judges.append(_each_epoch(model.read(_without_weights(valid))))
        if self.guard is not None:
            guard = copy.deepcopy(self.guard)
            guard.monitor = guard.monitor or model.monitor
            if guard.chance == "auto" and valid is not None:
                guard.chance = spec_of(self.task_name).baseline(model.read(x, y), model.read(_without_weights(valid)))
            judges.append(guard)
        return judges

    def _sample_threshold(self, hp, rule):
        """The threshold of the chosen rule; each rule that may be chosen has a hyperparameter of its own."""
        clipping = self.parts["clipping"]
        if not isinstance(clipping, Choice):
            return self._threshold_part(rule).ask(hp, "threshold")
        chosen = None
        for name, each in clipping.labels.items():
            with hp.conditional_scope("clipping", [name]):
                threshold = self._threshold_part(each).ask(hp, f"{name}_threshold")
            chosen = threshold if each is rule else chosen
        return chosen

    def _threshold_part(self, rule) -> Part:
        """What the threshold of a rule is searched in; a rule of the user's keeps its default if nothing is said."""
        if rule in (None, "none"):
            return Fixed(None)
        searched = RULES[rule].searched if isinstance(rule, str) and rule in RULES else None
        return self.parts.get("threshold", Range(*searched) if searched else Fixed(None))

    def _thresholds(self) -> dict[str, Part]:
        """The parts of all thresholds that may be asked for."""
        clipping = self.parts["clipping"]
        if not isinstance(clipping, Choice):
            return {"threshold": self._threshold_part(clipping.value if isinstance(clipping, Fixed) else None)}
        return {f"{name}_threshold": self._threshold_part(rule) for name, rule in clipping.labels.items()}

    def _key(self, hp) -> int:
        fixed = {name: str(part) for name, part in self.parts.items() if isinstance(part, (Fixed, Asked))}
        return zlib.crc32(json.dumps([self.seed, fixed, hp.values], sort_keys=True, default=label).encode())

    def _trial_seed(self, hp) -> int:
        key = self._key(hp)
        return (key + self._fits[key]) % 2**32


def hypermodel(
    task: Any, *, seed: int = 0, guard: Any = "auto", through_time: bool = False, **space: Any
) -> TaskHyperModel:
    """A task as a `keras_tuner.HyperModel`, for any tuner of KerasTuner.

        model = rnnkit.tuning.hypermodel("sentiment", cell=["lstm", "gru"], units=64, learning_rate=(1e-4, 1e-2))
        tuner = keras_tuner.RandomSearch(model, objective="val_accuracy", max_trials=20, directory="search")
        tuner.search(train, validation_data=valid, epochs=5)

    `build` gives a compiled task, seeded by its hyperparameters and in the dtype policy that holds now; `fit` sets the
    batch size, clips, keeps steps that are not finite out of the weights, and ends hopeless trials. The epoch logs get
    `grad_norm`, `grad_norm_max`, `clip_rate` and `skipped_steps`, which can be objectives.

    Args:
        task: a name of the tasks, or a task's class.
        seed: another one gives the same trials other starts.
        guard: what ends a hopeless trial: a `TrialGuard`, `"auto"` for one with its defaults, or None.
        through_time: also measure `gain_min`, `gain_max` and `horizon_min` on validation data in every epoch (see
            `ThroughTime`), which takes seconds each time.
        space: changes to `default_space(task)`: any argument of the task, of its optimizer (`learning_rate`,
            `weight_decay`) or of `fit`, and `batch_size`, `clipping` (a rule of `GradientClipping` or `"none"`) and
            `threshold` (of that rule). A list holds choices, a tuple `(low, high)` is a range (searched by orders of
            magnitude where that is at least 20-fold), a function of one argument called `hp` asks KerasTuner itself,
            and any other value is fixed. None for `learning_rate` keeps the task's own.

    Raises:
        ArgumentError: no task, or a part that cannot be read.

    Examples:
        >>> import keras_tuner
        >>> from rnnkit import tuning
        >>> model = tuning.hypermodel("sentiment", cell=["lstm", "gru"], units=(8, 16))
        >>> hp = keras_tuner.HyperParameters()
        >>> type(model.build(hp)).__name__, hp.values["cell"], hp.values["units"]
        ('SentimentClassifier', 'lstm', 8)
    """
    return TaskHyperModel(task, seed=seed, guard=guard, through_time=through_time, **space)


def _settings(values) -> dict[str, Any]:
    """The values that are arguments of the task, its optimizer or `fit`, with clipping left to the callback."""
    own = {name: value for name, value in values.items() if name not in OF_TRAINING}
    if own["learning_rate"] is None:
        del own["learning_rate"]
    return {**NO_CLIPPING, **own}


def _each_epoch(valid):
    """The diagnosis at the end of every epoch; where none can be made, its figures are NaN."""
    from rnnkit.callbacks import ThroughTime
    from rnnkit.study.run import PROBES

    probe, fallback = (valid.sample(examples) for examples in PROBES)
    return ThroughTime(probe, 1.0, fallback=fallback, warn=False, lyapunov=False)


def _without_weights(data):
    return data[:2] if isinstance(data, tuple) else data
