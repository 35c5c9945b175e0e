"""Commands that take a task first: each task is a command of its own, with its own options and help."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from rnnkit.cli.options import command, help_text
from rnnkit.errors import ArgumentError
from rnnkit.tasks.settings import constructor_arguments
from rnnkit.tasks.specs import SPECS, TaskSpec, find_spec

HIDDEN = ("return_sequences", "name", "trainable")  # arguments that no run needs


class TaskGroup(TyperGroup):
    """A group of commands that are named as the tasks are."""

    def resolve_command(self, ctx, args):
        """As usual; an unknown task is named with the known ones."""
        if args and not ctx.resilient_parsing:
            if ctx.params.get("resume"):
                given = ", ".join(each for each in args if each.startswith("-")) or args[0]
                raise ArgumentError(f"resume: a run resumes with the options in its config.json. Leave out {given}.")
            if args[0].startswith("-"):
                raise ArgumentError(f"task: expected a task before the option {args[0]}, one of {', '.join(SPECS)}.")
            find_spec(args[0])
        return super().resolve_command(ctx, args)


def by_task(
    name: str, body: Callable[..., None], options: Callable[[TaskSpec], Any], examples: Callable[[TaskSpec], Any]
) -> typer.Typer:
    """A group with a command for each task.

    Args:
        name: of the group.
        body: gets the context, the task's name as `task`, its own options, and `options`; its docstring is the help.
        options, examples: spec -> options, and command lines for the help.
    """
    group = typer.Typer(cls=TaskGroup, help=help_text(body.__doc__), context_settings={"ignore_unknown_options": True})
    for task, spec in SPECS.items():
        names = f"Arguments for --set: {', '.join(each for each in constructor_arguments(spec) if each not in HIDDEN)}."
        shown = "\n\n".join(["Examples:", *examples(spec), names])
        made = command(task, _of_task(body, task), options(spec), f"{spec.about} {help_text(body.__doc__)}")
        group.command(task, help=made.__doc__, short_help=spec.about, epilog=shown)(made)
    return group


def _of_task(body: Callable[..., None], task: str) -> Callable[..., None]:
    import inspect

    def run(**given: Any) -> None:
        body(task=task, **given)

    kept = [each for each in inspect.signature(body).parameters.values() if each.name != "task"]
    run.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
    return run
