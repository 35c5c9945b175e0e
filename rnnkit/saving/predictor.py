"""A saved model as a function of columns, for engines that spread the rows of a table over processes and machines."""

import functools
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.columns import as_column

_LOADING = threading.Lock()


class Predictor:
    """Answers batches of columns with a saved model: for `map_batches` of Ray Data and `predict_batch_udf` of Spark.

        predict = rnnkit.Predictor("reviews.keras")
        predict({"text": ["not bad at all"]})  # the columns text, predicted and score

    It can be pickled, and is small: the model is loaded by the first call in each process, and once for all predictors
    of its file there. A batch comes back with these columns added, one value per row:

    | model | input column | answers |
    |---|---|---|
    | `SentimentClassifier` | `text` | `predicted`, `score`, as `classify` gives them |
    | `EntityRecognizer` | `tokens`, words or a text in each row | `entities`: in each row dicts, as of `tag` |
    | `Translator` | `source` | `predicted`, as `translate` gives it |
    | `MemoryModel` | `sequence` | `predicted`, as `answer` gives it |
    | `LanguageModel` | `text` | `log_probability` of the whole text, in nats, and `tokens`, with the end of the text |
    | `Forecaster` | whole series, in the columns of training | the table of `forecast`, in place of the batch |

    Args:
        path: a `.keras` file, or the folder of a run; each machine has to find it there.
        column: the input column, where it has another name.
        options: of the method that answers, such as `batch_size`, `beam` or `quantiles`.

    Examples:
        >>> import tempfile
        >>> import rnnkit
        >>> model = rnnkit.MemoryModel("class", units=4)
        >>> model.adapt([[0, 1, 2], [2, 1, 0]], [1, 0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model.keras")
        ...     predict = rnnkit.Predictor(f"{folder}/model.keras", column="steps")
        ...     found = predict({"id": [7], "steps": [[0, 1, 2, 2]]})
        >>> list(found), found["predicted"].shape
        (['id', 'steps', 'predicted'], (1,))
    """

    def __init__(self, path: str | os.PathLike[str], column: str | None = None, **options: Any):
        self.path = Path(path).absolute()
        self.column = column
        self.options = options

    def __call__(self, batch: Mapping[str, Any] | pd.DataFrame | Any) -> dict[str, Any] | pd.DataFrame:
        """Answers the rows of a batch.

        Args:
            batch: columns by name, as a dict or a DataFrame; or the input column alone, as an array, list or Series,
                which is what Spark gives.

        Returns:
            The batch and the answers, as a dict or a DataFrame; for an input column alone, a dict of the answers, each
            an array.

        Raises:
            ArgumentError: the model is none of a task, or of one without an answer per row.
            DataError: the batch is empty, lacks the input column, has a column of the name of an answer, or holds
                something that the model cannot read.
            ModelFileError: there is no model, or it cannot be read.
        """
        spec, model = self._loaded()
        name = self.column or model.columns[0]
        given = _columns(batch, name)
        if model.columns == ("series",):  # whole series, and a table of its own
            found = dict(spec.answer_rows(model, pd.DataFrame(given), **self.options).items())
        else:
            found = _with_answers(given, name, lambda rows: spec.answer_rows(model, rows, **self.options))
        if isinstance(batch, pd.DataFrame):
            return pd.DataFrame(found)
        arrays = {each: values if values is given.get(each) else _array(values) for each, values in found.items()}
        return arrays if isinstance(batch, Mapping) else {each: arrays[each] for each in arrays if each not in given}

    def _loaded(self) -> tuple[Any, Any]:
        file = self.path / "model.keras" if self.path.is_dir() else self.path
        with _LOADING:
            return _loaded(file, file.stat().st_mtime_ns if file.exists() else 0)


@functools.lru_cache(maxsize=4)
def _loaded(file: Path, changed: int) -> tuple[Any, Any]:
    """The spec of a saved model's task, and the model; `changed` is when its file was."""
    from rnnkit.saving import load
    from rnnkit.tasks.specs import find_task, spec_of

    model = load(file)
    try:
        return spec_of(find_task(type(model))[0]), model
    except ArgumentError as error:
        raise ArgumentError(f"path: {file} holds a {type(model).__name__}, which is no task of rnnkit.") from error


def _columns(batch: Any, name: str) -> dict[str, Any]:
    """The columns of a batch by name.

    Raises:
        DataError: it has none, or no rows.
    """
    named = isinstance(batch, (Mapping, pd.DataFrame))
    if not named and (isinstance(batch, (str, bytes)) or not hasattr(batch, "__len__")):
        raise DataError(
            f"batch: expected a dict of columns, a DataFrame, or a list or array of inputs, got {type(batch).__name__}."
        )
    given = dict(batch.items()) if named else {name: batch}
    if not given or not all(len(values) for values in given.values()):
        raise DataError("batch: expected one row or more, got none. Leave empty batches out.")
    return given


def _with_answers(given: dict[str, Any], name: str, answer: Callable[[list], Mapping[str, Any]]) -> dict[str, Any]:
    """The columns, and those with an answer for each input.

    Args:
        name: of the input column.

    Raises:
        DataError: there is no such column, or one of the name of an answer.
    """
    if name not in given:
        raise DataError(
            f"batch: expected a column {name}, got {', '.join(map(str, given))}. Name the column of the inputs with "
            "column=."
        )
    answers = answer(as_column(given[name]))
    if taken := [each for each in answers if each in given]:
        raise DataError(f"batch: the column {taken[0]} would be that of an answer. Give yours another name.")
    return {**given, **answers}


def _array(values: Any) -> np.ndarray:
    """Values of a column, of which each row has one: numbers and texts, or lists, as they are."""
    values = list(values)
    if not isinstance(values[0], (list, str)):
        return np.array(values)
    array = np.empty(len(values), object)
    array[:] = values
    return array
