"""All that is needed to run a training again."""

import math
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import close_to, positive
from rnnkit.recurrent.devices import check_driver
from rnnkit.recurrent.table import Cell, find_named
from rnnkit.tasks.options import RULES, Option
from rnnkit.tasks.settings import split_settings
from rnnkit.tasks.specs import SPECS, find_spec

COPIES = 4  # of the weights, in training: with their gradients and the two moments of Adam


class RunConfig:
    """All that is needed to run a training again: a task, and a value for each of its options.

        RunConfig("ner", "tagged.conll", cell="gru", units=100, settings={"learning_rate": 2e-3})

    Args:
        task: a name of `SPECS`.
        data: a built-in sample, a public data set's name, or the path of a file; None takes the task's sample. For
            `"memory"` it is `PROBLEM-LENGTH`, such as `adding-200`; for `"music"` a path is that of a folder of MIDI
            files.
        cell, units: of the recurrent stack; None takes what suits the data, or the task's own.
        options: the others, see `TaskSpec.run_options`; `rnnkit run TASK --help` lists them. `settings` maps arguments
            of the task's constructor, of its optimizer and of `fit` to values.

    Raises:
        ArgumentError: an option that the task does not have, or a value that it cannot take.
    """

    def __init__(
        self,
        task: str = "sentiment",
        data: str | None = None,
        cell: str | None = None,
        units: int | None = None,
        **options: Any,
    ):
        spec = find_spec(task)
        given = spec.resolve({"data": data, "cell": cell, "units": units, **options})
        known = {option.name: option for option in spec.run_options}
        for name, value in given.items():
            if name not in known and not (value is None and name in _all_options()):
                raise ArgumentError(_unknown(name, task, known))
        kept = {name: option for name, option in known.items() if name not in spec.shorthands}
        values = {name: option.checked(given.get(name, option.default)) for name, option in kept.items()}
        values["data"] = str(values["data"] or spec.sample)
        values["cell"] = values["cell"] or spec.suited.get(values["data"], {}).get("cell", spec.cell)
        self._values = {"task": task, **values}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"RunConfig has no {name} here")
        return self._values[name]

    def __eq__(self, other):
        return isinstance(other, RunConfig) and self._values == other._values

    def __hash__(self):
        return hash(repr(self))

    def __repr__(self):
        return f"RunConfig({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    def replaced(self, **changes: Any) -> "RunConfig":
        """The same with other values."""
        return RunConfig(**{**self._values, **changes})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """The configuration in a run's `config.json`.

        Raises:
            DataError: it holds something else.
        """
        known = {"task": Option("task", ""), **_all_options()}
        for name, option in known.items():
            value = values.get(name)
            fits = isinstance(value, option.kind) and isinstance(value, bool) == (option.kind is bool)
            if name in values and not (fits or (value is None and option.default is None)):
                raise DataError(f"run: config.json has {name} = {value!r:.40}, which is of the wrong type.")
        if unknown := sorted(set(values) - set(known)):
            raise DataError(f"run: config.json is not one of rnnkit run (it has {', '.join(unknown)}).")
        return cls(**values)

    def checked(self) -> "RunConfig":
        """The same with the cell's own name, after all checks for which Keras need not be loaded.

        Raises:
            ArgumentError: a cell, clipping rule or setting that is not known, or weights too large for the memory.
            DeviceError: a GPU was asked for, and there is no driver of one.
        """
        spec = find_spec(self.task)
        cell = find_named(self.cell)
        read_clipping(self.clip)
        check_driver(self.device)
        split_settings(spec, self.settings)
        _check_memory(cell, self.units or 1, self.layers)
        return self.replaced(cell=cell.name)

    def as_dict(self) -> dict[str, Any]:
        """A JSON-able dict; `RunConfig(**dict)` gives the same configuration."""
        return dict(self._values)

    def command(self, command: str = "run", **changes: Any) -> str:
        """The line that does this on the command line, as it can be pasted into a shell."""
        config = self.replaced(**changes) if changes else self
        options = find_spec(self.task).run_options
        words = [word for option in options for word in option.written(config._values.get(option.name, option.default))]
        return shlex.join(["rnnkit", command, config.task, *words])

    def command_with(self, options: str) -> str:
        """The line with other options, such as those of a `Cure`, in place of what was said for the same.

        Args:
            options: as they are written on the command line, a flag and a value each.
        """
        words, known = shlex.split(options), {option.flag: option for option in find_spec(self.task).run_options}
        changes, settings = {}, dict(self.settings or {})
        for flag, value in zip(words[::2], words[1::2], strict=True):
            option, (name, _, setting) = known[flag], value.partition("=")
            if option.kind is dict:
                settings[name] = setting
            else:
                changes[option.name] = option.kind(value)
        return self.command(**changes, settings=settings or None)

    @property
    def data_name(self) -> str:
        """The data's name without folder and suffix, for the names of folders."""
        return Path(self.data).name.split(".")[0]


def _all_options() -> dict[str, Option]:
    return {option.name: option for spec in SPECS.values() for option in spec.run_options}


def _unknown(name: str, task: str, known: Mapping[str, Option]) -> str:
    owners = [spec.task for spec in SPECS.values() if name in {option.name for option in spec.options}]
    if owners:
        return f"{name}: it belongs to {', '.join(owners)}. Leave it out for {task}."
    advice = close_to(name, known) or f" Known are {', '.join(known)}."
    return f"{name}: {task} has no such option.{advice}"


def _check_memory(cell: Cell, units: int, layers: int) -> None:
    """Refuses recurrent kernels that cannot fit, which would end the process without a word."""
    needed = 4 * COPIES * layers * units**2 * max(1, len(cell.gates))
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else math.inf
    if needed > there:
        raise ArgumentError(
            f"units: expected a number whose weights fit into memory, got {units}. With the optimizer's, the recurrent "
            f"kernels alone need {needed / 1e9:,.0f} GB; there are {there / 1e9:,.0f} GB. Give fewer units."
        )


def read_clipping(clip: str | None) -> tuple[str | None, float | None]:
    """Rule and threshold of `RULE` or `RULE:THRESHOLD`, None for what is not said.

    Raises:
        ArgumentError: there is no such rule, or the threshold is none that it can take.
    """
    if clip is None:
        return None, None
    rule, colon, threshold = clip.partition(":")
    if rule not in RULES:
        raise ArgumentError(f"clip: unknown rule '{rule}'.{close_to(rule, RULES)} Known rules: {', '.join(RULES)}.")
    try:
        value = float(threshold) if colon else None
    except ValueError as error:
        raise ArgumentError(f"clip: expected RULE or RULE:THRESHOLD, such as norm:1.0, got '{clip}'.") from error
    return rule, value if value is None else positive("clip", value, most=100 if rule == "percentile" else math.inf)
