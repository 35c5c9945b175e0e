import math

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import rnnkit
from rnnkit import datasets
from rnnkit.datasets import Dataset
from rnnkit.errors import ArgumentError, DataError
from rnnkit.tasks.music import Piece
from rnnkit.tasks.music.rolls import check_rolls, longest_runs, roll_column

pytestmark = pytest.mark.usefixtures("untraced_fits")  # this is about what surrounds a training

HEADS = ["independent", "joint"]


def roll_of(*frames):
    """A roll from the pitches of each frame."""
    roll = np.zeros((len(frames), 88), "uint8")
    for row, pitches in enumerate(frames):
        roll[row, [pitch - 21 for pitch in pitches]] = 1
    return roll


CHORDS = roll_of((48, 60, 64), (48, 62, 65), (48, 62, 65), (), (43, 59))
SONG = roll_of((60,), (60,), (62,), (64,), (62,), (60,))
MUSIC = [CHORDS, SONG, np.tile(CHORDS, (3, 1)), SONG[:1], SONG[::-1], CHORDS[:2]]


def adapted(head="joint", data=MUSIC, **options):
    keras.utils.set_random_seed(0)
    model = rnnkit.MusicGenerator(head, "gru", 8, **{"head_units": 6, **options})
    model.adapt(data)
    return model


@pytest.fixture(scope="module", params=HEADS)
def model(request):
    """Fitted on a few pieces: it knows the keys, and not much else."""
    model = adapted(request.param)
    model.fit(MUSIC, validation_data=MUSIC, epochs=2, batch_size=3, verbose=0)
    return model


def nats(roll, probability):
    probability = probability.astype("float64")
    return -np.log(np.where(roll == 1, probability, 1 - probability)).sum(axis=1)


def test_nll_is_that_of_the_probabilities_however_the_pieces_are_batched(model):
    probabilities = model.predict(MUSIC)
    assert [len(each) for each in probabilities] == [len(roll) for roll in MUSIC]
    frames = np.concatenate([nats(*pair)[1:] for pair in zip(MUSIC, probabilities, strict=True)])
    for batch_size in (1, 4):
        scores = model.evaluate(MUSIC, batch_size=batch_size, verbose=0, return_dict=True)
        assert scores["nll"] == pytest.approx(frames.mean(), rel=1e-4)
    foreseen = [each[1:] > 0.5 for each in probabilities]
    both = sum((roll[1:] & hit).sum() for roll, hit in zip(MUSIC, foreseen, strict=True))
    either = sum((roll[1:] | hit).sum() for roll, hit in zip(MUSIC, foreseen, strict=True))
    assert scores["accuracy"] == pytest.approx(both / either, rel=1e-5)
    loss = np.mean([nats(*pair).mean() for pair in zip(MUSIC, probabilities, strict=True)])
    assert scores["loss"] == pytest.approx(loss, rel=1e-4)


def test_a_frame_is_predicted_from_those_before_it_only(model):
    changed = CHORDS.copy()
    changed[3:] = 1 - changed[3:]
    one, other = model.predict([CHORDS, changed])
    np.testing.assert_allclose(one[:3], other[:3], atol=1e-6)
    assert np.abs(one[4] - other[4]).max() > 1e-6
    assert np.abs(model.predict([SONG])[0][0] - one[0])[:27].max() < 1e-6  # nothing before, no key below


@pytest.mark.realdata
def test_an_untrained_model_knows_how_often_each_key_sounds(public_data):
    """Marginals of the training data, which are known to score 11.09 on JSB and 10.26 on Nottingham."""
    for name, nll in {"jsb": 11.09, "nottingham": 10.26}.items():
        train, _, test = datasets.load(name, directory=public_data)
        model = adapted("independent", train)
        head = model.network.get_layer("head")
        for layer in (head.odds, head.answer):
            layer.kernel.assign(np.zeros(layer.kernel.shape))
        assert model.evaluate(test, verbose=0, return_dict=True)["nll"] == pytest.approx(nll, abs=0.005)


