"""From a task's options to those of the command line, and the options that only commands have."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from rnnkit.tasks.options import COMMON, Option
from rnnkit.tasks.specs import SPECS

Run = Annotated[Path, typer.Argument(help="A run folder, a search folder, or a .keras file.", metavar="RUN")]
Out = Annotated[
    Path | None,
    typer.Option(help="The folder to write. Default: a new one in runs.", metavar="DIR", rich_help_panel="Output"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel="Output")]
OPTIONS = {option.name: option for option in COMMON}


def among(*words: str) -> Callable[[str], list[str]]:
    """Completes to one of the words; to files, in shells that do so, where none begins like that."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def some_of(*words: str) -> Callable[[str], list[str]]:
    """Completes the last of several words with commas between them."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        done = before.split(",")
        return [before + comma + word for word in words if word.startswith(last) and word not in done]

    return complete


def typed(option: Option, *flags: str) -> Any:
    """The annotation by which Typer reads an option."""
    if option.kind is bool and option.default is None:
        flags = (f"--no{option.flag[1:]}", *flags)
    kind: Any = list[str] if option.kind is dict else option.kind
    kind = kind if option.default is not None else kind | None
    return Annotated[
        kind,
        typer.Option(
            "/".join((option.flag, *flags)) if option.kind is bool else option.flag,
            *(() if option.kind is bool else flags),
            *filter(None, [option.short]),
            help=option.described,
            metavar=None if option.kind is bool else option.metavar,
            rich_help_panel=option.panel,
            autocompletion=among(*option.words) if option.words else None,
            show_default=option.default is not None and option.kind is not bool,
        ),
    ]


Device = typed(OPTIONS["device"])


def parameters(options: Iterable[Option]) -> list[inspect.Parameter]:
    """Parameters of a command, one for each option."""
    return [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=option.default,
            annotation=typed(option, *(("--fix",) if option.kind is dict else ())),
        )
        for option in options
    ]


def command(name: str, body: Callable[..., None], options: Iterable[Option], text: str) -> Callable[..., None]:
    """A command whose options are those of `body`, a function of its own keywords, and `options`.

    Args:
        name: of the command.
        body: gets the context, its own options by name, and the others as `options`, a dict.
        options: the options.
        text: its help.
    """
    own = [each for each in inspect.signature(body).parameters.values() if each.name != "options"]
    ours = parameters(options)
    names = {each.name for each in ours}

    def run(**given: Any) -> None:
        body(**{key: value for key, value in given.items() if key not in names}, options={k: given[k] for k in names})

    keywords = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    arguments = [each for each in keywords if each.default is each.empty]
    others = [each for each in keywords if each.default is not each.empty]
    run.__name__, run.__doc__ = name, text
    run.__signature__ = inspect.Signature([*arguments, *ours, *others])  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in (*keywords, *ours)}
    return run


def union(pick: Callable[[Any], Iterable[Option]]) -> list[Option]:
    """The options that some task has, each once and without a default; the help says of which tasks."""
    found: dict[str, dict[str, tuple[Option, list[str]]]] = {}
    for spec in SPECS.values():
        for option in pick(spec):
            found.setdefault(option.name, {}).setdefault(option.help, (option, []))[1].append(spec.task)
    common = {
        name: dataclasses.replace(OPTIONS[name], default=None)
        for name, told in found.items()
        if name in OPTIONS and sum(len(tasks) for _, tasks in told.values()) > 1
    }
    return [common.get(name) or _of(list(told.values())) for name, told in found.items()]


def _of(told: list[tuple[Option, list[str]]]) -> Option:
    """One option of what each is for some tasks."""
    said = "; ".join(f"for {_listed(tasks)}: {each.help[0].lower()}{each.help[1:].rstrip('.')}" for each, tasks in told)
    metavars = dict.fromkeys(each.metavar for each, _ in told if each.metavar)
    return dataclasses.replace(
        told[0][0], help=f"{said[0].upper()}{said[1:]}.", default=None, metavar="|".join(metavars) or None
    )


def _listed(tasks: list[str]) -> str:
    *others, last = tasks
    return f"{', '.join(others)} and {last}" if others else last


def help_text(docstring: str | None, examples: Iterable[str] = ()) -> str:
    """A docstring as Typer's help: it would keep the line ends of all paragraphs but the first."""
    text = re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(docstring or ""))
    lines = "\n\n".join(["Examples:", *examples]) if examples else ""
    return f"{text}\n\n{lines}".strip()
