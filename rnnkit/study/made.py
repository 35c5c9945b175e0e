"""When, where and of what results were made: what every page says of itself."""

import os
import platform
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnkit.datasets import Dataset
from rnnkit.report.markup import Markup, facts, tag, whole
from rnnkit.report.page import Section, text
from rnnkit.study.files import read_json, write_json

FILE = "made.json"  # in the folder of a search or a comparison; a run has the same in its metrics


def made(**parts: Dataset | None) -> dict[str, Any]:
    """Date, hardware, and number of examples by part of the data: JSON-able."""
    examples = {part: len(data) for part, data in parts.items() if data is not None}
    now = time.strftime("%Y-%m-%d %H:%M")
    return {"date": now, "hardware": hardware(), "examples": examples}


def throughput(metrics: Mapping[str, Any]) -> str:
    """How fast a model trained: in tokens where it reads a stream of them, else in examples."""
    unit = "tokens" if "tokens_per_second" in metrics else "examples"
    return f"{metrics[f'{unit}_per_second']:,.0f} {unit}/s"


def running_command() -> str | None:
    """The line by which the `rnnkit` command of this process was started; None in other programs."""
    if Path(sys.argv[0]).stem != "rnnkit":
        return None
    return shlex.join(["rnnkit", *(each for each in sys.argv[1:] if each != "--overwrite")])


def hardware() -> str:
    """Processor, cores and memory of this machine, and the GPUs that TensorFlow uses."""
    import tensorflow as tf

    parts = [processor(), f"{os.cpu_count()} cores"]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        parts.append(f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.get_visible_devices("GPU")]
    return ", ".join([*parts, *(str(each.get("device_name", "GPU")) for each in details)])


def processor() -> str:
    """Its name, as far as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def keep_made(folder: Path, **parts: Dataset | None) -> None:
    """Writes `made`, and the `rnnkit` line that is running, into a folder that does not have them yet."""
    if not (folder / FILE).is_file():
        write_json(folder / FILE, {**made(**parts), "command": running_command()})


def read_made(folder: Path) -> dict[str, Any]:
    """What `keep_made` wrote; empty where it did not."""
    return read_json(folder / FILE) if (folder / FILE).is_file() else {}


def made_section(told: Mapping[str, Any], settings: Mapping[str, Any], *more: Markup | None) -> Section:
    """The command that makes it again, what was asked for, and when and where it was made."""
    command = told.get("command")
    again = [text("The same again:"), tag("pre", tag("code", command))] if command else []
    sizes = ", ".join(f"{whole(count)} {part}" for part, count in told.get("examples", {}).items())
    where = {"examples": sizes, "date": told.get("date"), "hardware": told.get("hardware")}
    given = {name: value for name, value in {**settings, **where}.items() if value not in (None, "")}
    return Section("configuration", "Configuration", [*again, facts(given), *more])