def test_a_key_never_heard_costs_a_finite_number_of_nats(model):
    unheard = roll_of((60,), (108, 21), (60,))
    assert 5 < model.evaluate([unheard], verbose=0, return_dict=True)["nll"] < 100


def test_the_same_seed_gives_the_same_pieces_and_so_does_a_loaded_model(model, tmp_path):
    pieces = model.generate(3, 20, seed=4)
    assert [len(piece) for piece in pieces] == [20] * 3
    model.save(tmp_path / "model.keras")
    loaded = rnnkit.load(tmp_path / "model.keras")
    for again in (model.generate(3, 20, seed=4), loaded.generate(3, 20, seed=4)):
        assert all((one.roll == other.roll).all() for one, other in zip(pieces, again, strict=True))
    others = model.generate(3, 20, seed=5)
    assert any((one.roll != other.roll).any() for one, other in zip(pieces, others, strict=True))
    keras.utils.set_random_seed(1)
    one = model.generate(length=20)
    keras.utils.set_random_seed(1)
    assert (one.roll == model.generate(length=20).roll).all()


def test_what_is_generated_stays_within_what_was_heard(model):
    rolls = np.stack([piece.roll for piece in model.generate(10, 40, temperature=3.0, seed=0)])
    heard = np.logical_or.reduce([roll.any(axis=0) for roll in MUSIC])
    assert not rolls[:, :, ~heard].any()
    assert rolls.sum(axis=-1).max() <= 4  # three, and one more where a chord had to change


def test_pieces_go_on_from_a_primer(model, tmp_path):
    primer = Piece(CHORDS, steps_per_beat=2, tempo=90)
    piece = model.generate(length=9, primer=primer, seed=0)
    assert (piece.roll[:5] == CHORDS).all()
    assert (piece.steps_per_beat, piece.tempo) == (2, 90)
    primer.save(tmp_path / "primer.mid")
    from_file = model.generate(length=9, primer=tmp_path / "primer.mid", steps_per_beat=2, seed=0)
    assert (from_file.roll == piece.roll).all()
    assert (from_file.steps_per_beat, from_file.tempo) == (2, pytest.approx(90, abs=1e-3))
    from_roll = model.generate(2, primer=CHORDS, seed=0, tempo=77)
    assert [len(piece) for piece in from_roll] == [5 + 5] * 2  # the primer, and the median length
    assert (from_roll[0].steps_per_beat, from_roll[0].tempo) == (4, 77)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("odds", [-30, 30])
def test_endless_silence_and_a_chord_held_for_ever_are_broken(head, odds):
    """A network that gives all keys the same certain answer at all times."""
    model = adapted(head)
    layer = model.network.get_layer("head")
    layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    layer.odds.bias.assign(np.full(88, odds))
    limits = {"max_hold": 3, "max_silence": 2}
    held, silent = longest_runs(model.generate(length=60, seed=0, **limits).roll)
    assert held <= 3
    assert silent <= 2
    free = model.generate(length=60, seed=0, max_hold=math.inf, max_silence=math.inf)
    assert max(longest_runs(free.roll)) == 60


def test_half_precision_writes_music_too():
    piece = adapted(dtype="mixed_float16").generate(length=8, seed=0)
    assert len(piece) == 8


def test_the_limits_are_those_of_the_training_data():
    learned = adapted(data=[np.repeat(SONG, 3, axis=0), np.pad(CHORDS, ((0, 3), (0, 0)))]).get_build_config()
    assert (learned["max_hold"], learned["max_silence"]) == (6, 3)
    assert adapted(data=[SONG]).get_build_config()["max_silence"] == 1


def test_a_melody_stays_a_melody():
    piece = adapted(data=[SONG, SONG[::-1]]).generate(length=50, temperature=5.0, seed=0, max_hold=math.inf)
    assert piece.roll.any()
    assert piece.roll.sum(axis=1).max() == 1


