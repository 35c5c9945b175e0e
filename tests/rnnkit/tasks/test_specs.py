import math

import pytest

from rnnkit import datasets
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks import TASKS
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.specs import SPECS, find_spec

OPTIONS = sorted({each.name for spec in SPECS.values() for each in spec.options} - {"data", "problem", "length"})
VALUES = {"tokenization": "words", "steps_per_beat": 2, "header": False, "horizon": 4, "lookback": 8}


def test_every_task_can_be_run():
    assert set(SPECS) == set(TASKS)
    assert all(SPECS[name].task_class is TASKS[name] for name in SPECS)


@pytest.mark.parametrize("task", SPECS)
def test_a_run_without_data_takes_a_sample_of_its_task_that_needs_no_network(task):
    config = RunConfig(task)
    assert config.data == SPECS[task].sample
    if task != "memory":  # whose data are made
        assert datasets.info(config.data).task == task
        assert not datasets.info(config.data).files


@pytest.mark.parametrize("task", SPECS)
def test_what_scores_without_training_takes_the_data_of_a_run(task):
    spec = find_spec(task)
    train, valid, _ = spec.splits(RunConfig(task))
    train, valid = train[:200], valid[:50]
    scores = [value for rule in spec.rules.values() for value in rule(train, valid).values()]
    chance = spec.baseline(train, valid)
    scores += [] if chance is None else [chance.score]
    assert all(math.isfinite(score) for score in scores)


@pytest.mark.parametrize("task", SPECS)
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_of_other_tasks_is_refused_with_their_names(task, option):
    value = VALUES.get(option, "x")
    if option in {each.name for each in SPECS[task].options}:
        assert getattr(RunConfig(task, **{option: value}), option) == value
    else:
        with pytest.raises(ArgumentError, match=f"{option}: it belongs to .*Leave it out for {task}"):
            RunConfig(task, **{option: value})


def test_an_option_of_files_is_refused_for_a_known_data_set():
    with pytest.raises(ArgumentError, match="'music-sample' has its own"):
        find_spec("music").splits(RunConfig("music", steps_per_beat=2))
    with pytest.raises(ArgumentError, match="'translation-sample' has its own"):
        find_spec("translation").splits(RunConfig("translation", target="other.txt"))


def test_data_of_another_task_is_refused_with_the_command_for_it():
    config = RunConfig("sentiment", "ner-sample")
    for ask in (find_spec("sentiment").splits, find_spec("sentiment").test_data):
        with pytest.raises(DataError, match="Run rnnkit run ner --data ner-sample"):
            ask(config)


def test_test_data_is_the_test_part_or_the_whole_of_a_file(tmp_path):
    spec, config = find_spec("sentiment"), RunConfig()
    assert spec.test_data(config)["text"] == spec.splits(config).test["text"]
    file = tmp_path / "mine.csv"
    file.write_text("text,label\n" + "good,1\nbad,0\n" * 10, encoding="utf-8")
    config = config.replaced(data=str(file))
    assert len(spec.test_data(config)) == 20
    assert [len(part) for part in spec.splits(config)] == [16, 2, 2]


def test_an_unknown_task_names_the_known_ones():
    with pytest.raises(ArgumentError, match="Known tasks: sentiment, ner, memory, music, translation"):
        find_spec("weather")


@pytest.mark.parametrize(
    ("task", "data", "cell"),
    [("sentiment", None, "lstm"), ("translation", None, "lstm"), ("translation", "pairs.tsv", "gru")],
)
def test_a_run_that_names_no_cell_takes_the_one_that_suits_its_data_or_the_task_s_own(task, data, cell):
    assert RunConfig(task, data).cell == cell
    assert RunConfig(task, data, "simple_rnn").cell == "simple_rnn"
    assert RunConfig.from_dict(RunConfig(task, data).as_dict()) == RunConfig(task, data)


@pytest.mark.parametrize("task", SPECS)
def test_the_cell_of_a_recipe_is_that_of_its_task(task):
    assert SPECS[task].cell == TASKS[task]().stack.cell.name


def test_a_label_that_few_rows_have_is_in_the_training_part(tmp_path):
    for rare in range(40):
        file = tmp_path / f"{rare}.csv"
        labels = ["seldom" if row == rare else "ab"[row % 2] for row in range(40)]
        file.write_text("text,label\n" + "".join(f"text {row},{label}\n" for row, label in enumerate(labels)))
        train, *others = find_spec("sentiment").splits(RunConfig("sentiment", str(file)))
        assert "seldom" in train["label"]
        assert all(set(part["label"]) <= set(train["label"]) for part in others)


