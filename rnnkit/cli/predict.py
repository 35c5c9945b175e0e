"""`rnnkit evaluate` and `rnnkit predict`: use the model of a run."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rnnkit.cli.model import open_model
from rnnkit.cli.options import Device, Run
from rnnkit.cli.show import entity_text, notices, reading, show_signatures, show_types
from rnnkit.cli.texts import File, Texts, read_texts
from rnnkit.cli.translate import check_translation_options, translate_data
from rnnkit.errors import ArgumentError, DataError


def evaluate(
    run: Run,
    data: Annotated[str | None, typer.Option(help="A data set's name or a file; without it, the run's own.")] = None,
    text: Annotated[str | None, typer.Option(help="The column of texts in a file.")] = None,
    label: Annotated[str | None, typer.Option(help="The column of labels in a file.")] = None,
    target: Annotated[
        Path | None, typer.Option(help="For translation: a file with the translations of the lines of --data.")
    ] = None,
    beam: Annotated[int | None, typer.Option(help="For translation: as for rnnkit translate.")] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON.")] = False,
) -> None:
    """Measure a run's model again: on its own test data, on another data set's, or on the whole of a file.

    Translations are also written into the run's folder, with their sources and references.
    """
    import dataclasses

    from rnnkit.study.folder import RunFolder
    from rnnkit.study.run import open_data
    from rnnkit.tasks.config import RunConfig
    from rnnkit.tasks.specs import find_spec

    folder = RunFolder(run)
    config = RunConfig.from_dict(folder.config)
    check_translation_options(config.task, data, target, beam)
    console = Console(stderr=as_json)
    with reading(console, data or config.data):
        if data is None:
            test = open_data(config).test
        else:
            other = dataclasses.replace(
                config,
                data=data,
                text=text or config.text,
                label=label or config.label,
                target=str(target) if target else None,
            )
            test = find_spec(config.task).test_data(other)
    model = open_model(console, folder.model, device)
    from rnnkit.study.training import evaluate as measure

    with notices(console), console.status("Measuring"):
        metrics = measure(model, test)
    with notices(console):
        translated = translate_data(console, model, test, beam) if config.task == "translation" else None
    metrics |= translated.metrics if translated else {}
    figures = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    console.print(f"{len(test)} examples  {figures}", highlight=False)
    if config.task == "ner":
        show_types(console, model.score(test).to_frame().reset_index())
    if translated:
        name = f"on-{Path(data).name.split('.')[0]}" if data else "test"
        files = translated.write(folder.translations, name)
        show_signatures(console, translated.signatures, files[-1])
    if as_json:
        print(json.dumps(metrics))


def predict(
    run: Run,
    texts: Texts = None,
    file: File = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a text.")] = False,
) -> None:
    """Answer with a run's model, one line a text.

    Sentiment: the label, its probability and the text, parted by tabs. Entities: the text with each entity in brackets,
    with its type and probability; --json has their places too. Memory: each text is a JSON list, a sequence of symbols
    or of lists of numbers; the line is the answer. Music: use rnnkit generate. Translation: use rnnkit
    translate.
    """
    from rnnkit.study.folder import RunFolder
    from rnnkit.tasks.config import RunConfig

    folder = RunFolder(run)
    task = RunConfig.from_dict(folder.config).task
    if task == "music":
        raise ArgumentError(f"run: {run} is a run of music. Use rnnkit generate {run} -o piece.mid.")
    if task == "translation":
        raise ArgumentError(f"run: {run} is a run of translation. Use rnnkit translate {run}.")
    inputs = read_texts(texts, file)
    model = open_model(Console(stderr=True), folder.model, device)
    lines = {"ner": _entities, "memory": _memories}.get(task, _labels)
    with Console(stderr=True).status("Answering"):
        answers = list(lines(model, inputs, as_json))
    for line in answers:
        print(line) if isinstance(line, str) else Console(highlight=False, soft_wrap=True).print(line)


def _labels(model, texts: list[str], as_json: bool):
    for text, answer in zip(texts, model.classify(texts), strict=True):
        found = {"text": text, "label": answer.label, "score": answer.score}
        yield json.dumps(found, ensure_ascii=False) if as_json else f"{answer.label}\t{answer.score:.4f}\t{text}"


def _entities(model, texts: list[str], as_json: bool):
    for text, entities in zip(texts, model.tag(texts), strict=True):
        found = {"text": text, "entities": [entity._asdict() for entity in entities]}
        yield json.dumps(found, ensure_ascii=False) if as_json else entity_text(text, entities, model.types)


def _memories(model, texts: list[str], as_json: bool):
    sequences = [_sequence(text) for text in texts]
    for sequence, answer in zip(sequences, model.answer(sequences), strict=True):
        yield json.dumps({"sequence": sequence, "answer": answer} if as_json else answer)


def _sequence(text: str):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"texts: expected a sequence as a JSON list, such as [0, 6, 2, 1], got '{text}'.") from error
