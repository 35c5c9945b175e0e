"""The language model, against its own network run over whole texts at once."""

import gzip
import math

import keras
import numpy as np
import pytest

import rnnkit
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.language.carried import ResumedState
from rnnkit.tasks.next_token import SubwordLoss
from rnnkit.text.corpus import Corpus
from rnnkit.text.tokenization import END

TEXTS = ["the cat sat on the mat. " * 3, "a dog ran to the cat. " * 2, "the end", ""]


@pytest.fixture(scope="module", params=["forward", "both"])
def model(request, untraced):
    keras.utils.set_random_seed(1)
    model = rnnkit.LanguageModel(units=8, embedding_dim=5, bptt_steps=16, direction=request.param)
    with untraced():
        model.fit(TEXTS * 2, epochs=2, batch_size=3, verbose=0)
    return model


def losses(model, texts):
    """Of each token of each direction, by the network over each text alone."""
    found = []
    for row in range(len(texts)):
        encoded = model.encode({"text": texts[row : row + 1]})
        inputs = {name: np.stack(column) for name, column in encoded["x"].items()}
        logits = np.asarray(model.network(inputs), "float64")[0]
        log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        found.append(-log_probabilities[np.arange(len(logits)), encoded["y"][0]])
    return np.concatenate(found)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_what_is_measured_does_not_depend_on_the_cut(model, batch_size, monkeypatch):
    monkeypatch.setattr("rnnkit.tasks.language.stream.LONGEST", 7)
    measured = model.evaluate(TEXTS, batch_size=batch_size, verbose=0, return_dict=True)
    assert measured["nll"] == pytest.approx(losses(model, TEXTS).mean(), abs=1e-5)
    assert measured["bits_per_character"] == pytest.approx(measured["nll"] / math.log(2), rel=1e-6)


@pytest.mark.filterwarnings("ignore:x. .* tokens do not fill one batch")
@pytest.mark.parametrize("cell", ["lstm", "min_gru"])
def test_a_pass_in_chunks_has_the_loss_of_the_uncut_pass(cell):
    """Without updates; the state is carried from chunk to chunk."""
    found = []
    for steps in (32, 10_000):
        keras.utils.set_random_seed(2)
        model = rnnkit.LanguageModel(cell=cell, units=8, embedding_dim=5, dropout=0.0, bptt_steps=steps)
        model.adapt(TEXTS)
        model.compile(optimizer=keras.optimizers.SGD(0.0))
        history = model.fit(TEXTS * 4, epochs=2, batch_size=2, shuffle=False, verbose=0).history
        assert history["nll"][0] == pytest.approx(history["nll"][1], abs=1e-6)  # each pass begins anew
        found.append(history["nll"][0])
    assert found[0] == pytest.approx(found[1], abs=1e-5)


