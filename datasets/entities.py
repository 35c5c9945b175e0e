"""Readers of tagged sentences in JSON lines: entities as places in a text, or tokens with their tags."""

import os
import warnings
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from rnnkit.datasets.dataset import Dataset
from rnnkit.datasets.describe import counted, shorten
from rnnkit.datasets.json_lines import Record, field, records
from rnnkit.datasets.tables import check_text
from rnnkit.errors import DataError, DataNotice
from rnnkit.text.textfile import lines

SPANS = ("spans", "entities", "label", "labels")  # the names of the field by Prodigy, spaCy, and doccano old and new
TAGS = ("ner_tags", "tags", "labels")

Tagged = tuple[list[str], list[str], str]  # tokens, tags, and what is to be told of the line


class _Span(NamedTuple):
    start: int
    end: int
    label: str


def read_entities(
    path: str | os.PathLike[str],
    *,
    text: str = "text",
    spans: str | None = None,
    tokens: str = "tokens",
    tags: str | None = None,
    names: Sequence[str] | None = None,
    tokenizer: Callable[[str], Sequence[str]] | None = None,
    encoding: str = "utf-8-sig",
) -> Dataset:
    """Read tagged sentences from a file with one JSON object per line, in the form that its first line has.

    Entities in a text, as doccano, Prodigy and spaCy write them: a text, and a list of `[start, end, type]`, of objects
    with `start`, `end` and `label`, or with `start_offset`, `end_offset` and `label`, places in characters. The text is
    split into tokens, unless the line has tokens with their places, and the spans become tags in IOB2. A span that
    begins or ends within a token is widened to it, and a line that Prodigy's user did not accept is left out; both with
    a warning.

    Tokens and tags, as data sets of Hugging Face have them: a list of tokens and one of tags, or of their numbers.

    Args:
        path: a `.jsonl` or `.jsonl.gz` file.
        text: the field of the texts.
        spans: the field of the entities; None takes `spans`, `entities`, `label` or `labels`, whichever holds a list.
        tokens: the field of the tokens.
        tags: the field of the tags; None takes `ner_tags`, `tags` or `labels`.
        names: what the numbers 0, 1, ... stand for, where tags are numbers.
        tokenizer: a text -> its tokens in their order; None takes those of the line, or else the words that
            `EntityRecognizer.tag` finds.
        encoding: as for `read_csv`.

    Returns:
        A data set with the columns `tokens` and `tags`: for each line two lists of str.

    Raises:
        DataError: the file cannot be read or is empty, a line is no JSON object, lacks a field or holds something else
            in it, entities overlap or lie outside of their text, or tags are numbers without names.

    Warns:
        DataNotice: spans were widened, or lines left out.
    """
    path = Path(path)
    numbered = records(path, lines(path, encoding))
    number, first = next(numbered, (0, {}))
    numbered = chain([(number, first)] if number else [], numbered)
    tags = tags or next((name for name in TAGS if _is_tagged(first, tokens, name)), None)
    if tags is not None:
        read = partial(_from_tags, tokens=tokens, tags=tags, names=names)
    else:
        spans = spans or next((name for name in SPANS if is_spans(first.get(name))), SPANS[0])
        read = partial(_from_spans, text=text, spans=spans, tokens=tokens, tokenizer=tokenizer)
    rows, odd = [], defaultdict(list)
    for number, record in numbered:
        found, tagged, notice = read(_Line(path, number, record))
        if found:
            rows.append((found, tagged))
        if notice or not found:
            odd[notice or " left out: no tokens"].append(number)
    if odd:
        told = "; ".join(f"{counted('line', numbers)}{notice}" for notice, numbers in odd.items())
        warnings.warn(DataNotice(f"{path}: {told}."), stacklevel=2)
    if not rows:
        raise DataError(f"{path} has no line with tokens. Expected one JSON object per line.")
    return Dataset(dict(zip(("tokens", "tags"), zip(*rows, strict=True), strict=True)), name=path.name)


def has_entities(record: Record) -> bool:
    """Whether an object holds entities or tags, and not one label for a text."""
    return any(_is_tagged(record, "tokens", name) for name in TAGS) or any(is_spans(record.get(name)) for name in SPANS)


def is_spans(value: Any) -> bool:
    """Whether a value is a list of what could be spans; labels of texts are no lists."""
    return isinstance(value, list) and all(isinstance(each, list | dict) for each in value)


def _is_tagged(record: Record, tokens: str, tags: str) -> bool:
    given = record.get(tokens), record.get(tags)
    return all(isinstance(each, list) for each in given) and not (given[1] and is_spans(given[1]))


