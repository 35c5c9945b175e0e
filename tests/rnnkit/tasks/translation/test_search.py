"""The searches against enumeration, on a little language whose probabilities hang on all that was written."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from rnnkit.layers.sequence import FORBIDDEN
from rnnkit.tasks.translation.search import beam_search, draw, greedy
from rnnkit.text.tokenization import BEGIN, END

V, T, S = 7, 3, 5  # three subwords beside the marks; source steps; features of a state
WORDS = (4, 5, 6)
LIMITS = np.array([4, 1, 3, 2], "int32")


class Language:
    """A recurrent language model with attention, drawn at random, as a step function and by itself in NumPy."""

    def __init__(self, seed, batch=4, end=0.0):
        rng = np.random.default_rng(seed)
        self.start = rng.normal(size=(batch, S)).astype("float32")
        self.embedding, self.kernel, self.logits, self.look = (
            rng.normal(size=size).astype("float32") * 2 for size in ((V, S), (S, S), (S, V), (S, T))
        )
        self.end = np.where(np.arange(V) == END, end, 0).astype("float32")

    def step(self, tokens, states):
        states = ops.tanh(
            ops.matmul(states, self.kernel) + ops.take(self.embedding, ops.reshape(tokens, (-1,)), axis=0)
        )
        logits, weights = ops.matmul(states, self.logits) + self.end, ops.softmax(ops.matmul(states, self.look))
        K = tokens.shape[1]
        return ops.reshape(logits, (-1, K, V)), ops.reshape(weights, (-1, K, T)), states

    def walk(self, row, words, temperature=1.0):
        """Log probability of each word, given that only words and the end can come, and the attention of each place."""
        state, gains, looks = self.start[row].astype("float64"), [], []
        for before, word in itertools.pairwise((BEGIN, *words)):
            state = np.tanh(state @ self.kernel + self.embedding[before])
            logits = (state @ self.logits + self.end)[[END, *WORDS]] / temperature
            gains.append(dict(zip((END, *WORDS), logits - np.logaddexp.reduce(logits), strict=True))[word])
            look = np.exp(state @ self.look)
            looks.append(look / look.sum())
        return gains, looks

    def ranked(self, row, limit, length_penalty=0.0, coverage_penalty=0.0, sources=T):
        """Every sentence within the limit with its score, best first."""
        bodies = [body for size in range(limit) for body in itertools.product(WORDS, repeat=size)]
        scored = []
        for body in bodies:
            gains, looks = self.walk(row, (*body, END))
            coverage = np.log(np.minimum(np.sum(looks, axis=0), 1))[:sources].sum()
            score = sum(gains) / ((6 + len(body)) / 6) ** length_penalty + coverage_penalty * coverage
            scored.append((score, (*body, END)))
        return sorted(scored, reverse=True)


def sentence(numbers):
    """Subwords up to the end; what comes after it must be padding."""
    numbers = tuple(int(number) for number in numbers)
    size = numbers.index(END) + 1
    assert not any(numbers[size:])
    return numbers[:size]


@pytest.mark.parametrize("end", [0.0, 4.0])  # 4: all sentences are short, and the loop can stop early
def test_greedy_takes_the_most_probable_word_each_time(end):
    language = Language(0, end=end)
    found, scores = greedy(language.step, language.start, LIMITS, 4)
    for row, limit in enumerate(LIMITS):
        words = ()
        while len(words) < limit - 1 and END not in words:
            words += (max((END, *WORDS), key=lambda word: language.walk(row, (*words, word))[0][-1]),)
        words = words if END in words else (*words, END)
        assert sentence(np.array(found)[row]) == words
        assert float(scores[row]) == pytest.approx(sum(language.walk(row, words)[0]), abs=1e-4)


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 10**6),
    length_penalty=st.sampled_from([0.0, 0.6, 1.0, 2.0]),
    coverage_penalty=st.sampled_from([0.0, 0.3, 2.0]),
    sources=st.integers(1, T),
)
def test_a_beam_with_room_for_all_is_exhaustive_search(seed, length_penalty, coverage_penalty, sources):
    language, width = Language(seed), 40
    states = np.repeat(language.start, width, axis=0)
    valid = np.arange(T)[None, :] < np.full((len(LIMITS), 1), sources)
    found, scores = map(
        np.array,
        beam_search(
            language.step,
            states,
            LIMITS,
            4,
            valid,
            width=width,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
        ),
    )
    for row, limit in enumerate(LIMITS):
        expected = language.ranked(row, limit, length_penalty, coverage_penalty, sources)
        there = [(score, words) for score, words in zip(scores[row], found[row], strict=True) if score > FORBIDDEN / 10]
        assert len(there) == len(expected)
        np.testing.assert_allclose([score for score, _ in there], [score for score, _ in expected], atol=1e-3)
        assert {sentence(words) for _, words in there} == {words for _, words in expected}
        assert sentence(there[0][1]) == expected[0][1] or expected[0][0] - expected[1][0] < 1e-3


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), length_penalty=st.sampled_from([0.0, 1.0]))
def test_a_beam_of_one_is_greedy(seed, length_penalty):
    language, limits = Language(seed, end=1.0), LIMITS
    words, scores = greedy(language.step, language.start, limits, 4)
    valid = np.ones((len(LIMITS), T), bool)
    beam, ranked = beam_search(language.step, language.start, limits, 4, valid, width=1, length_penalty=length_penalty)
    np.testing.assert_array_equal(words, np.array(beam)[:, 0])
    sizes = np.array([len(sentence(row)) for row in np.array(words)])
    np.testing.assert_allclose(scores, np.array(ranked)[:, 0] * ((5 + sizes) / 6) ** length_penalty, rtol=1e-5)


def test_a_narrow_beam_finds_nothing_better_than_there_is_and_nothing_worse_than_its_first_step():
    for seed in range(5):
        language = Language(seed)
        valid = np.ones((len(LIMITS), T), bool)
        states = np.repeat(language.start, 2, axis=0)
        found, scores = map(np.array, beam_search(language.step, states, LIMITS, 4, valid, width=2))
        for row, limit in enumerate(LIMITS):
            known = {words: score for score, words in language.ranked(row, limit)}
            for words, score in zip(found[row], scores[row], strict=True):
                if score > FORBIDDEN / 10:
                    assert score == pytest.approx(known[sentence(words)], abs=1e-4)
            assert scores[row, 0] >= scores[row, 1]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_have_the_probabilities_of_the_model(temperature):
    count, limit = 4000, 3
    language = Language(3, batch=1)
    states = np.repeat(language.start, count, axis=0)
    uniforms = np.random.default_rng(0).random((count, limit), "float32")
    found, scores = map(np.array, draw(language.step, states, np.full(count, limit, "int32"), uniforms, temperature))
    drawn = [sentence(row) for row in found]
    for words in {*drawn}:
        here = [place for place, each in enumerate(drawn) if each == words]
        gains, _ = language.walk(0, words, temperature)
        probability = np.exp(sum(gains[:-1] if len(words) == limit else gains))  # the last place has no choice
        spread = 5 * np.sqrt(probability * (1 - probability) / count)
        assert len(here) / count == pytest.approx(probability, abs=max(spread, 1e-3))
        np.testing.assert_allclose(scores[here], sum(language.walk(0, words)[0]), atol=1e-4)


def test_a_draw_with_no_heat_is_greedy_and_one_number_decides_one_word():
    language, limits = Language(1), LIMITS
    uniforms = np.random.default_rng(0).random((len(LIMITS), 4), "float32")
    cold, _ = draw(language.step, language.start, limits, uniforms, temperature=1e-3)
    np.testing.assert_array_equal(cold, greedy(language.step, language.start, limits, 4)[0])
    changed = uniforms.copy()
    changed[0] = 1 - changed[0]
    before, after = (np.array(draw(language.step, language.start, limits, each)[0]) for each in (uniforms, changed))
    np.testing.assert_array_equal(before[1:], after[1:])
    assert (before[0] != after[0]).any()
