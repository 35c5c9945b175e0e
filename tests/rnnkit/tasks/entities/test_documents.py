"""Plain text into the tokens that a tagger was trained on."""

import keras
import pytest

from rnnkit import EntityRecognizer
from rnnkit.errors import ArgumentError
from rnnkit.tasks.entities.documents import learn_joins

PEOPLE, GROUPS = ["Mette-Marit", "O'Brien", "@user"], ["U.N.", "AT&T", "IL-2"]
SENTENCES = [[who, "met", "the", group, "today", "."] for who in PEOPLE for group in GROUPS]
TAGS = [["B-PER", "O", "O", "B-ORG", "O", "O"]] * len(SENTENCES)
SMALL = {"units": 8, "embedding_dim": 8, "char_units": 4, "dropout": 0.0, "word_dropout": 0.0}


def trained(sentences, tags, **options):
    keras.utils.set_random_seed(0)
    model = EntityRecognizer(**SMALL, **options)
    model.compile(optimizer=keras.optimizers.Adam(0.03))
    model.fit(sentences, tags, batch_size=3, epochs=20, verbose=0)
    assert model.score(sentences, tags).f1 == 1
    return model


@keras.saving.register_keras_serializable(package="test_documents")
def by_blanks(text):
    return text.split()


def test_text_is_split_as_the_training_data(tmp_path):
    model = trained(SENTENCES, TAGS)
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        for tokens in SENTENCES:
            expected = [entity[:4] for entity in each.tag([tokens])[0]]
            assert [entity[:4] for entity in each.tag(" ".join(tokens))] == expected
            raw = " ".join(tokens).replace(" .", ".")
            assert [entity.text for entity in each.tag(raw)] == [tokens[0], tokens[3]]


def test_characters_of_a_script_without_blanks():
    people, places = ["王小明", "李华"], ["北京", "上海", "广州"]
    sentences = [list(f"{who}住在{where}。") for who in people for where in places]
    tags = [
        ["B-PER"] + ["I-PER"] * (len(who) - 1) + ["O", "O", "B-LOC", "I-LOC", "O"] for who in people for _ in places
    ]
    model = trained(sentences, tags)
    assert [entity[:4] for entity in model.tag("李华住在上海。")] == [("李华", "PER", 0, 2), ("上海", "LOC", 4, 6)]


def test_a_tokenizer_of_the_users_is_used_and_saved_by_name(tmp_path):
    model = trained(SENTENCES, TAGS, tokenizer=by_blanks)
    text = "O'Brien  met the U.N. today."
    expected = [("O'Brien", "PER", 0, 7), ("U.N.", "ORG", 17, 21)]
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        assert each.tokenizer is by_blanks
        assert [entity[:4] for entity in each.tag(text)] == expected


def test_a_tokenizer_that_cannot_be_found_again_is_asked_for(tmp_path):
    model = trained(SENTENCES, TAGS, tokenizer=lambda text: text.split())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.tag([SENTENCES[0]]) == model.tag([SENTENCES[0]])
    with pytest.raises(ArgumentError, match="trained with the tokenizer '<lambda>', .* Set model.tokenizer"):
        loaded.tag("O'Brien")
    loaded.tokenizer = str.split
    assert loaded.tag("O'Brien met the U.N.") == model.tag("O'Brien met the U.N.")
    loaded.save(tmp_path / "again.keras")


def test_what_is_no_tokenizer_is_refused():
    with pytest.raises(ArgumentError, match="tokenizer: expected a function .* got 3"):
        EntityRecognizer(tokenizer=3)


def test_what_cannot_be_learned_is_told():
    rows = [[f"{left}{right}", f"{right}", "-", f"{left}"] for left in "+=*" for right in "~$^"]
    with pytest.warns(UserWarning, match=r"tokenizer: .* 25.0% of its tokens, such as '\+\$'.*tokenizer="):
        learn_joins(rows)
    with pytest.warns(UserWarning, match="such as 'Mette-Marit'"):
        learn_joins(SENTENCES, lambda text: text.replace("-", " - ").split())


def test_tokens_like_those_of_other_sentences_bring_no_warning():
    assert learn_joins(SENTENCES * 2)
    assert learn_joins([["a", "b", "."]]) == {}
    assert learn_joins([["a-b"]]) == {"<lower1> -": True, "- <lower1>": True}
