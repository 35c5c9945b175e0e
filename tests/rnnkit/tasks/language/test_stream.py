"""Streams in strips and pieces, against plain loops over the tokens."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.tasks.language import stream as module
from rnnkit.tasks.language.stream import Pieces, Strips, text_strips, tokens_at
from rnnkit.text.tokenization import END

few = pytest.mark.filterwarnings("ignore:x. .* tokens do not fill")
texts = st.lists(st.lists(st.integers(4, 9), max_size=12).map(lambda ids: np.array([*ids, END], "int32")), min_size=1)


def backwards(text):
    """From the last token to the first, and then the end."""
    return np.array([*text[:-1][::-1], END])


def pairs_of(inputs, targets, directions, way):
    """(token before, target) where there is a target, of one direction."""
    name = ("tokens", "backward")[way]
    targets = np.reshape(targets, (len(targets), -1, directions))[:, :, way]
    return [pair for pair in zip(np.ravel(inputs[name]), np.ravel(targets), strict=True) if pair[1] >= 0]


@pytest.fixture(autouse=True, scope="module", params=[4, 512])
def strip(request):
    """Strips of few tokens, of which a pass has many groups, and of as many as usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STRIP", request.param)
        yield request.param


@few
@given(texts, st.integers(1, 5), st.integers(1, 4))
def test_the_parts_of_several_workers_are_the_whole_batch(texts, batch_size, count):
    strips = Strips(np.concatenate(texts), directions=2, batch_size=batch_size, steps=3)
    for data in (strips, Pieces(texts, size=9, directions=2, batch_size=batch_size, steps=3)):
        for index in range(data.num_batches):
            (x, y), parts = data[index], [data.part(index, number, count) for number in range(count)]
            assert len(data.rows(index)) == len(y)
            np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), y)
            for name, values in x.items():
                np.testing.assert_array_equal(np.concatenate([part[name] for part, _ in parts]), values)


@few
@given(texts, st.integers(1, 5), st.integers(1, 7), st.booleans(), st.sampled_from([1, 2]))
def test_a_pass_predicts_each_token_once_from_the_one_before(texts, batch_size, steps, shuffle, directions):
    stream = np.concatenate(texts)
    strips = Strips(stream, directions=directions, batch_size=batch_size, steps=steps, shuffle=shuffle, seed=3)
    batches = [strips[index] for index in range(strips.num_batches)]
    forward = sorted((int(stream[i - 1]), int(stream[i])) for i in range(len(stream)))
    reverse = np.concatenate([backwards(text) for text in reversed(texts)])
    backward = sorted((int(reverse[i - 1]), int(reverse[i])) for i in range(len(reverse)))
    for way, expected in list(enumerate([forward, backward]))[:directions]:
        assert sorted(pair for batch in batches for pair in pairs_of(*batch, directions, way)) == expected
    assert batches[0][0]["fresh"].all()


@few
@given(texts, st.integers(1, 5), st.integers(1, 7))
def test_a_strip_goes_on_where_it_ended_and_begins_where_a_text_does(texts, batch_size, steps):
    stream = np.concatenate(texts)
    strips = Strips(stream, batch_size=batch_size, steps=steps, seed=1)
    batches = [strips[index] for index in range(strips.num_batches)]
    begins = [index for index, (x, _) in enumerate(batches) if x["fresh"].all()]
    cut_anywhere = max(map(len, texts)) > len(stream) / strips.batch_size
    for start, stop in zip(begins, [*begins[1:], len(batches)], strict=True):
        inputs, targets = (
            np.concatenate(each, axis=1)
            for each in zip(*((x["tokens"], y) for x, y in batches[start:stop]), strict=True)
        )
        for row, wanted in zip(inputs, targets, strict=True):
            length = np.sum(wanted >= 0)
            np.testing.assert_array_equal(row[1:length], wanted[: length - 1] if length else row[:0])
            assert (wanted[length:] == -1).all()
            assert cut_anywhere or not length or row[0] == END


