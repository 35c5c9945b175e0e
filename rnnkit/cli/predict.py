"""`rnnkit evaluate` and `rnnkit predict`: use the model of a run."""

import json
import warnings
from pathlib import Path
from typing import Any

from rnnkit.cli.model import check_data_options, data_of, data_options, find_model, open_model, spec_of_model
from rnnkit.cli.options import Device, Json, Run, command, union
from rnnkit.cli.texts import File, Texts, read_texts
from rnnkit.errors import ArgumentError
from rnnkit.report import terminal
from rnnkit.report.terminal import notices, reading
from rnnkit.tasks.specs import find_spec

OTHER_SPLIT = (
    "data: this run was made by rnnkit 0.1, which split {data} in another way: its test part now holds rows that "
    "the model was trained on. Name data that it has not seen with --data."
)


def _evaluate(run: Run, options: dict[str, Any], device: Device = "auto", as_json: Json = False) -> None:
    """Evaluate a saved model on its own test data, on another data set, or on a file.

    Translations are also written into the run's folder, with their sources and references.
    """
    saved = find_model(run)
    console = terminal.console(stderr=as_json)
    model = None if saved.task else open_model(console, saved, device)
    spec = find_spec(saved.task) if saved.task else spec_of_model(model, run)
    ways = _checked(spec, options)
    with reading(console, options["data"] or (saved.config.data if saved.config else None)):
        if options["data"] is None and saved.config is not None and saved.is_split_otherwise:
            warnings.warn(OTHER_SPLIT.format(data=saved.config.data), stacklevel=1)
        test = data_of(spec, saved, options, "test")
    model = model or open_model(console, saved, device)
    name = f"on-{Path(options['data']).name.split('.')[0]}" if options["data"] else "test"
    with notices(console), console.status("Evaluating"):
        metrics, show_more = spec.evaluate(console, model, test, saved.folder, name, **ways)
    figures = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    console.print(f"{len(test)} examples  {figures}", highlight=False)
    show_more()
    if as_json:
        print(json.dumps(metrics))


def _checked(spec, options: dict[str, Any]) -> dict[str, Any]:
    """The values of the task's own options of `evaluate`."""
    check_data_options(spec, options, spec.evaluate_options)
    return {each.name: each.checked(options[each.name]) for each in spec.evaluate_options}


def _options(spec):
    return (*data_options(spec), *spec.evaluate_options)


evaluate = command("evaluate", _evaluate, union(_options), _evaluate.__doc__ or "")


def _predict(
    run: Run,
    options: dict[str, Any],
    texts: Texts = None,
    file: File = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Predict with a saved model, one line per text; or forecast what comes after a file of series.

    Sentiment: the label, its probability and the text, with tabs between them. Entities: the text with each entity in
    brackets, with its type and probability; --json has their places too. Memory: each text is a JSON list, a sequence
    of symbols or of lists of numbers; the line is the answer. Forecasting: a table with time stamps. Music: use rnnkit
    generate. Translation: use rnnkit translate.
    """
    saved = find_model(run)
    console = terminal.console(stderr=True)
    model = None if saved.task else open_model(console, saved, device)
    spec = find_spec(saved.task) if saved.task else spec_of_model(model, run)
    given = _of_task(spec, options)
    spec.check_predict(run, **given)
    inputs = None if spec.predict_options else read_texts(texts, file)
    model = model or open_model(console, saved, device)
    if inputs is None:
        with notices(console):
            spec.predict(console, model, **given)
        return
    with console.status("Predicting"):
        answers = list(spec.answers(model, inputs, as_json))
    for line in answers:
        print(line) if isinstance(line, str) else terminal.console().print(line, soft_wrap=True)


def _of_task(spec, options: dict[str, Any]) -> dict[str, Any]:
    """The values that were given, of the task's own options.

    Raises:
        ArgumentError: options of other tasks.
    """
    known = {each.name: each for each in spec.predict_options}
    given = {name: value for name, value in options.items() if value is not None}
    if foreign := [name for name in given if name not in known]:
        raise ArgumentError(f"{', '.join(foreign)}: a model of {spec.task} answers texts. Leave it out.")
    return {name: known[name].checked(value) for name, value in given.items()}


predict = command("predict", _predict, union(lambda spec: spec.predict_options), _predict.__doc__ or "")
