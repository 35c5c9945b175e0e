"""`rnnkit.compare`: the same training for each cell and seed, and baselines."""

import contextlib
import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import rnnkit
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import whole
from rnnkit.recurrent.cell_arguments import HEADS
from rnnkit.recurrent.cells import find_cell
from rnnkit.recurrent.table import usual_cells
from rnnkit.study.comparison.runs import Rows, Settings, scored, train_once
from rnnkit.study.comparison.table import Comparison
from rnnkit.study.files import write_text
from rnnkit.study.made import keep_made, read_made
from rnnkit.study.training import Training, new_model
from rnnkit.study.work_folder import expect_intact, fingerprint, label, open_folder
from rnnkit.tasks import find_task
from rnnkit.tasks.parts import Rule
from rnnkit.tasks.settings import by_owner
from rnnkit.tasks.specs import spec_of
from rnnkit.tasks.task import Task

FILE = "comparison.json"
WIDEST = 8192  # units of a cell that is made as large as another


def compare(
    task: str | type[Task],
    train: Any,
    valid: Any,
    test: Any = None,
    *,
    cells: Sequence = tuple(usual_cells()),
    seeds: int = 3,
    baselines: bool = True,
    match_parameters: bool = False,
    directory: str | Path | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    clipping: Any = None,
    threshold: float | None = None,
    overwrite: bool = False,
    unlabelled: Any = None,
    say: Callable[[str], None] | None = print,
    **options: Any,
) -> Comparison:
    """Trains a task with each cell and several seeds, all else equal; the same call resumes interrupted work.

        found = rnnkit.compare("sentiment", train, valid, test, cells=["lstm", "gru"], directory="runs/cells")
        found.summary
        found.plot()

    The epoch is chosen on validation, and test data is used once per run. Baselines without recurrence show whether
    the recurrence pays: rules (most frequent label or tag, marginals and a Markov chain of the keys, the source left
    as it is, the best answer without memory), and for sentiment a bag of words and a convolution.

    Args:
        task: a name of the tasks, or a task's class.
        train, valid, test: raw data in any form that the task's `fit` takes.
        cells: as the task's argument `cell`.
        seeds: number of trainings of each cell, with the random seeds 0, 1, ...
        baselines: whether to add the rows that are not recurrent.
        match_parameters: give every cell the number of units at which its model has as many parameters as that of the
            first cell, as Chung et al. do ("Empirical evaluation of gated recurrent neural networks", 2014).
        directory: a folder, in which each finished run is a row of `runs.csv`, with `summary.csv` and `report.html` at
            the end; the same comparison in it, with other cells or more seeds, is resumed. None keeps nothing.
        epochs: of each training. None trains until validation no longer improves. The best epoch is kept either way.
        batch_size: examples per step; None takes the task's own.
        clipping, threshold: a rule of `GradientClipping` and its first argument; None adds none to what the task's own
            optimizer does (for music and translation, a global norm of at most 1).
        overwrite: replace another comparison in the folder.
        unlabelled: more inputs, as in `fit`, for each cell; baselines do not read them.
        say: called with a line after each run; None is silent.
        options: other arguments of the task, and of its optimizer and `fit`, the same for every cell.

    Raises:
        ArgumentError: an argument that cannot be used, or a folder that holds something else.
        DataError: data that cannot be used, or a comparison to resume whose files are damaged.
        OSError: the folder cannot be written any more; finished runs stay, and the same call resumes.
    """
    name, task_class = find_task(task)
    batch_size = task_class.batch_size if batch_size is None else batch_size
    cells = _checked(cells, seeds, epochs, batch_size)
    first = prepared(task_class, cells, options, clipping, threshold)
    train, valid = first.read(train), first.read(valid)
    test = None if test is None else first.read(test)
    settings = Settings(train, valid, test, epochs, batch_size, clipping, threshold)
    more = {} if unlabelled is None else {"unlabelled": first.read_unlabelled(unlabelled)}
    first.adapt(settings.train, **more)
    units = _matching(task_class, first, cells, options) if match_parameters else {}
    identity = _identity(task_class, settings, options, first.stack.cell.name if match_parameters else None)
    identity |= {part: fingerprint(each) for part, each in more.items()}
    folder = None if directory is None else open_folder(Path(directory), FILE, identity, overwrite)
    if folder is not None:
        keep_made(folder, train=train, valid=valid, test=test, **more)
    spec = spec_of(name)
    metric, mode = spec.metric(first)
    rows = Rows(folder, f"valid_{metric}", say)
    recurrent = {cell: (task_class, {**options, **units.get(cell, {}), "cell": cell}) for cell in cells}
    others = spec.networks() if baselines else {}
    networks = {each: (network, _of_vocabulary(options)) for each, network in others.items()}
    for kind, group, of_fit in (("recurrent", recurrent, more), ("network", networks, {})):
        for seed, (model, (trained, own)) in itertools.product(range(seeds), group.items()):
            rows.add(model, kind, seed, functools.partial(train_once, trained, own, settings, seed, **of_fit))
    rules = spec.rules_for(first) if baselines else {}
    for rule, score in rules.items():
        rows.add(rule, "rule", None, functools.partial(scored, score, settings))
    first_rule: Rule = next(iter(spec.rules_for(first).values()), lambda *data: {})
    floor = first_rule(settings.train, settings.valid).get(metric, math.nan)
    comparison = Comparison(rows.frame([*recurrent, *networks, *rules], seeds), metric, mode, floor)
    if folder is not None:
        with expect_intact(folder) if rows.loaded else contextlib.nullcontext():
            _write(comparison, folder, identity)
    return comparison


