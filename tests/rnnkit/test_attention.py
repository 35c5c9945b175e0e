"""Attention against NumPy, one query at a time, and the bridge and the decoder that are built on it."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.layers import Attention, AttentionDecoder, RecurrentStack, StateBridge
from rnnkit.layers.attention import SCORINGS
from rnnkit.recurrent.table import cell_names

B, U, T, H, M = 3, 4, 5, 6, 6
LENGTHS = np.array([5, 2, 1], "int32")


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def draw(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


def attended(layer, queries, memory):
    layer.build(queries.shape, memory.shape)
    for weight in layer.weights:  # zeros would hide what they multiply
        weight.assign(weight + 0.3 * draw(*weight.shape))
    return map(np.array, layer(queries, memory, layer.keys(ops.convert_to_tensor(memory)), LENGTHS))


def score(layer, query, step):
    weights = [np.array(weight) for weight in layer.weights]
    if layer.scoring == "dot":
        return query @ step
    if layer.scoring == "general":
        return query @ (step @ weights[0])
    kernel, query_kernel, bias, vector = weights
    return vector @ np.tanh(query @ query_kernel + step @ kernel + bias)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_attention_is_the_mean_of_the_valid_steps_by_their_scores(scoring):
    layer, queries, memory = Attention(scoring), draw(B, U, H), draw(B, T, M)
    contexts, weights = attended(layer, queries, memory)
    for row, place in itertools.product(range(B), range(U)):
        length = LENGTHS[row]
        shares = np.exp([score(layer, queries[row, place], step) for step in memory[row, :length]])
        shares /= shares.sum()
        np.testing.assert_allclose(weights[row, place, :length], shares, atol=1e-5)
        np.testing.assert_array_equal(weights[row, place, length:], 0)
        np.testing.assert_allclose(contexts[row, place], shares @ memory[row, :length], atol=1e-5)


@pytest.mark.parametrize("scoring", SCORINGS)
def test_what_stands_in_the_padding_makes_no_difference(scoring):
    layer, queries, memory = Attention(scoring), draw(B, U, H), draw(B, T, M)
    before = [*attended(layer, queries, memory)]
    for row, length in enumerate(LENGTHS):
        memory[row, length:] = 100
    after = layer(queries, memory, layer.keys(ops.convert_to_tensor(memory)), LENGTHS)
    for first, second in zip(before, after, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_wrong_scoring_is_named():
    with pytest.raises(ArgumentError, match="expected one of general, dot, additive, got 'multiplicative'"):
        Attention("multiplicative")
    with pytest.raises(ArgumentError, match="'dot' needs queries and memory of one width, got 6 and 7"):
        Attention("dot").build((B, U, 6), (B, T, 7))


def test_the_additive_sum_can_have_a_width_of_its_own():
    layer = Attention("additive", units=9)
    contexts, _ = attended(layer, draw(B, U, H), draw(B, T, M))
    assert layer.vector.shape == (9,)
    assert contexts.shape == (B, U, M)
    assert Attention.from_config(layer.get_config()).get_config() == layer.get_config()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_bridge_starts_each_state_from_both_ends_of_what_was_read(bidirectional):
    bridge, outputs = StateBridge([[2, 3], [4]], bidirectional), draw(B, T, M)
    states = bridge(outputs, LENGTHS)
    assert [[state.shape for state in layer] for layer in states] == [[(B, 2), (B, 3)], [(B, 4)]]
    kernel, bias = (np.array(weight) for weight in bridge.weights)
    joined = np.concatenate([state for layer in states for state in layer], axis=-1)
    for row, length in enumerate(LENGTHS):
        summary = outputs[row, length - 1].copy()
        if bidirectional:
            summary[M // 2 :] = outputs[row, 0, M // 2 :]
        np.testing.assert_allclose(joined[row], np.tanh(summary @ kernel + bias), atol=1e-6)
    assert StateBridge.from_config(bridge.get_config()).get_config() == bridge.get_config()


def decoder(cell="gru", attention="general", input_feeding=False, **options):
    stack = RecurrentStack(cell, H, name="decoder_stack", **options)
    return AttentionDecoder(stack, 7, attention, input_feeding, dropout=0.5, name="decoder")


@pytest.mark.parametrize("cell", [*cell_names()[:5], "lru"])
@pytest.mark.parametrize(("attention", "input_feeding"), [("general", False), ("additive", True), (None, False)])
def test_all_steps_at_once_are_the_steps_one_by_one(cell, attention, input_feeding):
    layer = decoder(cell, attention, input_feeding, layers=2, residual=True, layer_norm=True)
    inputs, memory = draw(B, U, 8), ops.convert_to_tensor(draw(B, T, M))
    readouts, weights = layer(inputs, memory, LENGTHS)
    keys, states = layer.start(memory, LENGTHS)
    for place in range(U):
        readout, weight, states = layer.step(inputs[:, place], memory, keys, LENGTHS, states)
        np.testing.assert_allclose(readout, readouts[:, place], atol=1e-5)
        np.testing.assert_allclose(weight[:, 0], weights[:, place], atol=1e-5)


def test_hypotheses_of_one_sentence_do_not_touch_each_other():
    layer, K = decoder("lstm", input_feeding=True), 3
    inputs, memory = draw(B, K, 8), ops.convert_to_tensor(draw(B, T, M))
    layer(inputs, memory, LENGTHS)
    keys, states = layer.start(memory, LENGTHS)
    beams = keras.tree.map_structure(lambda state: ops.repeat(state, K, axis=0), states)
    found, weights, _ = layer.step(ops.reshape(inputs, (B * K, 8)), memory, keys, LENGTHS, beams)
    for each in range(K):
        alone, look, _ = layer.step(inputs[:, each], memory, keys, LENGTHS, states)
        np.testing.assert_allclose(ops.reshape(found, (B, K, 7))[:, each], alone, atol=1e-6)
        np.testing.assert_allclose(weights[:, each], look[:, 0], atol=1e-6)


@pytest.mark.parametrize("input_feeding", [False, True])
def test_every_weight_of_the_decoder_is_trained_and_comes_back(input_feeding, tmp_path):
    inputs, memory = keras.Input((None, 8)), keras.Input((None, M))
    lengths = keras.Input((), dtype="int32")
    outputs, _ = decoder("lstm", "additive", input_feeding)(inputs, memory, lengths)
    model = keras.Model([inputs, memory, lengths], outputs)
    model.compile(keras.optimizers.SGD(1.0), "mse")
    data = [draw(B, U, 8), draw(B, T, M), LENGTHS]
    before = model.get_weights()
    model.train_on_batch(data, draw(B, U, 7))
    for weight, old in zip(model.trainable_variables, before, strict=True):
        assert np.abs(weight - old).max() > 0, weight.path
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict_on_batch(data), model.predict_on_batch(data))


def test_a_decoder_that_cannot_be_is_named():
    with pytest.raises(ArgumentError, match="attention: expected one of .* or None, got 'luong'"):
        decoder(attention="luong")
    with pytest.raises(ArgumentError, match="input_feeding: there is no attention to feed"):
        decoder(attention=None, input_feeding=True)
