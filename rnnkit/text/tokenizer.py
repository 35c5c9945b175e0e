"""Plain text into words that know where they stood, by a tokenizer of ours or one of the user's."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import regex

from rnnkit.errors import ArgumentError, DataError

# Scripts that set no blanks between words: a character each, with its marks, as no rule finds their words.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Line_Break=Complex_Context}]"  # the last: Thai, Lao, Khmer, Burmese
_WORD = rf"[[\p{{L}}\p{{M}}\p{{N}}_]--{UNSPACED}]"

# Clitics are split off as in the Penn treebank ("do" + "n't"); an emoji with its modifiers is one token.
# Without IGNORECASE: it lets a set match what several letters fold to, such as "ff", and long words take for ever.
_TOKEN = regex.compile(
    rf"""
      {_WORD}+(?=[nN]['’][tT]\b)                        # "do" in "don't"
    | [nN]['’][tT]\b
    | ['’](?:[sSdDmM]|[rR][eE]|[vV][eE]|[lL][lL])\b
    | \p{{N}}++(?:[.,:]\p{{N}}++)*+(?!{_WORD})           # 1,000.50
    | {_WORD}+
    | \.{{2,}} | -{{2,}}
    | (?!\s)\X                                          # any other character, with all that belongs to it
    """,
    regex.VERBOSE | regex.V1,
)


class Token(NamedTuple):
    """A word and its place: `text[start:end]` is the word as it was written."""

    text: str
    start: int
    end: int


def tokenize(text: str, *, lowercase: bool = False) -> list[Token]:
    """The words, numbers and punctuation marks of a text, in any script; white space only separates them.

    In scripts without blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) each character is a token.

    Args:
        text: any Unicode text. Combining characters stay with their letter, so offsets never cut one.
        lowercase: fold the tokens' own text; the offsets are those of the text as given.
    """
    tokens = (Token(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(text))
    return [token._replace(text=token.text.lower()) for token in tokens] if lowercase else list(tokens)


def words(text: str, *, lowercase: bool = False) -> list[str]:
    """Only the words of `tokenize`."""
    found = _TOKEN.findall(text)
    return [word.lower() for word in found] if lowercase else found


def tokenize_with(tokenizer: Callable[[str], Iterable[str]], text: str) -> list[Token]:
    """The words that a tokenizer of the user's finds in a text, with their places.

    Raises:
        DataError: they are not the words of the text, in its order.
    """
    tokens, place = [], 0
    for word in tokenizer(text):
        start = text.find(word, place) if isinstance(word, str) and word else -1
        if start < 0:
            raise DataError(
                f"tokenizer: expected words as they are in the text, in its order, got {word!r}, which does not "
                f"follow in {text[place : place + 40]!r}. Return them unchanged."
            )
        place = start + len(word)
        tokens.append(Token(word, start, place))
    return tokens


def words_with(tokenizer: Callable[[str], Iterable[str]] | None, text: str, *, lowercase: bool = False) -> list[str]:
    """The words that a tokenizer of the user's gives for a text; None takes ours, `words`.

    Raises:
        DataError: they are no strings.
    """
    if tokenizer is None:
        return words(text, lowercase=lowercase)
    found = list(tokenizer(text))
    for word in found:
        if not isinstance(word, str):
            raise DataError(
                f"tokenizer: expected a list of strings for a text, got {word!r:.80} in it. Return its words."
            )
    return [word.lower() for word in found] if lowercase else found


class MissingTokenizer:
    """Stands in for a tokenizer of the user's that a model's file could only name."""

    def __init__(self, name: str):
        self.__name__ = name

    def __call__(self, text):
        raise ArgumentError(
            f"tokenizer: this model was trained with the tokenizer {self.__name__!r}, which is not in its file. Set "
            "model.tokenizer, or decorate it with keras.saving.register_keras_serializable() before you load the model."
        )


def own_tokenizer(given: Any) -> Callable[[str], Iterable[str]] | None:
    """A tokenizer of the user's as it is, one from a model's configuration by its name, or None.

    Raises:
        ArgumentError: it cannot be called.
    """
    if isinstance(given, str):
        import keras

        return keras.saving.get_registered_object(given) or MissingTokenizer(given)
    if given is not None and not callable(given):
        raise ArgumentError(
            f"tokenizer: expected a function from a text to a list of its words, or None, got {given!r}."
        )
    return given


def tokenizer_name(tokenizer: Any) -> str | None:
    """The name under which Keras, or else Python, knows a tokenizer, for the configuration."""
    if tokenizer is None:
        return None
    named = tokenizer if hasattr(tokenizer, "__name__") else type(tokenizer)
    import keras

    return keras.saving.get_registered_name(named)
