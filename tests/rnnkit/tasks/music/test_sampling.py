"""The sampler on a small keyboard, against all frames written out and against what the network says of its output."""

import itertools
from collections import Counter

import keras
import numpy as np
import pytest

from rnnkit.layers import KeyHead, RecurrentStack
from rnnkit.tasks.music.generation import NO_LIMIT
from rnnkit.tasks.music.sampling import RollSampler

KEYS, NOTES = 4, 4
FRAMES = np.array(list(itertools.product([0, 1], repeat=KEYS)), "float32")
OPEN = {
    "temperature": np.float32(1),
    "top_k": np.int32(NO_LIMIT),
    "top_p": np.float32(2),
    "max_hold": np.int32(NO_LIMIT),
    "max_silence": np.int32(NO_LIMIT),
}


@pytest.fixture(params=[0, KEYS], ids=["independent", "joint"], scope="module")
def parts(request):
    """Embedding, stack and head with weights of some size."""
    embedding = keras.layers.Dense(5)
    embedding.build((None, None, KEYS))
    stack = RecurrentStack("lstm", 3, 2, residual=True)
    stack.build((None, None, 5))
    head = KeyHead(KEYS, 3, reach=1, below=request.param)
    head.build((None, None, 3))
    rng = np.random.default_rng(5)
    for layer in (embedding, stack, head):
        layer.set_weights([rng.normal(scale=1.5, size=weight.shape) for weight in layer.weights])
    return embedding, stack, head


def sample(parts, pieces, steps, *, primer=None, primed=0, playable=(True,) * KEYS, notes=NOTES, seed=0, **settings):
    uniforms = 1 - np.random.default_rng(seed).random((pieces, steps, NOTES + 2), dtype="float32")
    primer = np.zeros((steps, KEYS), "uint8") if primer is None else primer
    inputs = {"uniforms": uniforms, "primer": np.stack([primer] * pieces), "primed": np.full(pieces, primed, "int32")}
    sampler = RollSampler(*parts, playable, notes)
    return sampler.predict_on_batch({**OPEN, **settings, **inputs}), uniforms


def frame_probabilities(parts, before=()):
    """Of all frames after the frames `before`, one alone each: shape (2^K,)."""
    embedding, stack, head = parts
    history = np.array([np.zeros(KEYS), *before], "float32")[None]
    context = np.array(stack(embedding(history)))
    context, last = (np.repeat(each[:, -1:], len(FRAMES), axis=1) for each in (context, history))
    odds = np.array(head(context, last, FRAMES[None]), "float64")[0]
    return np.exp((FRAMES * odds - np.logaddexp(0, odds)).sum(axis=1))


def shares(frames):
    counts = Counter(map(tuple, frames.astype(int).tolist()))
    return np.array([counts[tuple(frame)] for frame in FRAMES.astype(int).tolist()]) / len(frames)


def assert_drawn_from(drawn, probabilities):
    """Each share of 20,000 within four standard deviations."""
    deviation = np.sqrt(probabilities * (1 - probabilities) / len(drawn))
    assert (np.abs(shares(drawn) - probabilities) <= 4 * deviation + 1e-4).all()


def test_first_frames_have_the_probabilities_of_the_model(parts):
    rolls, _ = sample(parts, 20_000, 1)
    assert_drawn_from(rolls[:, 0], frame_probabilities(parts))


def test_frames_that_must_change_have_the_probabilities_given_that_they_do(parts):
    primer = np.array([[0, 1, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0]])
    rolls, _ = sample(parts, 20_000, 3, primer=primer, primed=2, max_hold=np.int32(2))
    assert (rolls[:, :2] == primer[:2]).all()
    probabilities = frame_probabilities(parts, primer[:2])
    probabilities[(primer[0] == FRAMES).all(axis=1)] = 0
    assert_drawn_from(rolls[:, 2], probabilities / probabilities.sum())


def test_silence_that_must_end_does(parts):
    rolls, _ = sample(parts, 20_000, 1 + 1, primed=1, max_silence=np.int32(1))
    probabilities = frame_probabilities(parts, np.zeros((1, KEYS)))
    probabilities[0] = 0
    assert_drawn_from(rolls[:, 1], probabilities / probabilities.sum())