def test_all_forms_of_music_are_the_same_music():
    forms = [
        MUSIC,
        tuple(MUSIC),
        [Piece(roll) for roll in MUSIC],
        [roll.tolist() for roll in MUSIC],
        [roll.astype(bool) for roll in MUSIC],
        Dataset({"roll": MUSIC}),
        pd.DataFrame({"roll": MUSIC}),
        tf.data.Dataset.from_generator(lambda: iter(MUSIC), output_signature=tf.TensorSpec((None, 88), "uint8")),
    ]
    for form in forms:
        rolls = check_rolls(roll_column(form))
        assert all((one == other).all() for one, other in zip(rolls, MUSIC, strict=True))


def test_the_grid_of_pieces_is_learned():
    pieces = [Piece(roll, steps_per_beat=2, tempo=100) for roll in MUSIC]
    piece = adapted(data=pieces).generate(length=3, seed=0)
    assert (piece.steps_per_beat, piece.tempo) == (2, 100)
    mixed = [*pieces, Piece(SONG, steps_per_beat=4)]
    assert adapted(data=mixed).get_build_config()["grid"] == {}


def test_a_primer_on_another_grid_is_brought_to_that_of_the_training_data(tmp_path):
    model = adapted(data=[Piece(roll, steps_per_beat=1) for roll in MUSIC])
    primer = Piece(np.repeat(SONG[:2], 4, axis=0), steps_per_beat=4, tempo=90)
    primer.save(tmp_path / "primer.mid")
    for given in (primer, tmp_path / "primer.mid"):
        piece = model.generate(primer=given, length=4, seed=0)
        assert (piece.steps_per_beat, piece.seconds) == (1, pytest.approx(4 * 60 / 90))
        np.testing.assert_array_equal(piece.roll[:2], SONG[:2])


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ([], "empty"),
        (None, "NoneType"),
        (CHORDS, "row 0 is an array of uint8 of shape \\(88,\\)"),
        ([SONG, np.zeros((0, 88))], "row 1 .*shape \\(0, 88\\)"),
        ([SONG, np.full((3, 88), 0.5)], "row 1"),
        ([SONG, [[1, 0], [1]]], "row 1"),
        ([np.zeros((3, 88))], "no key sounds"),
        (Piece(SONG), "a list of rolls"),
        (Dataset({"text": ["a"]}), "There are: text"),
    ],
)
def test_bad_data_is_named(data, named):
    with pytest.raises(DataError, match=named):
        adapted(data=data)


def test_there_is_no_y():
    with pytest.raises(DataError, match="y: the target of music"):
        rnnkit.MusicGenerator().fit(MUSIC, [0] * len(MUSIC))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"count": 0}, "count: expected a positive integer, got 0"),
        ({"length": 0}, "length: .*got 0"),
        ({"length": 2.5}, "length: .*got 2.5"),
        ({"temperature": 0}, "temperature: expected a positive number, got 0.*such as 0.1"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.5}, "top_p"),
        ({"max_hold": 0}, "max_hold: .*got 0"),
        ({"max_silence": -1}, "max_silence"),
        ({"primer": CHORDS, "length": 5}, "primer, length: the primer has 5 frames, and the length of the piece, 5,"),
        ({"primer": np.zeros((0, 88))}, "primer: .*leave it out"),
        ({"primer": [[1, 2], [3]]}, "primer: "),
        ({"tempo": 0}, "tempo"),
        ({"seed": -1}, "seed: expected a whole number from 0, got -1"),
        ({"steps_per_beat": 0}, "steps_per_beat"),
    ],
)
def test_bad_requests_are_named(model, arguments, named):
    with pytest.raises(ArgumentError, match=named):
        model.generate(**arguments)


def test_a_primer_file_that_is_not_there(model, tmp_path):
    with pytest.raises(DataError, match="nothing.mid"):
        model.generate(primer=tmp_path / "nothing.mid")


class OwnWay(keras.layers.GRU):
    """A recurrent layer that could do anything between its steps."""

    def call(self, sequences, initial_state=None, mask=None, training=False):
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


