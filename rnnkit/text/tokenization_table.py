"""The table of tokenizations: by subwords, or by whole words.

A tokenization is learned from texts, goes into a model's build config as a JSON-able dict, and comes back from it:

    subwords = learn_tokenization("subwords", texts, size=8000)
    subwords.decode(subwords.encode(["Any text."])[0])   # "Any text."
    tokenization_from_config(subwords.to_config())

Where two languages share one vocabulary, as tied embeddings need it, it is learned from the texts of both.
"""

from collections.abc import Iterable
from typing import Any

from rnnkit.checks import one_of
from rnnkit.text.subwords import Subwords
from rnnkit.text.tokenization import Tokenization
from rnnkit.text.whole_words import WholeWords

TOKENIZATIONS: dict[str, type[Tokenization]] = {kind.kind: kind for kind in (Subwords, WholeWords)}


def learn_tokenization(kind: str, texts: Iterable[str], size: int) -> Tokenization:
    """The tokenization that texts teach.

    Args:
        kind: `"subwords"` or `"words"`.
        texts, size: see `Tokenization.learn`.

    Raises:
        ArgumentError: an unknown kind, or `size` is too small.
        DataError: one of the texts is no whole Unicode text.
    """
    return TOKENIZATIONS[one_of("tokenization", kind, TOKENIZATIONS)].learn(texts, size)


def tokenization_from_config(config: dict[str, Any]) -> Tokenization:
    """The tokenization whose `to_config` gave this dict."""
    return TOKENIZATIONS[config["kind"]](config["entries"])
