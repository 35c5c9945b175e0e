"""Fine-tuning by layers, against steps that are made by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import rnnkit
from rnnkit.callbacks import GradientHealth, Resume
from rnnkit.errors import ArgumentError
from rnnkit.tasks.fine_tuning import FineTuning
from rnnkit.tasks.settings import split_settings
from rnnkit.tasks.specs import find_spec

TEXTS = ["a good film", "bad", "not good at all", "not bad"]
LABELS = ["positive", "negative", "negative", "positive"]


def classifier(optimizer=None, **options):
    keras.utils.set_random_seed(0)
    settings = {"cell": "min_gru", "units": 3, "embedding_dim": 3, "dropout": 0.0, "word_dropout": 0.0}
    model = rnnkit.SentimentClassifier(**{**settings, "layers": 2, "bidirectional": False, **options})
    model.adapt(TEXTS, LABELS)
    model.compile(optimizer or rnnkit.LazyAdam(0.01))
    return model


def groups(model):
    """From the outputs down, by name."""
    net = model.network
    names = [net.get_layer("scores"), *(block["forward"] for block in reversed(model.stack.blocks))]
    return [each.trainable_variables for each in (*names, net.get_layer("embedding"))]


@pytest.mark.usefixtures("untraced_test")
def test_each_step_is_that_of_the_paper():
    """Full batches, plain gradient descent: five steps with cut_frac = 0.4 and ratio = 10, the last layers first."""
    model, other = classifier(keras.optimizers.SGD(0.5)), classifier(keras.optimizers.SGD(0.5))
    tuning = FineTuning(decay=2.0, unfreeze=2, rise=0.4, ratio=10.0)
    model.fit(TEXTS, LABELS, epochs=5, fine_tuning=tuning, verbose=0)
    x, y = other.probe_batch(TEXTS, LABELS)
    for step, share in enumerate([0.0, 0.5, 1.0, 2 / 3, 1 / 3]):
        rate = 0.5 * (1 + share * 9) / 10
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, other(x)))
        gradients = tape.gradient(loss, [[each.value for each in group] for group in groups(other)])
        for number, (group, of_group) in enumerate(zip(groups(other), gradients, strict=True)):
            for variable, gradient in zip(group, of_group, strict=True):
                factor = rate / 2.0**number if step >= 2 * number else 0.0
                variable.assign_sub(factor * tf.convert_to_tensor(gradient))
    for own, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(own, expected, atol=1e-6)


def test_layers_of_equal_depth_are_one_group_in_both_directions():
    """A language model has a stack for each direction, a classifier a stack that reads both."""
    language = rnnkit.LanguageModel(units=3, layers=2, direction="both", embedding_dim=3)
    language.adapt(TEXTS)
    both = classifier(cell="lstm", bidirectional=True)
    for model, stacks in ((language, language.stacks), (both, [both.stack])):
        _, second, first, embedding = model.layer_groups()
        for depth, group in ((1, second), (0, first)):
            of_depth = [
                v.path for stack in stacks for each in stack.blocks[depth].values() for v in each.trainable_variables
            ]
            assert len(of_depth) == 6  # kernel, recurrent kernel and bias, twice
            assert [variable.path for variable in group] == of_depth
        assert [variable.path for variable in embedding] == ["embedding/embeddings"]


class Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_a_compiled_fit_moves_what_is_not_frozen_and_the_next_one_all():
    model, health = classifier(layers=1), GradientHealth()
    before = [[each.numpy() for each in group] for group in groups(model)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(TEXTS, LABELS, epochs=9, fine_tuning=True, verbose=0, callbacks=[health, Interrupt()])
    top, *frozen = [[each.numpy() for each in group] for group in groups(model)]
    keras.tree.map_structure(np.testing.assert_array_equal, frozen, before[1:])
    assert np.abs(top[0] - before[0][0]).max() > 0
    assert (health.steps["norm_before"] > 0).all()
    model.fit(TEXTS, LABELS, epochs=1, verbose=0)
    for group, old in zip(groups(model)[1:], frozen, strict=True):
        assert np.abs(group[0].numpy() - old[0]).max() > 0


@pytest.mark.usefixtures("untraced_test")
def test_a_stopped_training_ends_as_one_that_was_not(tmp_path):
    def train(epochs, folder):
        model = classifier()
        options = {"fine_tuning": FineTuning(epochs=3), "batch_size": 2, "verbose": 0}
        model.fit(TEXTS, LABELS, epochs=epochs, **options, callbacks=[Resume(tmp_path / folder)])
        return model.get_weights()

    train(2, "stopped")
    keras.tree.map_structure(np.testing.assert_array_equal, train(4, "stopped"), train(4, "whole"))


def test_runs_searches_and_comparisons_hand_it_to_fit():
    settings = {"fine_tuning": True, "pretrained": "reader.keras", "adversarial": 1}
    assert split_settings(find_spec("sentiment"), settings).fit == {"fine_tuning": True}


def test_what_cannot_be_used_is_named():
    for options, message in [
        ({"decay": 0.5}, "decay: expected a number of at least 1, got 0.5"),
        ({"ratio": None}, "ratio: expected a number of at least 1, got None"),
        ({"rise": 1.0}, "rise: expected"),
        ({"unfreeze": -1}, "unfreeze: expected"),
        ({"epochs": 0}, "epochs: expected"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            FineTuning(**options)
    with pytest.raises(ArgumentError, match="fine_tuning: expected True, False or a FineTuning, got 'slow'"):
        classifier().fit(TEXTS, LABELS, epochs=1, fine_tuning="slow", verbose=0)
    with pytest.raises(ArgumentError, match="fine_tuning: weight_decay would move layers that are frozen"):
        classifier(rnnkit.LazyAdam(weight_decay=0.1)).fit(TEXTS, LABELS, epochs=1, fine_tuning=True, verbose=0)
