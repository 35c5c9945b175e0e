"""What the page of each task is made of: its network as an ONNX file, its scripts, and what they have to know."""

import sys
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from rnnkit.errors import ArgumentError
from rnnkit.tasks.export import onnx_content, onnx_step
from rnnkit.tasks.music.generation import find_grid


class Page(NamedTuple):
    """A task in the browser.

    Attributes:
        heading: what the page does.
        scripts: files next to this one, in the order in which they are read.
        network: gives the ONNX file's content; that takes seconds.
        facts: what the scripts read as `MODEL`; JSON-able.
    """

    heading: str
    scripts: tuple[str, ...]
    network: Callable[[], bytes]
    facts: dict[str, Any]


def page_of(task) -> Page:
    """The page of a task with a network.

    Raises:
        ArgumentError: there is no page for this task, or it has a tokenizer of its user's, which is Python.
    """
    makers = [PAGES[each.__name__] for each in type(task).__mro__ if each.__name__ in PAGES]
    if not makers:
        raise ArgumentError(
            f"format: there is no page for {type(task).__name__}, only for {', '.join(PAGES)}. Choose another format."
        )
    if getattr(task, "tokenizer", None) is not None:
        raise ArgumentError(
            "format: this model splits texts with a tokenizer of yours, which a page cannot run. Choose another format."
        )
    return makers[0](task)


def _sentiment(task) -> Page:
    facts = {"words": task.vocabulary.words, "labels": task.labels}
    facts |= {"lowercase": task.lowercase, "max_length": task.max_length}
    return Page(
        "A text's sentiment, word by word", ("text.js", "sentiment.js"), partial(onnx_content, task.network), facts
    )


def _entities(task) -> Page:
    facts = {"words": task.vocabulary.words, "characters": task.spelling.vocabulary.words, "tags": task.tags}
    facts |= {"types": task.types, "joins": task.get_build_config().get("joins", {}), "lowercase": task.lowercase}
    facts |= {"width": task.spelling.width if task.chars else None, "numeric": _numeric_letters()}
    return Page(
        "Entities in a text", ("text.js", "tagging.js", "entities.js"), partial(onnx_content, task.network), facts
    )


def _music(task) -> Page:
    learned = task.get_build_config()
    grid = find_grid({"steps_per_beat": None, "tempo": None}, None, learned["grid"])
    facts = {name: learned[name] for name in ("max_notes", "max_hold", "max_silence")}
    facts |= {"playable": [key for key, count in enumerate(learned["sounding"]) if count]}
    facts |= {"seconds": 60 / grid["tempo"] / grid["steps_per_beat"]}
    return _by_steps(task, "Music as it is drawn", "music.js", facts)


def _language(task) -> Page:
    learned = task.tokens.to_config()
    if learned["kind"] not in ("characters", "bytes"):
        raise ArgumentError(
            f"format: a page writes characters or bytes, and this model {learned['kind']}. Choose another format."
        )
    facts = {"kind": learned["kind"], "entries": learned["entries"], "lowercase": task.tokens.lowercase}
    return _by_steps(task, "Text as it is written", "language.js", facts)


PAGES: dict[str, Callable[[Any], Page]] = {
    "SentimentClassifier": _sentiment,
    "EntityRecognizer": _entities,
    "MusicGenerator": _music,
    "LanguageModel": _language,
}


def _numeric_letters() -> str:
    """Characters with a number's value that are no numbers by their category; JavaScript knows the category alone."""
    every = map(chr, range(sys.maxunicode + 1))
    return "".join(each for each in every if each.isnumeric() and not unicodedata.category(each).startswith("N"))


def _by_steps(task, heading: str, script: str, facts: dict[str, Any]) -> Page:
    """A page whose network reads a step at a time."""
    step = task.one_step()
    for name, arrays in {"inputs": step.inputs_like, "states": step.states_like}.items():
        facts[name] = {key: (dtype, shape) for key, (shape, dtype) in arrays.items()}
    return Page(heading, ("step.js", script), partial(onnx_step, step), facts)
