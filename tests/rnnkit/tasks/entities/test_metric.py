import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from rnnkit.errors import ArgumentError, DataError
from rnnkit.layers import CRF
from rnnkit.layers.crf_paths import viterbi
from rnnkit.tasks.entities.metric import EntityF1
from rnnkit.tasks.entities.scores import score_entities

TAGS = ["O", *(f"{letter}-{label}" for letter in "BIES" for label in ("PER", "creative-work"))]
label_number = st.integers(0, len(TAGS) - 1)
batches = st.lists(
    st.lists(st.lists(st.tuples(label_number, label_number), max_size=7), min_size=1, max_size=4),
    min_size=1,
    max_size=3,
)


def padded(sentences, filler):
    steps = max(1, *(len(sentence) for sentence in sentences))
    return np.array([sentence + [filler] * (steps - len(sentence)) for sentence in sentences], dtype="int32")


def one_hot(labels):
    return np.eye(len(TAGS), dtype="float32")[labels]


def names(sentences):
    return [[TAGS[number] for number in sentence] for sentence in sentences]


@given(batches)
def test_counts_are_those_of_the_scorer_on_any_tags(batches):
    metric = EntityF1(TAGS)
    gold_names, found_names = [], []
    for batch in batches:
        gold = [[number for number, _ in sentence] for sentence in batch]
        found = [[number for _, number in sentence] for sentence in batch]
        # in the padding the model says B-PER, which must not count
        metric.update_state(padded(gold, -1), one_hot(padded(found, 1)))
        gold_names += names(gold)
        found_names += names(found)
    scores = score_entities(gold_names, found_names)
    assert np.array(metric.counts).tolist() == [scores.gold, scores.found, scores.correct]
    expected = {"f1": scores.f1, "precision": scores.precision, "recall": scores.recall}
    assert {name: float(value) for name, value in metric.result().items()} == pytest.approx(expected)


def test_potentials_of_a_crf_are_decoded_by_viterbi():
    rng = np.random.default_rng(0)
    potentials = rng.normal(size=(16, 9, len(TAGS), len(TAGS))).astype("float32")
    gold = ops.convert_to_numpy(viterbi(potentials)[0]).copy()
    gold[:, 6:] = -1
    metric = EntityF1(TAGS)
    metric.update_state(gold, potentials)
    assert float(metric.result()["f1"]) == 1
    gold[:, 2] = 0
    metric.update_state(gold, potentials)
    assert 0 < float(metric.result()["f1"]) < 1


def test_nothing_seen_is_zero_and_reset_forgets():
    metric = EntityF1(TAGS, name="entity_f1")
    nothing = {"entity_f1": 0, "precision": 0, "recall": 0}
    assert {name: float(value) for name, value in metric.result().items()} == nothing
    metric.update_state(np.array([[1, 2, -1]]), one_hot(np.array([[1, 2, 0]])))
    assert float(metric.result()["entity_f1"]) == 1
    metric.reset_state()
    assert float(metric.result()["entity_f1"]) == 0


def test_wrong_outputs_weights_and_tags_are_told():
    metric = EntityF1(TAGS)
    with pytest.raises(ArgumentError, match="one output for each of 9 tags, got .*5"):
        metric.update_state(np.zeros((2, 3)), np.zeros((2, 3, 5)))
    with pytest.raises(ArgumentError, match="weighted_metrics"):
        metric.update_state(np.zeros((2, 3)), np.zeros((2, 3, 9)), sample_weight=np.ones(2))
    with pytest.raises(DataError, match="tags, position 1: .*'PER'"):
        EntityF1(["O", "PER"])


class Batches(keras.utils.PyDataset):
    """Batches of given lengths, whose labels the model sees."""

    def __init__(self, seed, lengths=(12, 5)):
        super().__init__()
        rng = np.random.default_rng(seed)
        self.labels = [rng.integers(0, len(TAGS), size=(4, steps)).astype("int32") for steps in lengths]
        for labels in self.labels:
            labels[0, 3:] = -1

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        labels = self.labels[index]
        return np.maximum(labels, 0), labels


def tagger(**compile_args):
    inputs = keras.Input((None,), dtype="int32")
    outputs = keras.layers.Embedding(len(TAGS), len(TAGS), name="logits")(inputs)
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    model.compile("sgd", loss, metrics=[EntityF1(TAGS)], **compile_args)
    return model


def expected_scores(model, data):
    gold, found = [], []
    for labels in data.labels:
        best = np.array(model(np.maximum(labels, 0))).argmax(axis=-1)
        for row, answers in zip(labels, best, strict=True):
            gold.append([TAGS[number] for number in row if number >= 0])
            found.append([TAGS[number] for number in answers[: len(gold[-1])]])
    return score_entities(gold, found)


def test_three_figures_in_a_fit_under_xla():
    model, valid = tagger(jit_compile=True), Batches(1)
    logs = model.fit(Batches(0, lengths=(12,)), validation_data=valid, verbose=0).history
    assert set(logs) == {prefix + name for prefix in ("", "val_") for name in ("loss", "f1", "precision", "recall")}
    scores = expected_scores(model, valid)
    figures = [logs["val_f1"][0], logs["val_precision"][0], logs["val_recall"][0]]
    assert figures == pytest.approx([scores.f1, scores.precision, scores.recall])


def test_a_saved_model_measures_the_same(tmp_path):
    model, valid = tagger(), Batches(1)
    model.save(tmp_path / "tagger.keras")
    loaded = keras.models.load_model(tmp_path / "tagger.keras")
    scores = expected_scores(model, valid)
    expected = {"f1": scores.f1, "precision": scores.precision, "recall": scores.recall}
    for each in (model, loaded):
        figures = each.evaluate(valid, verbose=0, return_dict=True)
        assert {name: figures[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("filler", [-1, 0])
def test_the_padding_of_potentials_never_counts(filler):
    layer = CRF(len(TAGS))
    emissions = 9 * one_hot(padded([[1, 0, 1], [0, 1]], 1))  # Viterbi repeats the last B-PER in the padding
    metric = EntityF1(TAGS)
    metric.update_state(padded([[1, 0, 1], [0, 1]], filler), layer(emissions, np.array([3, 2])))
    assert np.array(metric.counts).tolist() == [3, 3, 3]
