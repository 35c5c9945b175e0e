"""`rnnkit run translation`, `translate` and `evaluate` as a shell sees them."""

import json

import pytest

import rnnkit
from rnnkit.tasks.translation.scores import score_translations

PAIRS = [
    (f"{colour} {thing}", f"{noun} {shade}")
    for colour, shade in (("red", "rojo"), ("old", "viejo"))
    for thing, noun in (("house", "casa"), ("dog", "perro"), ("tree", "árbol"), ("cat", "gato"), ("sea", "mar"))
]


@pytest.fixture(scope="module")
def run(cli, untraced_fits, tmp_path_factory):
    """A finished run on two files of one's own, the second packed, and what it printed."""
    folder = tmp_path_factory.mktemp("translation")
    for column, name in enumerate(("pairs.en", "pairs.es")):
        (folder / name).write_text("".join(f"{pair[column]}\n" for pair in PAIRS * 2), encoding="utf-8")
    data = ["--data", folder / "pairs.en", "--target", folder / "pairs.es"]
    options = ["--cell", "gru", "--units", 8, "--attention", "dot", "--epochs", 2, "--json", "--out", folder / "run"]
    code, out, said = cli("run", "translation", *data, *options)
    assert code == 0, said
    return folder / "run", out, said


def test_a_run_leaves_its_translations_from_which_its_scores_follow(run):
    folder, out, said = run
    metrics = json.loads(out.splitlines()[-1])
    assert metrics == json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["task"], metrics["beam"]) == ("translation", 4)
    sides = {}
    for part in ("test", "valid"):
        kinds = ("sources", "references", "hypotheses")
        files = [folder / "translations" / f"{part}.{kind}.txt" for kind in kinds]
        sides[part], references, hypotheses = (file.read_text(encoding="utf-8").splitlines() for file in files)
        assert dict(PAIRS).items() >= dict(zip(sides[part], references, strict=True)).items()
        scores = score_translations(hypotheses, references)
        found = {name: metrics[part][name] for name in ("bleu", "chrf", "exact_match")}
        assert found == pytest.approx({name: getattr(scores, name) for name in found})
        assert {"loss", "perplexity"} < set(metrics[part])
        assert len(hypotheses) == 2 * len(set(sides[part]))  # each source was there twice, and stayed on one side
    assert not set(sides["test"]) & set(sides["valid"])
    assert metrics["signatures"]["bleu"] in said
    assert "rnnkit translate" in said
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["target"].endswith("pairs.es")
    assert rnnkit.load(folder / "model.keras").attention == "dot"


def test_evaluate_writes_translations_of_other_data(cli, run, tmp_path):
    folder, _, _ = run
    (tmp_path / "more.csv").write_text("en,es\nred tree,árbol rojo\nold cat,gato viejo\n", encoding="utf-8")
    columns = ["--text", "en", "--label", "es"]
    code, out, said = cli("evaluate", folder, "--data", tmp_path / "more.csv", *columns, "--beam", 2, "--json")
    assert code == 0, said
    kept = [
        (folder / "translations" / f"on-more.{kind}.txt").read_text("utf-8").splitlines()
        for kind in ("references", "hypotheses")
    ]
    assert kept[0] == ["árbol rojo", "gato viejo"]
    assert json.loads(out)["bleu"] == pytest.approx(score_translations(kept[1], kept[0]).bleu)
    assert "tok:13a" in said
    assert "on-more.hypotheses.txt" in said


def test_lines_stay_aligned_from_standard_input_and_file(cli, run, tmp_path):
    folder, _, _ = run
    lines = ["red house", "", "  ", "old\u2028dog 👍🏽", "red house"]
    text = ("\ufeff" + "\r\n".join(lines) + "\n").encode()
    (tmp_path / "texts.txt").write_bytes(text)
    code, out, said = cli("translate", folder, stdin=text)
    assert code == 0, said
    answers = out.split("\n")[:-1]
    assert len(answers) == len(lines)
    assert answers[1] == answers[2] == ""
    assert answers[0] == answers[4] == rnnkit.load(folder / "model.keras").translate("red house")
    code, out, said = cli("translate", folder, "--file", tmp_path / "texts.txt", "--n-best", 2)
    assert code == 0, said
    rows = [line.split("\t") for line in out.split("\n")[:-1]]
    assert [row[0] for row in rows if row[0] in "145"] == ["1", "1", "4", "4", "5", "5"]
    assert rows[0][2] == answers[0]
    assert float(rows[0][1]) >= float(rows[1][1])


def test_texts_as_arguments_and_answers_as_json(cli, run):
    folder, _, _ = run
    code, out, said = cli("translate", folder / "model.keras", "red\nhouse", "old sea", "--beam", 1, "--json")
    assert code == 0, said
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["source"] for answer in answers] == ["red\nhouse", "old sea"]
    assert all(isinstance(answer["translation"], str) for answer in answers)


@pytest.mark.parametrize(
    ("arguments", "stdin", "named"),
    [
        (["run", "translation", "--data", "{short}", "--target", "{long}"], b"", "short has 1 lines and"),
        (["run", "translation", "--data", "{short}"], b"", "line 1: expected a text, a tab and its translation"),
        (["run", "translation", "--data", "{same}"], b"", "different sources"),
        (["run", "translation", "--target", "{long}"], b"", "has its own translations"),
        (["run", "translation", "--attention", "none", "--data", "multi30k-de-it"], b"", "multi30k-de-en"),
        (["run", "translation", "--data", "sst2"], b"", "data for sentiment"),
        (["run", "sentiment", "--attention", "dot"], b"", "No such option: --attention"),
        (["run", "sentiment", "--data", "multi30k-cs-fr"], b"", "data for translation"),
        (["translate", "{run}", "a", "--beam", "0"], b"", "beam: expected a positive integer, got 0"),
        (["translate", "{run}", "a", "--n-best", "3", "--beam", "2"], b"", "at most the beam's 2, got 3"),
        (["translate", "{run}", "a", "--file", "{long}"], b"", "give one of the two"),
        (["translate", "{run}", "--file", "{missing}"], b"", "there is no file"),
        (["translate", "{run}"], b"", "texts: expected texts, --file, or lines"),
        (["translate", "{run}"], b"caf\xe9", "standard input cannot be read as UTF-8"),
        (["translate", "{folder}", "a"], b"", "is not a run folder"),
        (["translate", "{missing}.keras", "a"], b"", "no model file"),
        (["evaluate", "{run}", "--target", "{long}"], b"", "expected --data as well"),
        (["predict", "{run}", "a"], b"", "Use rnnkit translate"),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_code_2(cli, arguments, stdin, named, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short").write_text("a\n", encoding="utf-8")
    (tmp_path / "long").write_text("a\nb\n", encoding="utf-8")
    (tmp_path / "same").write_text("a\tb\n" * 12, encoding="utf-8")
    places = {name: tmp_path / name for name in ("short", "long", "same", "missing")}
    filled = [argument.format(run=run[0], folder=tmp_path, **places) for argument in arguments]
    code, out, said = cli(*filled, stdin=stdin)
    assert (code, out) == (2, "")
    assert named in said
    assert "Traceback" not in said
    assert not (tmp_path / "runs").exists()