def test_strips_are_as_long_as_asked_and_a_long_text_is_cut_in_equal_ones(strip):
    lines = np.tile(np.r_[4:9, END], 1000)
    strips, anywhere = text_strips(lines, 2)
    assert not anywhere
    assert abs(np.diff(strips) - strip).max() < 20
    strips, anywhere = text_strips(np.r_[np.full(6000, 4), END], 4)
    assert anywhere
    assert sorted(np.diff(strips)[:, 0]) == [1500, 1500, 1500, 1501]


def test_too_few_tokens_for_a_batch_are_told():
    with pytest.warns(UserWarning, match=r"x: 97 tokens do not fill one batch of 32 strips \(batch_size\) of 5 tokens"):
        strips = Strips(np.r_[4:100, END], batch_size=32, steps=5)
    assert (strips.num_batches, strips.steps) == (1, 4)


def test_a_pass_is_cut_elsewhere_each_time_and_the_same_for_the_same_seed():
    first, same, other = (Strips(np.r_[4:100, END], batch_size=2, steps=5, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first[0][1], same[0][1])
    assert not np.array_equal(first[0][1], other[0][1])
    first.epoch = 1
    assert not np.array_equal(first[0][1], same[0][1])


def test_epochs_of_fewer_batches_go_on_in_the_pass():
    whole = Strips(np.r_[4:100, END], batch_size=2, steps=5, seed=0)
    parts = Strips(np.r_[4:100, END], batch_size=2, steps=5, seed=0, steps_per_epoch=4)
    assert (whole.num_batches, parts.num_batches) == (10, 4)
    for epoch in range(2):
        parts.epoch = epoch
        for index in range(4):
            np.testing.assert_array_equal(parts[index][1], whole[4 * epoch + index][1])
            assert parts[index][0]["fresh"].max() == int(epoch == index == 0)


@given(texts, st.integers(1, 4), st.integers(1, 6), st.sampled_from([1, 2]))
def test_pieces_hold_each_text_whole_and_begin_it_anew(texts, batch_size, steps, directions):
    pieces = Pieces(texts, size=10, directions=directions, batch_size=batch_size, steps=steps)
    found = {way: [] for way in range(directions)}
    for index in range(pieces.num_batches):
        x, y = pieces[index]
        for way in range(directions):
            found[way] += pairs_of(x, y, directions, way)
    for way in range(directions):
        read = texts if way == 0 else [backwards(text) for text in texts]
        expected = sorted((int(text[i - 1]) if i else END, int(text[i])) for text in read for i in range(len(text)))
        assert sorted(found[way]) == expected


def test_keras_sees_two_shapes_before_it_settles_on_one():
    """It learns the shape of the data from the first two batches."""
    rows = [np.array([*range(4, 4 + n), END], "int32") for n in (30, 28, 3, 2, 9)]
    shapes = [y.shape[1] for _, y in map(Pieces(rows, size=40, batch_size=2, steps=8).__getitem__, range(6))]
    assert shapes[0] != shapes[1]
    assert set(shapes[1:]) <= {8, 10}


@pytest.mark.parametrize("steps", [0, 1, 3, 100])
def test_both_directions_begin_behind_an_end_and_close_with_one(steps):
    text = np.array([*range(4, 4 + steps), END])
    for name, read in {"tokens": text, "backward": backwards(text)}.items():
        np.testing.assert_array_equal(tokens_at(text, name, np.arange(-1, steps + 1)), [END, *read])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_stream_in_a_file_takes_no_memory(tmp_path, monkeypatch):
    """40 MB of it are read from end to end; what the system counts as mapped stays below a part of them."""
    monkeypatch.setattr(module, "BLOCK", 2**20)
    stream = np.full(20_000_000, 9, "uint16")
    stream[99::100] = END
    stream.tofile(tmp_path / "tokens")
    tokens = np.memmap(tmp_path / "tokens", "uint16", "r", shape=stream.shape)

    def mapped():
        [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("RssFile")]
        return int(line.split()[1]) / 1024

    before = mapped()
    batches = Strips(tokens, batch_size=8, steps=50)
    x, y = batches[0]
    np.testing.assert_array_equal(x["tokens"][:, 1:], y[:, :-1])
    assert mapped() - before < 10
    assert int(tokens.sum()) == int(stream.sum())
    assert mapped() - before > 30  # that is what was counted
