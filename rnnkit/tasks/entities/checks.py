"""Token and tag lists, losses and metrics as users give them: what cannot be used is named."""

import numpy as np

from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.entities.schemes import check_tags, detect_scheme, repair
from rnnkit.tasks.entities.spans import find_spans, parse_tags


def check_sentences(sentences: list, *, empty: bool = False) -> list[list[str]]:
    """The token lists as they are.

    Args:
        sentences: a list of token lists.
        empty: whether a sentence may be without tokens.

    Raises:
        DataError: a row is no list of tokens, or one without any.
    """
    for row, tokens in enumerate(sentences):
        if not isinstance(tokens, list):
            raise DataError(f"x: expected a list of tokens in every row, got {tokens!r} in row {row}. Split it first.")
        if not tokens and not empty:
            raise DataError(f"x: sentence {row} has no tokens. Leave such rows out.")
        for place, token in enumerate(tokens):
            if not isinstance(token, str) or not token:
                raise DataError(f"x: expected text for every token, got {token!r} at {place} of sentence {row}.")
    return sentences


def check_tag_lists(sentences: list[list[str]], tags: list) -> list[list[str]]:
    """The tag lists as they are: as long as their sentences, every tag well-formed.

    Raises:
        DataError: they are not; the message names the sentence.
    """
    for row, (tokens, each) in enumerate(zip(sentences, tags, strict=True)):
        if not isinstance(each, list):
            raise DataError(f"y: expected a list of tags in every row, got {each!r} in row {row}.")
        if len(tokens) != len(each):
            raise DataError(f"x, y: sentence {row} has {len(tokens)} tokens and {len(each)} tags. Give each token one.")
        parse_tags(each, where=f"y: sentence {row}")
    return tags


def reject_broken(tags: list[list[str]]) -> None:
    """Raises on the first tag sequence that breaks the scheme which the tags keep to best.

    Raises:
        DataError: it names the sentence, the position and the tag.
    """
    scheme = detect_scheme(tags)
    for row, each in enumerate(tags):
        check_tags(each, scheme, sentence=row)


def types_of(data: Dataset) -> list[set[str]]:
    """The types of the entities in each tagged sentence.

    Raises:
        DataError: a sentence or its tags cannot be used.
    """
    tags = check_tag_lists(check_sentences(data["tokens"]), data["tags"])
    return [{span.label for span in find_spans(each)} for each in tags]


def tag_numbers(sentences: list[list[str]], tags: list[str], scheme: str) -> list[np.ndarray]:
    """Tag lists, valid or not, as the numbers of the K `tags` of a scheme: int32, shape (T,) each.

    Raises:
        DataError: a type that none of `tags` has.
    """
    numbers = {tag: number for number, tag in enumerate(tags)}
    known = sorted({tag.label for tag in parse_tags(tags, where="tags")} - {""})
    unseen = sorted({span.label for each in sentences for span in find_spans(each)} - set(known))
    if unseen:
        raise DataError(
            f"y: the types {', '.join(unseen[:5])} were not seen in training; the model knows {', '.join(known)}. "
            "Train on sentences that have them too, or leave these out."
        )
    return [np.array([numbers[tag] for tag in repair(each, scheme)], "int32") for each in sentences]


def check_no_names(argument: str, value) -> None:
    """Raises `ArgumentError` where a loss or metric is given by its name in Keras."""
    import keras  # here, as the command line reads this module before it starts TensorFlow

    named = [each for each in keras.tree.flatten(value) if isinstance(each, str) and each != "auto"]
    if named:
        raise ArgumentError(
            f"{argument}: expected 'auto' or objects that know what padding is, got {named[0]!r}. "
            "Entity f1, precision and recall are measured anyway."
        )
