"""What a spec is given, and what it gives: a run's options and results, its page, and what scores without learning."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rnnkit.datasets import Dataset

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.report.markup import Markup
    from rnnkit.report.page import Section

# Training data and the data to score, in the task's columns -> metrics, named as the task's `evaluate` does.
Rule = Callable[[Dataset, Dataset], dict[str, float]]


class Baseline(NamedTuple):
    """A score that shows no learning.

    Attributes:
        score: of the task's monitored metric.
        epochs, steps: a model that can be rescued is better after this many epochs and optimizer steps.
    """

    score: float
    epochs: int
    steps: int


def majority_fraction(train: list, data: list) -> float:
    """The fraction of `data` that is the most frequent value of `train`."""
    [(most, _)] = Counter(train).most_common(1)
    return sum(value == most for value in data) / len(data)


class Config(Protocol):
    """What a spec sees of a `RunConfig`: the values of its options."""

    task: str
    data: str

    def __getattr__(self, name: str) -> Any: ...


class Artifact(Protocol):
    """Something that writes itself into a run's folder."""

    def write(self, folder: Path) -> None: ...


@dataclass(frozen=True)
class Results:
    """What a trained model gives beyond its metrics.

    Attributes:
        tables: by name, each a CSV file of the run.
        metrics: more of them, merged into those of the run.
        artifacts: other files of the run.
    """

    tables: Mapping[str, "pd.DataFrame"] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Sequence[Artifact] = ()


class Finished(Protocol):
    """What a spec sees of a run that was just trained."""

    model: Any
    metrics: Mapping[str, Any]
    samples: "pd.DataFrame"
    tables: Mapping[str, "pd.DataFrame"]


class Saved(Protocol):
    """What a spec sees of a run's folder."""

    path: Path

    @property
    def config(self) -> dict[str, Any]: ...
    @property
    def metrics(self) -> dict[str, Any]: ...
    def has(self, name: str) -> bool: ...
    def table(self, name: str) -> "pd.DataFrame": ...


@dataclass(frozen=True)
class PageParts:
    """What a task adds to the page of a run.

    Attributes:
        lead: what stands above the table of metrics.
        tables: what stands below it.
        sections: sections of their own, after the results.
        samples: what the samples are.
    """

    lead: "Markup | None" = None
    tables: Sequence["Markup"] = ()
    sections: Sequence["Section"] = ()
    samples: str = "Drawn at random from the test data, with the model's answers."


class WebPage(NamedTuple):
    """A model in the browser.

    Attributes:
        heading: what the page does.
        scripts: files of `rnnkit/tasks/web`, in the order in which they are read.
        network: gives the ONNX file's content; that takes seconds.
        facts: what the scripts read as `MODEL`; JSON-able.
    """

    heading: str
    scripts: tuple[str, ...]
    network: Callable[[], bytes]
    facts: dict[str, Any]
