import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.tasks.batches import MAX_STEPS, BatchAdapter, Batches, FollowEpoch


def batches(lengths, **options):
    """Examples whose words are their own number, so that every row of a batch can be traced."""
    sequences = [np.full(length, row + 1, dtype="int32") for row, length in enumerate(lengths)]
    lengths = np.array(lengths, dtype="int32")
    y = np.arange(len(lengths), dtype="int32")
    return Batches({"tokens": sequences, "lengths": lengths}, y, lengths=lengths, **options)


LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=60)


@given(LENGTHS, st.integers(1, 9), st.booleans(), st.integers(0, 3))
def test_every_epoch_serves_every_example_once_and_whole(lengths, batch_size, shuffle, epoch):
    data = batches(lengths, batch_size=batch_size, shuffle=shuffle)
    data.epoch = epoch
    seen = []
    for index in range(data.num_batches):
        x, y = data[index]
        assert x["tokens"].shape == (len(y), x["lengths"].max())
        for tokens, length, row in zip(x["tokens"], x["lengths"], y, strict=True):
            assert length == lengths[row]
            assert (tokens[:length] == row + 1).all()
            assert not tokens[length:].any()
        seen.extend(y)
    assert sorted(seen) == list(range(len(lengths)))
    assert list(data.order) == seen


@given(LENGTHS, st.integers(1, 9), st.booleans())
def test_first_batch_is_the_longest_and_second_the_shortest(lengths, batch_size, shuffle):
    data = batches(lengths, batch_size=batch_size, shuffle=shuffle)
    longest = [data[index][0]["tokens"].shape[1] for index in range(data.num_batches)]
    assert longest[0] == max(lengths)
    if len(longest) > 2:
        assert longest[1] == min(longest[1:])


@given(LENGTHS)
def test_the_number_of_batches_is_the_same_in_every_epoch(lengths):
    data = batches(lengths, batch_size=4, shuffle=True)
    counts = set()
    for epoch in range(5):
        data.epoch = epoch
        counts.add(data.num_batches)
    assert counts == {-(-len(lengths) // 4)}


def test_an_epoch_is_a_function_of_seed_and_number():
    lengths = list(range(1, 41))
    first, same, other = (batches(lengths, batch_size=4, shuffle=True, seed=seed) for seed in (1, 1, 2))
    first.epoch = 3
    order = list(first.order)
    first.epoch = 0
    same.epoch = other.epoch = 3
    assert list(same.order) == order
    assert list(other.order) != order
    assert list(first.order) != order


def test_buckets_leave_little_padding():
    lengths = np.random.default_rng(0).integers(1, 52, 6400)
    data = batches(list(lengths), batch_size=32, shuffle=True)
    padded = sum(data[index][0]["tokens"].size for index in range(data.num_batches))
    assert padded < 1.05 * lengths.sum()


def test_examples_that_would_fill_the_memory_get_batches_of_their_own():
    lengths = [MAX_STEPS // 2, MAX_STEPS + 5, *[10] * 20]
    data = batches(lengths, batch_size=8, shuffle=True)
    sizes = [data[index][0]["tokens"].shape for index in range(data.num_batches)]
    assert (1, MAX_STEPS + 5) in sizes
    assert (1, MAX_STEPS // 2) in sizes
    assert data.num_batches == 5
    assert sorted(data.order) == list(range(22))


def test_weights_go_with_their_examples():
    data = batches([3, 1, 2], batch_size=2, weights=np.array([0.5, 1.5, 2.5], dtype="float32"))
    for index in range(data.num_batches):
        _, y, weights = data[index]
        np.testing.assert_array_equal(weights, y + 0.5)


class Recorder(keras.Model):
    """Learns nothing, and notes what it is given."""

    def __init__(self):
        super().__init__()
        self.given = []

    def train_step(self, data):
        self.given.append([np.asarray(part).tolist() for part in data[1:]])
        return {"loss": 0.0}


def recorded(data, feed, **options):
    """The targets, and weights, of each batch of two epochs of `fit`."""
    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(feed, verbose=0, callbacks=[FollowEpoch(data)], **options)
    return model.given


def test_keras_takes_batches_of_any_length_and_is_told_the_epoch():
    data = batches([5, 1, 3, 3, 2, 9, 4], batch_size=2, shuffle=True)
    given = recorded(data, BatchAdapter(data), epochs=5, initial_epoch=3)
    expected = []
    for data.epoch in (3, 4):
        expected += [[data[index][1].tolist()] for index in range(data.num_batches)]
    assert given == expected


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_epochs_of_some_steps_follow_each_other_through_the_data(steps):
    lengths = [5, 1, 3, 3, 2, 9, 4]
    whole, data = (batches(lengths, batch_size=2, shuffle=True, steps=each) for each in (None, steps))
    passes = []
    for whole.epoch in range(8):
        passes += [whole.rows(index).tolist() for index in range(whole.num_batches)]
    served = []
    for data.epoch in range(4):
        assert data.num_batches == steps
        served += [data.rows(index).tolist() for index in range(steps)]
    assert served == passes[: 4 * steps]
    given = recorded(data, BatchAdapter(data), epochs=4)
    assert [batch[0] for batch in given] == served


def test_tensorflow_does_not_tune_the_adapter():
    assert BatchAdapter(batches([3, 1, 2])).get_tf_dataset().options().autotune.enabled is False


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_batches(count):
    data = batches([2] * count, batch_size=1)
    assert data.num_batches == count


def test_target_sequences_are_padded_with_a_label_that_counts_nowhere():
    sequences = [np.array([5, 6, 7]), np.array([8])]
    x, y = Batches({"tokens": sequences}, sequences, lengths=[3, 1], batch_size=2)[0]
    assert x["tokens"].tolist() == [[8, 0, 0], [5, 6, 7]]
    assert y.tolist() == [[8, -1, -1], [5, 6, 7]]


def test_other_examples_have_another_fingerprint_and_another_seed_has_not():
    def batches(text="abc", batch_size=2, seed=0, number=1.0):
        x = {"text": [np.arange(len(text)), np.frombuffer(text.encode(), "uint8")]}
        return Batches(x, np.array([0.0, number]), lengths=[len(text)] * 2, batch_size=batch_size, seed=seed)

    first = batches().fingerprint()
    assert batches(seed=1).fingerprint() == first
    for change in ({"text": "abd"}, {"text": "abcd"}, {"batch_size": 1}, {"number": 2.0}):
        assert batches(**change).fingerprint() != first