class _Line(NamedTuple):
    """An object of the file, with its place for errors."""

    path: Path
    number: int
    record: Record

    def field(self, name: str, kind: type) -> Any:
        value = field(self.path, self.number, self.record, name)
        if not isinstance(value, kind):
            raise self.error(
                f"expected a {'text' if kind is str else 'list'} in the field '{name}', found {type(value).__name__}."
            )
        return self.whole(name, value) if kind is str else value

    def whole(self, name: str, content: Any) -> str:
        return check_text(self.path, self.number, name, content)

    def error(self, message: str, advice: str = "") -> DataError:
        return DataError(f"{self.path}, line {self.number}: {message}", advice=advice)


def _from_tags(line: _Line, tokens: str, tags: str, names: Sequence[str] | None) -> Tagged:
    """Tokens and tags that stand so in the line."""
    found = [line.whole("token", token) for token in line.field(tokens, list)]
    given = line.field(tags, list)
    if len(found) != len(given) or not all(found):
        raise line.error(f"expected a tag for each of {len(found)} tokens, none empty, found {len(given)} tags.")
    return found, [line.whole("tag", _named(line, tag, names)) for tag in given], ""


def _named(line: _Line, tag: Any, names: Sequence[str] | None) -> Any:
    if type(tag) is not int:
        return tag
    if names is None:
        raise line.error(
            "its tags are numbers.", advice="Pass the tags that 0, 1, ... mean, in this order: <names=O,B-PER,I-PER>."
        )
    if not 0 <= tag < len(names):
        raise line.error(f"expected a number from 0 to {len(names) - 1}, which have names, found {tag}.")
    return names[tag]


def _from_spans(
    line: _Line, text: str, spans: str, tokens: str, tokenizer: Callable[[str], Sequence[str]] | None
) -> Tagged:
    """Tokens of a text, and tags in IOB2 for its spans."""
    if line.record.get("answer", "accept") != "accept":
        return [], [], " left out: not accepted"
    content = line.field(text, str)
    given = line.field(spans, list) if spans in line.record or "answer" not in line.record else []
    places = _places(line, content, tokens, tokenizer)
    starts, ends = [start for start, _ in places], [end for _, end in places]
    tags, widened = ["O"] * len(places), False
    for start, end, label in sorted({_span(line, each, len(content)) for each in given}):
        first, last = bisect_right(ends, start), bisect_left(starts, end)
        entity = shorten(content[start:end])
        if first == last:
            raise line.error(f"the entity {entity} from {start} to {end} has no token.", "Correct or remove it.")
        if set(tags[first:last]) != {"O"}:
            raise line.error(
                f"the entity {entity} from {start} to {end} overlaps another one, and a token has one tag.",
                "Remove one of them, or separate them by another <tokenizer>.",
            )
        tags[first:last] = [f"B-{label}"] + [f"I-{label}"] * (last - first - 1)
        widened = widened or starts[first] < start or ends[last - 1] > end
    notice = ": entities that begin or end within a token were widened to it" if widened else ""
    return [content[start:end] for start, end in places], tags, notice


def _places(
    line: _Line, content: str, tokens: str, tokenizer: Callable[[str], Sequence[str]] | None
) -> list[tuple[int, int]]:
    """Start and end of each token in the text."""
    given = line.record.get(tokens)
    if tokenizer is None and isinstance(given, list) and given and is_spans(given):
        found = [_span(line, {**_object(line, each), "label": "token"}, len(content)) for each in given]
        if any(before.end > after.start for before, after in pairwise(found)):
            raise line.error("its tokens overlap.")
        return [(start, end) for start, end, _ in found if not content[start:end].isspace()]
    from rnnkit.text.tokenizer import words  # imports regex, which takes its time

    places, place = [], 0
    for token in (tokenizer or words)(content):
        place = content.find(token, place)
        if place < 0 or not token:
            raise line.error(f"tokenizer: expected tokens of the text in their order, got {shorten(token)}.")
        places.append((place, place + len(token)))
        place += len(token)
    return places


def _object(line: _Line, value: Any) -> Record:
    if not isinstance(value, dict):
        raise line.error(f"expected tokens with start and end, found {shorten(value)}.")
    return value


def _span(line: _Line, given: Any, size: int) -> _Span:
    """A span in any of its forms, within a text of this many characters."""
    if isinstance(given, dict):
        start, end = (given.get(name, given.get(f"{name}_offset")) for name in ("start", "end"))
        given = [start, end, given.get("label")]
    if not isinstance(given, list) or [type(each) for each in given] != [int, int, str] or not given[2].strip():
        wanted = "an entity as [start, end, type], or as an object with start, end and label"
        raise line.error(f"expected {wanted}, found {shorten(given)}.")
    span = _Span(given[0], given[1], line.whole("type", given[2].strip()))
    if not 0 <= span.start < span.end <= size:
        raise line.error(f"expected entities within the {size} characters of the text, found {shorten(given)}.")
    return span
