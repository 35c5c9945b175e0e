"""The page of a run, made from its folder alone: nothing is trained or measured again."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rnnkit.diagnosis.page import history_map, sections
from rnnkit.recurrent.table import title as title_of
from rnnkit.report.markup import Markup, duration, facts, number, table, tag, whole
from rnnkit.report.page import Section, conclusion, page, text, tiles
from rnnkit.study.made import made_section, throughput
from rnnkit.study.training_page import gradients, learning, metric_name, spectrum
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.parts import PageParts
from rnnkit.tasks.specs import find_spec

if TYPE_CHECKING:
    from rnnkit.study.folder import RunFolder

MORE = ("spectrum", "through_time")  # where a run has them
LONGEST = 400  # characters of a sample


def run_page(folder: "RunFolder") -> str:
    """The page of a finished run, as text.

    Raises:
        DataError: something is missing or cannot be read; the message names the file.
    """
    config, metrics = folder.config, folder.metrics
    tables = {name: folder.table(name) for name in ("history", "gradients", "samples")}
    more = {name: folder.table(name) for name in MORE if folder.has(name)}
    found, said = folder.diagnosis
    own = find_spec(config["task"]).page(folder)
    body = [
        _results(metrics, own),
        *own.sections,
        learning(tables["history"], metrics["valid"]),
        gradients(tables["gradients"], folder.steps, tables["history"]),
        *_through_time(found, said, more),
        Section(
            "samples",
            "Samples",
            [
                text(own.samples),
                table(tables["samples"].map(_short), "A few of the test examples", wrap=True),
            ],
        ),
        _configuration(config, metrics),
        _timing(metrics),
    ]
    return page(f"{_title(config)} · rnnkit", _top(config, metrics, found, said), body)


def _top(config, metrics, found, said) -> Markup:
    known = find_spec(config["task"]).headline
    names = [name for name in known if name in metrics["test"]][:1] or list(metrics["test"])[:1]
    layers = found.get("layers")
    shown = [
        (f"{metric_name(names[0])} on test data", str(number(metrics["test"][names[0]]))),
        ("Cell", f"{title_of(config['cell'])}{_depth(config['layers'])}"),
        ("Epochs", str(metrics["epochs"])),
        ("Training time", duration(metrics["seconds"])),
    ]
    if layers is not None and "status" in layers:
        shown.insert(1, ("Through time", _worst(layers["status"])))
    parts = [tag("p", "rnnkit · report of a run", class_="over"), tag("h1", _title(config)), tiles(shown)]
    return tag("div", *parts, _conclusion(config, said) if said.get("verdict") else None)


def _conclusion(config, said) -> Markup:
    """The verdict, and its cure as the command that trains with it, where the shell has one."""
    cure = said["cure"]
    if cure and cure.get("shell"):
        cure = {**cure, "line": RunConfig.from_dict(config).command_with(cure["shell"])}
    return conclusion(said["verdict"], cure)


def _title(config) -> str:
    return f"{find_spec(config['task']).title} on {Path(str(config['data'])).name}"


def _results(metrics, own: PageParts) -> Section:
    rows = [{"": split, **metrics[split]} for split in ("test", "valid")]
    shown = table(pd.DataFrame(rows).replace({"valid": "validation"}), "Metrics of the kept epoch")
    return Section("results", "Results", [own.lead, shown, *own.tables])


def _through_time(found, said: Mapping[str, Any], more) -> list[Section]:
    kernels = spectrum(more["spectrum"]) if "spectrum" in more else None
    if found:
        heat = history_map(more["through_time"]) if "through_time" in more else None
        return sections(found, (heat, kernels))
    reason = said.get("missing") or "This run folder has no diagnosis."
    absent = Section("through-time", "Through time", [text("No diagnosis was made. ", reason)])
    return [absent, Section("spectrum", "Recurrent spectrum", [kernels])] if kernels else [absent]


def _configuration(config, metrics) -> Section:
    given = {name: value for name, value in config.items() if value is not None}
    if "units" in metrics:
        given |= {"units": ", ".join(map(str, metrics["units"])), "parameters": whole(metrics["parameters"])}
    return made_section({**metrics, "command": RunConfig.from_dict(config).command()}, given)


def _timing(metrics) -> Section:
    speed = {
        "training": duration(metrics["seconds"]),
        "speed": throughput(metrics),
        "epochs": metrics["epochs"],
    }
    kernels = pd.DataFrame(list(metrics["kernels"].items()), columns=["layer", "kernel and reason"])
    shown = table(kernels, "Kernels", wrap=True) if len(kernels) else None
    return Section(
        "timing", "Timing and versions", [facts(speed), shown, tag("h3", "Versions"), facts(metrics["versions"])]
    )


def _worst(statuses: pd.Series) -> str:
    """The first status that is not healthy, if there is one."""
    return next((str(status) for status in statuses if status != "healthy"), "healthy")


def _depth(layers: int) -> str:
    return f", {layers} layers" if layers > 1 else ""


def _short(value):
    shown = str(value)
    return shown[: LONGEST - 1] + "…" if len(shown) > LONGEST else value