def test_every_note_is_where_the_uniform_number_says(parts):
    """The state is carried: the odds of the whole network on the finished piece explain each draw of it."""
    embedding, stack, head = parts
    primer = np.zeros((12, KEYS), "uint8")
    primer[:3, 1] = 1
    rolls, uniforms = sample(parts, 8, 12, primer=primer, primed=3)
    assert (rolls[:, :3] == primer[:3]).all()
    before = np.pad(rolls, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    probability = 1 / (1 + np.exp(-np.array(head(stack(embedding(before)), before, rolls), "float64")))
    for piece, step in itertools.product(range(8), range(3, 12)):
        notes, last = [*np.flatnonzero(rolls[piece, step]), KEYS], -1
        for number, note in enumerate(notes):
            p = probability[piece, step, last + 1 : note + 1]
            reached = np.cumsum(p * np.cumprod(1 - np.array([0, *p[:-1]])))
            below, up_to = [0, 0, *reached][-2:] if note < KEYS else ([0, *reached][-1], 1)
            assert below - 1e-5 <= uniforms[piece, step, 1 + number] <= up_to + 1e-5
            last = note


def test_top_k_of_one_and_a_low_temperature_take_the_most_probable_choice(parts):
    greedy, _ = sample(parts, 4, 8, top_k=np.int32(1))
    assert (greedy == greedy[0]).all()
    for other in ({"top_p": np.float32(1e-6)}, {"temperature": np.float32(1e-3)}):
        np.testing.assert_array_equal(sample(parts, 4, 8, seed=1, **other)[0], greedy)


def test_top_p_and_top_k_leave_out_the_least_probable_choices(parts):
    """In the first draw of a frame: the lowest key that sounds, or none."""
    probabilities = frame_probabilities(parts)
    lowest = np.where(FRAMES.any(axis=1), FRAMES.argmax(axis=1), KEYS)
    choices = np.array([probabilities[lowest == key].sum() for key in range(KEYS + 1)])
    order = np.argsort(-choices)
    for settings, kept in (
        ({"top_k": np.int32(2)}, order[:2]),
        ({"top_p": np.float32(choices[order[:3]].sum() - 0.01)}, order[:3]),
    ):
        frames = sample(parts, 4000, 1, **settings)[0][:, 0]
        found = np.where(frames.any(axis=1), frames.argmax(axis=1), KEYS)
        expected = choices[kept] / choices[kept].sum()
        assert set(found) == set(kept)
        np.testing.assert_allclose([np.mean(found == key) for key in kept], expected, atol=0.04)


def test_temperature_raises_the_probabilities_to_a_power(parts):
    probabilities = frame_probabilities(parts)
    lowest = np.where(FRAMES.any(axis=1), FRAMES.argmax(axis=1), KEYS)
    choices = np.array([probabilities[lowest == key].sum() for key in range(KEYS + 1)]) ** (1 / 3)
    frames = sample(parts, 20_000, 1, temperature=np.float32(3))[0][:, 0]
    found = np.where(frames.any(axis=1), frames.argmax(axis=1), KEYS)
    shown = [np.mean(found == key) for key in range(KEYS + 1)]
    np.testing.assert_allclose(shown, choices / choices.sum(), atol=0.02)


def test_keys_and_chords_that_cannot_be_are_not(parts):
    rolls, _ = sample(parts, 50, 20, playable=[True, False, True, True], notes=2, max_hold=np.int32(1))
    assert not rolls[:, :, 1].any()
    assert rolls.any()
    assert (rolls.sum(axis=-1) <= 2).all()
    assert (sample(parts, 50, 20, notes=1)[0].sum(axis=-1) <= 1).all()


def test_a_full_chord_that_must_change_has_the_probabilities_of_what_it_may_become(parts):
    primer = np.array([[1, 0, 1, 0], [0, 0, 0, 0]])
    rolls, _ = sample(parts, 20_000, 2, primer=primer, primed=1, notes=2, max_hold=np.int32(1))
    two_lowest = [tuple(frame * (frame.cumsum() <= 2)) for frame in FRAMES]
    probabilities = Counter()
    for frame, probability in zip(two_lowest, frame_probabilities(parts, primer[:1]), strict=True):
        probabilities[frame] += probability
    left = np.array([probabilities[tuple(frame)] * (frame != primer[0]).any() for frame in FRAMES])
    assert_drawn_from(rolls[:, 1], left / left.sum())