def prepared(task: type[Task], cells: Sequence[str], options: Mapping[str, Any], clipping=None, threshold=None) -> Task:
    """The first cell's model, untrained.

    Raises:
        ArgumentError: cells, options or clipping cannot be used; this costs no training.
    """
    if "cell" in options:
        raise ArgumentError("cell: the cells of a comparison are its argument cells. Name them there.")
    Training(clipping, threshold)
    first, *_ = [new_model(task, {**options, "cell": cell}) for cell in cells]
    return first


def _write(comparison: Comparison, folder: Path, identity: dict[str, Any]) -> None:
    from rnnkit.study.comparison.page import comparison_page

    write_text(folder / "summary.csv", comparison.summary.to_csv())
    write_text(folder / "report.html", comparison_page(comparison, identity, read_made(folder)))


def _matching(task: type[Task], reference: Task, cells: list[str], options: dict) -> dict[str, dict[str, int]]:
    """The units of each cell but the first that give its model the parameters of the reference."""
    if len(set(reference.stack.units)) > 1:
        raise ArgumentError("match_parameters: expected layers of one width. Leave out either it or the list of units.")
    size = {name: value for name, value in by_owner(options).constructor.items() if name not in ("units", "layers")}
    layers = len(reference.stack.units)

    def parameters(cell: str, units: int) -> int:
        model = task(cell=cell, units=units, layers=layers, **size)
        model.build_from_config(reference.get_build_config())
        return model.count_params()

    wanted = reference.count_params()
    return {
        cell: {"units": matching_units(wanted, functools.partial(parameters, cell)), "layers": layers}
        for cell in cells[1:]
    }


def matching_units(parameters: int, count) -> int:
    """The number of units whose model is closest to a number of parameters.

    Args:
        parameters: how many there should be.
        count: units -> parameters of a model; more units, more parameters, but for what has heads that divide them.

    Raises:
        ArgumentError: more units would be needed than anyone wants.
    """
    low, high = 1, 2
    while count(high) < parameters:
        low, high = high, 2 * high
        if high > WIDEST:
            raise ArgumentError(
                f"match_parameters: {parameters} parameters need more than {WIDEST} units. Begin with a smaller cell."
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < parameters else (low, middle)
    near = range(max(1, high - HEADS), high + HEADS)
    return min(near, key=lambda units: abs(count(units) - parameters))


def _checked(cells, seeds, epochs, batch_size) -> list[str]:
    """The names of the cells."""
    counts = {"seeds": seeds, "epochs": 1 if epochs is None else epochs, "batch_size": batch_size}
    for name, value in counts.items():
        whole(name, value)
    if isinstance(cells, str) or not len(cells):
        raise ArgumentError(f"cells: expected a list with at least one cell, got {cells!r}.")
    names = [find_cell(cell).name for cell in cells]
    if len(set(names)) < len(names):
        raise ArgumentError(f"cells: expected different cells, got {', '.join(names)}.")
    return names


def _identity(task: type[Task], settings: Settings, options: dict, matched: str | None) -> dict[str, Any]:
    data = {"train": settings.train, "valid": settings.valid, "test": settings.test}
    return {
        "rnnkit": rnnkit.__version__,
        "task": task.__name__,
        "options": {name: label(value) for name, value in sorted(options.items())},
        "parameters of": matched,
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "clipping": label(settings.clipping),
        "threshold": settings.threshold,
        **{part: each and fingerprint(each) for part, each in data.items()},
    }


def _of_vocabulary(options: dict) -> dict:
    names = ("embedding_dim", "min_count", "max_words", "max_length", "lowercase", *by_owner(options).fit)
    return {name: options[name] for name in names if name in options}
