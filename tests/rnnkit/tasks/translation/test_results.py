import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.datasets import Dataset
from rnnkit.study.run import open_data
from rnnkit.tasks.config import RunConfig
from rnnkit.tasks.specs import find_spec
from rnnkit.tasks.translation.answers import Translation
from rnnkit.tasks.translation.results import AT_ONCE, translate_lines, translate_set
from rnnkit.tasks.translation.scores import score_translations

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=20)


def backwards(sources, beam, n_best=None, split_sentences=True):
    """A translator that writes each text the other way round, and breaks lines."""
    if n_best is None:
        return [f"{source[::-1]}\n" for source in sources]
    return [[Translation(f"{source[::-1]}\n{beam}", -float(place)) for place in range(n_best)] for source in sources]


MODEL = SimpleNamespace(translate=backwards, bleu_tokenizer="13a")


@given(texts)
def test_answers_are_in_order_and_on_one_line(sources):
    done = []
    many = sources * 30
    answers = translate_lines(MODEL, many, beam=1, progress=done.append)
    assert sum(done) == len(many)
    assert all(count <= AT_ONCE for count in done)
    assert [answer.split() for answer in answers] == [source[::-1].split() for source in many]
    assert all(len(answer.splitlines()) <= 1 for answer in answers)


def test_several_answers_keep_their_scores():
    ((first, second),) = translate_lines(MODEL, ["ab"], beam=3, n_best=2)
    assert (first, second) == (("ba 3", 0.0), ("ba 3", -1.0))


def test_scores_follow_from_the_files(tmp_path):
    data = Dataset({"source": ["one two\u2028three four", "a b c d e"], "target": ["ruof eerht\nowt eno", "e d c b x"]})
    found = translate_set(MODEL, data)
    files = found.write(tmp_path / "translations", "mine")
    assert [file.name for file in files] == [f"mine.{kind}.txt" for kind in ("sources", "references", "hypotheses")]
    sources, references, hypotheses = (file.read_text(encoding="utf-8").split("\n")[:-1] for file in files)
    assert sources == ["one two three four", "a b c d e"]
    scores = score_translations(hypotheses, references)
    assert found.scores == scores
    assert found.metrics == {"bleu": scores.bleu, "chrf": scores.chrf, "exact_match": 0.5}


@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.csv", "pairs.tsv", "pairs.txt"])
def test_files_of_pairs(name, tmp_path):
    rows = [(f"text {row // 2}", f"translation {row}") for row in range(40)]
    lines = {
        "jsonl": [json.dumps({"source": source, "target": target}) for source, target in rows],
        "csv": ["target,source", *(f"{target},{source}" for source, target in rows)],
    }
    shown = lines.get(name.rpartition(".")[2], ["\t".join(row) for row in rows])
    (tmp_path / name).write_text("\n".join(shown), encoding="utf-8")
    config = RunConfig("translation", str(tmp_path / name))
    whole = find_spec("translation").read(config, str(tmp_path / name))
    assert list(zip(whole["source"], whole["target"], strict=True)) == rows
    splits = open_data(config)
    assert [len(part) for part in splits] == [32, 4, 4]
    sources = [set(part["source"]) for part in splits]
    assert not sources[0] & sources[1] | sources[0] & sources[2] | sources[1] & sources[2]


def test_a_table_with_a_header_by_the_names_of_its_columns(tmp_path):
    (tmp_path / "pairs.tsv").write_text("de\ten\nja\tyes\n", encoding="utf-8")
    config = RunConfig("translation", str(tmp_path / "pairs.tsv"), text="de", label="en")
    assert find_spec("translation").read(config, str(config.data))[0] == {"source": "ja", "target": "yes"}


def test_a_folder_that_cannot_be_written_is_an_error_of_the_disk(tmp_path):
    """So that a run which ends on it reads how to continue, and not that an argument was wrong."""
    (tmp_path / "file").write_text("no folder")
    found = translate_set(MODEL, Dataset({"source": ["a b c d"], "target": ["d c b a"]}))
    with pytest.raises(OSError, match="file"):
        found.write(tmp_path / "file", "mine")
    with pytest.raises(OSError, match="missing"):
        found.write(tmp_path / "missing" / "folder", "mine")