def lines(*rows):
    return "".join(f"{row}\n" for row in rows).encode()


REVIEWS = [f"good film number {n}" if n % 2 else f"bad film number {n}" for n in range(20)]
LABELS = ["pos" if n % 2 else "neg" for n in range(20)]


@pytest.mark.parametrize(
    ("task", "name", "content", "options", "columns"),
    [
        (
            "sentiment",
            "semicolons.csv",
            lines(*(f"{text};{label}" for text, label in zip(REVIEWS, LABELS, strict=True))),
            {"delimiter": ";", "columns": "text,label"},
            {"text": REVIEWS, "label": LABELS},
        ),
        (
            "sentiment",
            "old.csv",
            lines("text,label", *(f"café {n},{LABELS[n]}" for n in range(20))).decode().encode("latin-1"),
            {"encoding": "latin-1"},
            {"text": [f"café {n}" for n in range(20)], "label": LABELS},
        ),
        (
            "sentiment",
            "nothing.csv",
            lines(*(f"{text},{label}" for text, label in zip(REVIEWS, LABELS, strict=True))),
            {"header": False},
            {"text": REVIEWS, "label": LABELS},
        ),
        (
            "ner",
            "tagged.txt",
            lines(*("; a comment\n1|Ada|B-PER\n2|works|O\n" for _ in range(20))),
            {"separator": "|", "comment": ";", "columns": "1,2"},
            {"tokens": [["Ada", "works"]] * 20, "tags": [["B-PER", "O"]] * 20},
        ),
        (
            "translation",
            "pairs.tsv",
            lines(*(f"{n}\tein Text {n}\ta text {n}" for n in range(20))),
            {"columns": "1,2"},
            {"source": [f"ein Text {n}" for n in range(20)], "target": [f"a text {n}" for n in range(20)]},
        ),
    ],
)
def test_a_file_is_read_as_the_options_say(task, name, content, options, columns, tmp_path):
    (tmp_path / name).write_bytes(content)
    config = RunConfig(task, str(tmp_path / name), **options)
    parts = find_spec(task).splits(config)
    assert {column: sorted(row for part in parts for row in part[column]) for column in columns} == {
        column: sorted(values) for column, values in columns.items()
    }


def test_files_of_the_parts_are_named_or_found_in_a_folder(tmp_path):
    for part in ("train", "dev", "test"):
        rows = [f"{part} text {n},{'ab'[n % 2]}" for n in range(4)]
        (tmp_path / f"{part}.csv").write_bytes(lines("text,label", *rows))
    named = {"valid": str(tmp_path / "dev.csv"), "test": str(tmp_path / "test.csv")}
    for config in (
        RunConfig("sentiment", str(tmp_path / "train.csv"), **named),
        RunConfig("sentiment", str(tmp_path)),
    ):
        parts = find_spec("sentiment").splits(config)
        assert [part["text"][0].split()[0] for part in parts] == ["train", "dev", "test"]
        assert [len(part) for part in parts] == [4, 4, 4]
    assert find_spec("sentiment").test_data(RunConfig("sentiment", str(tmp_path)))["text"][0] == "test text 0"
    with pytest.raises(ArgumentError, match="valid: .*has its own"):
        find_spec("sentiment").splits(RunConfig("sentiment", valid="x.csv"))


def test_a_file_is_split_with_the_same_fraction_of_each_label(tmp_path):
    labels = ["rare" if n % 10 == 0 else "usual" for n in range(100)]
    (tmp_path / "unequal.csv").write_bytes(
        lines("text,label", *(f"text {n},{label}" for n, label in enumerate(labels)))
    )
    parts = find_spec("sentiment").splits(RunConfig("sentiment", str(tmp_path / "unequal.csv")))
    assert [part["label"].count("rare") for part in parts] == [8, 1, 1]


def test_advice_about_a_file_is_in_the_words_of_the_shell(cli, tmp_path):
    (tmp_path / "old.csv").write_bytes("text,label\ncafé,1\n".encode("latin-1"))
    done = cli("run", "sentiment", "--data", "old.csv", cwd=tmp_path)
    assert (done.code, "--encoding" in done.err, "encoding=" in done.err) == (2, True, False)
