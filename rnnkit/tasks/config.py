"""All that is needed to run a training again."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from rnnkit.checks import one_of, whole
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.specs import SPECS, find_spec

MOST = 1_000_000  # of anything that is counted
PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
WHERE = ("device", "devices")  # what a run's config.json says beside its configuration


@dataclass(frozen=True)
class RunConfig:
    """All that is needed to run a training again.

    Attributes:
        task: a name of `SPECS`.
        data: a built-in sample, a public data set's name, or the path of a file; None takes the task's sample. For
            `"memory"` it is `PROBLEM-LENGTH`, such as `adding-200`; for `"music"` a path is that of a folder of MIDI
            files.
        cell, units, layers, activation, initializer: of the recurrent stack; None takes what suits the data, or the
            task's or the cell's own.
        epochs: how many; None stops when validation no longer improves. The best epoch is kept either way.
        batch_size: examples a step; None takes the task's own.
        seed: sets all randomness.
        text, label: the columns of a file: names, or for tagged sentences numbers from 0; None takes the reader's own.
        clip: `RULE` or `RULE:THRESHOLD`, a rule of `rnnkit.callbacks.GradientClipping`; None adds none to what the
            task's own optimizer does (for music and translation, a global norm of at most 1).
        head: for `"music"`, see `MusicGenerator`; None takes its own.
        steps_per_beat: for a folder of MIDI files, the grid; None is 4.
        target: for `"translation"`, the path of a file with the translations of the lines of `data`.
        attention: for `"translation"`, see `Translator`; `"none"` is without, and None takes its own.
        precision: one of `PRECISIONS`: what the layers compute in. Weights, losses and a CRF are in float32 always.
        deterministic: the same numbers each time on one machine, from the seed. It holds for the whole process from
            `prepare` on, and costs time.
    """

    task: str = "sentiment"
    data: str | None = None
    cell: str | None = None
    units: int | None = None
    layers: int = 1
    epochs: int | None = None
    batch_size: int | None = None
    seed: int = 0
    text: str | None = None
    label: str | None = None
    clip: str | None = None
    activation: str | None = None
    initializer: str | None = None
    head: str | None = None
    steps_per_beat: int | None = None
    target: str | None = None
    attention: str | None = None
    precision: str = "float32"
    deterministic: bool = False

    def __post_init__(self):
        spec = find_spec(self.task)
        for name in {name for each in SPECS.values() for name in each.options} - {*spec.options}:
            if getattr(self, name) is not None:
                owners = ", ".join(each.task for each in SPECS.values() if name in each.options)
                raise ArgumentError(f"{name}: it belongs to {owners}. Leave it out for {self.task}.")
        for name in ("units", "layers", "epochs", "batch_size", "steps_per_beat"):
            value = getattr(self, name)
            if value is not None:
                whole(name, value, most=MOST)
        one_of("precision", self.precision, PRECISIONS)
        whole("seed", self.seed, least=0, most=2**32 - 1)
        if self.data is None:
            object.__setattr__(self, "data", spec.sample)
        if self.cell is None:
            object.__setattr__(self, "cell", spec.suited.get(str(self.data), {}).get("cell", spec.cell))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunConfig":
        """The configuration in a run's `config.json`, which also holds where it ran.

        Raises:
            DataError: it holds something else.
        """
        for each in dataclasses.fields(cls):
            value = values.get(each.name)
            is_of_type = isinstance(value, each.type) and isinstance(value, bool) == (each.type is bool)  # type: ignore[arg-type]
            if each.name in values and not is_of_type:
                raise DataError(f"run: config.json has {each.name} = {value!r:.40}, which is of the wrong type.")
        try:
            return cls(**{name: value for name, value in values.items() if name not in WHERE})
        except TypeError as error:
            raise DataError(f"run: config.json is not one of rnnkit run ({error}).") from error

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able dict; `RunConfig(**dict)` gives the same configuration."""
        return dataclasses.asdict(self)


def read_clipping(clip: str | None) -> tuple[str | None, float | None]:
    """Rule and threshold of `RULE` or `RULE:THRESHOLD`, None for what is not said.

    Raises:
        ArgumentError: the threshold is no number.
    """
    if clip is None:
        return None, None
    rule, colon, threshold = clip.partition(":")
    try:
        return rule, float(threshold) if colon else None
    except ValueError as error:
        raise ArgumentError(f"clip: expected RULE or RULE:THRESHOLD, such as norm:1.0, got '{clip}'.") from error
