"""What the shell completes at the tab key. No heavy import, since it waits for the answer."""

from collections.abc import Callable

from rnnkit import datasets


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


data = among(*datasets.names())