def test_what_cannot_be():
    with pytest.raises(ArgumentError, match="head: expected one of independent, joint, got 'both'"):
        rnnkit.MusicGenerator("both")
    for name in ("embedding_dim", "head_units"):
        with pytest.raises(ArgumentError, match=f"{name}: expected a positive integer, got 0"):
            rnnkit.MusicGenerator(**{name: 0})
    with pytest.raises(ArgumentError, match="head_dropout: expected a fraction in"):
        rnnkit.MusicGenerator(head_dropout=1)
    with pytest.raises(ArgumentError, match="bidirectional: .*see the future"):
        rnnkit.MusicGenerator(bidirectional=True)
    with pytest.raises(ArgumentError, match="fit or adapt"):
        rnnkit.MusicGenerator().generate()
    with pytest.raises(ArgumentError, match="class_weight"):
        adapted().fit(MUSIC, class_weight={0: 1.0}, verbose=0)
    model = rnnkit.MusicGenerator(cell=OwnWay, units=4)
    model.adapt(MUSIC)
    with pytest.raises(ArgumentError, match="generate: OwnWay runs through time in a way of its own"):
        model.generate()


def rates(model):
    """Of the stack, as it says and as its layers have it, of the layer before the head, and of the head."""
    (block,), network = model.stack.blocks, model.network
    head = network.get_layer("head").dropout.rate
    return [model.stack.dropout, block["dropout"].rate, network.get_layer("dropout").rate, head]


def frames_of(count):
    """Music of `count` frames that is cheap to make."""
    return [np.tile(SONG[:1], (count, 1))]


@pytest.mark.parametrize(("frames", "rate", "of_head"), [(9, 0.6, 0.5), (49_374, 0.475, 0.35), (200_000, 0.35, 0.2)])
def test_dropout_follows_from_the_frames_of_the_training_data_and_is_saved(frames, rate, of_head, tmp_path):
    model = adapted(data=frames_of(frames))
    assert rates(model) == [rate] * 3 + [of_head]
    assert [model.get_config()[name] for name in ("dropout", "head_dropout")] == [None, None]
    model.save(tmp_path / "model.keras")
    assert rates(rnnkit.load(tmp_path / "model.keras")) == rates(model)
    fresh = rnnkit.MusicGenerator.from_config(model.get_config())
    fresh.adapt(frames_of(9))  # other data have rates of their own
    assert rates(fresh) == [0.6] * 3 + [0.5]


def test_a_rate_of_dropout_that_is_given_wins(tmp_path):
    model = adapted(dropout=0.1, head_dropout=0.0)
    assert rates(model) == [0.1] * 3 + [0.0]
    model.save(tmp_path / "model.keras")
    assert rates(rnnkit.load(tmp_path / "model.keras")) == rates(model)
    assert "dropout" not in adapted(dropout=0.0).stack.blocks[0]


def test_preview_has_a_row_for_each_piece(model):
    frame = model.preview(Dataset({"roll": MUSIC}), rows=3)
    assert list(frame.columns) == ["frames", "nll", "accuracy"]
    (rolls,) = Dataset({"roll": MUSIC}).sample(3, seed=0)
    expected = [model.evaluate([roll], verbose=0, return_dict=True) for roll in rolls]
    np.testing.assert_allclose(frame["nll"], [each["nll"] for each in expected], rtol=1e-4)
    np.testing.assert_allclose(frame["accuracy"], [each["accuracy"] for each in expected], rtol=1e-4)


def test_one_roll_and_velocities_are_named_with_what_to_do():
    roll = np.zeros((4, 88), "uint8")
    with pytest.raises(DataError, match=r"row 0 is an array of uint8 of shape \(88,\). Give a list of rolls, \[roll\]"):
        check_rolls(roll)
    roll[0, 40] = 64
    with pytest.raises(DataError, match="row 1 has other numbers. Give velocities as roll > 0"):
        check_rolls([roll > 0, roll])