def test_scores_are_log_probabilities_of_the_next_token(model):
    scores = model.score("the cat")
    assert scores.shape == (8,)
    [token] = model.tokens.encode(["t"])[0]
    after_nothing, after_all = model.predict(["", "the cat"])
    assert scores[0] == pytest.approx(math.log(after_nothing[token]), abs=1e-5)
    assert scores[-1] == pytest.approx(math.log(after_all[END]), abs=1e-5)
    np.testing.assert_allclose(model.predict(TEXTS).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("direction", ["forward", "both"])
def test_the_adaptive_softmax_is_one_distribution_wherever_it_is_asked(direction, untraced, tmp_path):
    """Evaluation computes the targets alone; the oracle is the network, which gives all log probabilities."""
    keras.utils.set_random_seed(0)
    options = {"units": 6, "embedding_dim": 5, "bptt_steps": 9, "direction": direction, "softmax": "adaptive"}
    model = rnnkit.LanguageModel(**options)
    with untraced():
        model.fit(TEXTS * 2, epochs=1, batch_size=3, verbose=0)
        measured = model.evaluate(TEXTS, verbose=0, return_dict=True)
    assert measured["nll"] == pytest.approx(losses(model, TEXTS).mean(), abs=1e-5)
    after_all = model.predict(["the cat"])[0]
    assert after_all.sum() == pytest.approx(1, abs=1e-5)
    assert model.score("the cat")[-1] == pytest.approx(math.log(after_all[END]), abs=1e-5)
    model.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.softmax == "adaptive"
    assert again.generate("the", 9, seed=1) == model.generate("the", 9, seed=1)
    np.testing.assert_array_equal(again.score("a dog"), model.score("a dog"))
    model.compile(loss=SubwordLoss(0.1))
    with untraced(), pytest.raises(ArgumentError, match="label_smoothing: needs logits"):
        model.evaluate(TEXTS, verbose=0)


def test_the_most_probable_continuation_is_that_of_predict(model):
    text = "the c"
    for _ in range(5):
        probability = model.predict([text])[0]
        probability[:3] = 0  # padding, unknown and begin are never written
        if probability.argmax() == END:
            break
        text += model.tokens.decode([probability.argmax()])
    assert model.generate("the c", len(text) - 5, top_k=1) == text[5:]


def test_a_seed_gives_the_same_text_and_pieces_make_it_up(model):
    written = model.generate("the ", 100, seed=3)
    assert written == model.generate("the ", 100, seed=3) == "".join(model.stream("the ", 100, seed=3))
    assert len(written) <= 100
    goes_on = "".join(model.stream("", 200, seed=3, ends=False))
    assert len(goes_on) == 200
    assert model.generate("the " * 40, 5, seed=0) == model.generate("the " * 40, 5, seed=0)


def test_draws_follow_the_probabilities():
    keras.utils.set_random_seed(0)
    model = rnnkit.LanguageModel(units=4, embedding_dim=4)
    model.adapt(["abc"])
    expected = model.predict([""])[0]
    expected[:3] = 0
    expected /= expected.sum()
    first = [model.generate("", 1, seed=seed) for seed in range(150)]
    counts = [first.count(model.tokens.decode([number])) / 150 for number in range(3, 7)]
    np.testing.assert_allclose(counts, expected[3:], atol=0.13)  # three standard deviations of the largest


def test_one_file_holds_all(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = rnnkit.load(tmp_path / "model.keras")
    assert again.get_config() == model.get_config()
    assert again.evaluate(TEXTS, verbose=0, return_dict=True) == model.evaluate(TEXTS, verbose=0, return_dict=True)
    assert again.generate("the", 20, seed=1) == model.generate("the", 20, seed=1)
    np.testing.assert_array_equal(again.score("a dog"), model.score("a dog"))


def test_the_state_in_the_middle_of_a_pass_can_be_saved_and_restored(model):
    carried, other = model._carried[True], ResumedState(model._carried[False])
    state = ResumedState(carried).get_state()
    assert [len(each) for each in state["states"]] == [2] * len(model.stacks)
    other.set_state(state)
    for each, same in zip(keras.tree.flatten(other.get_state()), keras.tree.flatten(state), strict=True):
        np.testing.assert_array_equal(each, same)
    model.evaluate(TEXTS, verbose=0)  # begins anew, whatever is there


@pytest.mark.parametrize("tokenization", ["bytes", "words", "subwords"])
def test_every_tokenization_is_learned_and_written(tokenization, untraced):
    model = rnnkit.LanguageModel(
        tokenization, units=4, embedding_dim=4, vocabulary_size=300, tied_embeddings=False, bptt_steps=9
    )
    with untraced():
        history = model.fit(TEXTS * 3, validation_data=TEXTS, epochs=1, batch_size=2, verbose=0).history
    assert history.keys() >= {"val_nll", "val_bits_per_byte" if tokenization == "bytes" else "val_perplexity"}
    assert isinstance(model.generate(length=20, seed=0), str)
    assert model.score("the cat").shape == (len(model.tokens.tokens("the cat")) + 1,)


def test_files_are_read_as_texts_in_memory_are(tmp_path, monkeypatch, untraced):
    monkeypatch.setattr("rnnkit.text.corpus.BLOCK", 10)
    lines = [f"line {number} of a text\n" for number in range(20)]
    (tmp_path / "a.txt").write_text("".join(lines[:10]), encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("".join(lines[10:]).encode()))
    texts = ["".join(lines[:10]), "".join(lines[10:])]
    model = rnnkit.LanguageModel(units=4, embedding_dim=4, bptt_steps=9)
    with untraced():
        model.fit(tmp_path, epochs=1, verbose=0)
    assert model.tokens.entries == rnnkit.text.tokenization.Characters.learn(texts, 100).entries
    stream = np.concatenate([[*numbers, END] for numbers in model.tokens.encode(texts)])
    np.testing.assert_array_equal(Corpus(tmp_path).encoded(model.tokens), stream)
    assert Corpus(tmp_path).texts() == texts
    assert Corpus(str(tmp_path / "b.txt.gz"), each_line=True).texts() == [line.rstrip() for line in lines[10:]]
    assert model.evaluate(str(tmp_path / "a.txt"), verbose=0, return_dict=True)["nll"] > 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "at least two different characters"),
        (b"\x00\xff\xfe\x00binary\x9f", "is not utf-8 text"),
        ("ä".encode("latin-1"), "encoding="),
        (b"a", "at least two different characters"),
    ],
)
def test_files_that_hold_no_text_are_named(data, message, tmp_path):
    (tmp_path / "corpus.txt").write_bytes(data)
    with pytest.raises(DataError, match=message):
        rnnkit.LanguageModel().fit(tmp_path / "corpus.txt", epochs=1, verbose=0)


def test_mistakes_are_named(model, tmp_path):
    for wrong, message in [
        ("one text, not in a list", r"Give one text as \[text\]"),
        (tmp_path / "missing.txt", "there is no file"),
        (tmp_path, "has no file that ends on"),
        ([], "empty"),
        (["fine", 3], "got 3 in row 1"),
    ]:
        with pytest.raises(DataError, match=message):
            rnnkit.LanguageModel().fit(wrong, epochs=1, verbose=0)
    with pytest.raises(DataError, match="Leave y out"):
        rnnkit.LanguageModel().fit(TEXTS, TEXTS)
    (tmp_path / "lines.txt").write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(DataError, match="read as a stream, and not row by row"):
        model.evaluate(tmp_path / "lines.txt", steps=1, verbose=0)
    with pytest.raises(ArgumentError, match="no examples that could be weighted"):
        model.fit(TEXTS, sample_weight=np.ones(4), epochs=1, verbose=0)
    with pytest.raises(ArgumentError, match="direction='both'"):
        rnnkit.LanguageModel(bidirectional=True)
    with pytest.raises(ArgumentError, match="prompt: expected a text, got 3"):
        model.generate(3)
    with pytest.raises(ArgumentError, match="length"):
        model.generate("a", 0)
    with pytest.raises(ArgumentError, match="seen no data"):
        rnnkit.LanguageModel().generate("a")


def test_a_prompt_may_be_empty_or_much_longer_than_a_chunk(model):
    for prompt in ("", "the cat " * 30):
        after = model.stream(prompt).push("a")
        np.testing.assert_allclose(after, model.predict([f"{prompt}a"]), atol=1e-5)


def test_labelled_texts_are_texts():
    data = Dataset({"text": TEXTS, "label": [0, 1, 0, 1]})
    assert rnnkit.LanguageModel().read(data).columns == ("text",)


def test_unseen_characters_are_scored_as_unknown(model):
    assert np.isfinite(model.score("ωξ")).all()
