"""Music: piano rolls in, the next frame out, and new pieces. Legend: `B` batch, `T` frames; a frame has 88 keys."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.special import expit

from rnnkit.datasets import Dataset
from rnnkit.datasets.piano_rolls import KEYS
from rnnkit.errors import ArgumentError, DataError
from rnnkit.errors.checks import fraction, one_of, whole
from rnnkit.layers import KeyHead
from rnnkit.optimizers import Adam
from rnnkit.recurrent.compiled import compiled
from rnnkit.recurrent.truncated import check_stepwise
from rnnkit.tasks.batches import by_example
from rnnkit.tasks.inputs import take_apart
from rnnkit.tasks.music.baselines import sounding_rate
from rnnkit.tasks.music.dropout import LARGEST, suited_dropout
from rnnkit.tasks.music.generation import (
    common_grid,
    find_grid,
    lengthen,
    primer_roll,
    read_primer,
    sampler_settings,
)
from rnnkit.tasks.music.likelihood import FrameAccuracy, FrameNLL, RollLoss, piece_scores
from rnnkit.tasks.music.one_step import MusicStep
from rnnkit.tasks.music.piece import Piece
from rnnkit.tasks.music.rolls import check_rolls, longest_runs, roll_column
from rnnkit.tasks.music.sampling import INPUTS, RollSampler
from rnnkit.tasks.music.stream import MusicStream, piece_reader
from rnnkit.tasks.sampling import check_seed
from rnnkit.tasks.shares import answered_by_all
from rnnkit.tasks.task import Task

HEADS = ("independent", "joint")
SEEN_BELOW = 36  # keys, three octaves: how far down a joint head looks from a key
BATCH_FRAMES = 2**14  # the head's hidden layer is 88 times its units per frame
USUAL = 0.99  # the fraction of the training pieces that keep to the limits on holding and silence


@keras.saving.register_keras_serializable(package="rnnkit")
class MusicGenerator(Task):
    """Learns piano rolls and writes new ones: recurrent stack over the frames, and a head for the keys of the next.

        train, valid, test = datasets.load("jsb")
        model = rnnkit.MusicGenerator(cell="gru")
        model.fit(train, validation_data=valid)
        model.evaluate(test, return_dict=True)["nll"]
        model.generate(length=64, steps_per_beat=1).save("chorale.mid")

    Data are rolls of 0 and 1, shape (T, 88), or `Piece`s; there is no y. Each frame is predicted from all frames before
    it, the first one from nothing. `nll` is the negative log likelihood in nats per frame, summed over the keys, and
    leaves out the first frame of each piece, as the field's benchmarks do; `accuracy` is that of `FrameAccuracy`. The
    `loss` counts the first frame too, and the penalties on weights.

    A melody is a roll with one key at a time. A model that saw no chord in training writes none.

    Args:
        head: `"joint"`: each key also depends on those below it in its frame, so that chords hold together (see
            `KeyHead`); or `"independent"`: the keys of a frame are independent of each other, given the frames before,
            which is what most published figures are for.
        cell: a name of the cell table, or a Keras recurrent layer or cell class (see `rnnkit.recurrent.cells`).
        units: int, the width, or a list with one width a layer.
        layers: how many recurrent layers.
        embedding_dim: size of a frame's vector, a linear map of its keys.
        dropout: fraction of the features dropped before each recurrent layer and before the head, in [0, 1); None
            follows from the number of training frames: 0.6 up to 13,807 of them, which suits the chorales of JSB, 0.35
            from 176,561 on, which suits Nottingham, and between them by their logarithm.
        head_units: size of the head's hidden layer, which is the same for every key.
        head_dropout: fraction of it dropped in training, in [0, 1); None goes from 0.5 to 0.2 in the same way.
        options: any other argument of `RecurrentStack`, such as `activation`, `residual`, `layer_norm` and
            `recurrent_initializer`; and `name` and `dtype` as for a `keras.Model`. `bidirectional` cannot be.

    Raises:
        ArgumentError: an argument out of its range.
        DataError: from `fit` and `adapt`, data that cannot be used.
    """

    columns = ("roll",)
    rank = 2
    unclassed = "a piece of music"
    monitor = ("val_nll", "min")
    max_epochs = 300
    patience = 8
    halve_after = 3
    batch_size = 8

    def __init__(
        self,
        head: str = "joint",
        cell: Any = "lstm",
        units: int | Sequence[int] = 300,
        layers: int = 1,
        embedding_dim: int = 256,
        dropout: float | None = None,
        head_units: int = 64,
        head_dropout: float | None = None,
        **options: Any,
    ):
        if options.get("bidirectional"):
            raise ArgumentError(
                "bidirectional: music is generated forwards, and a backward layer would see the future."
            )
        super().__init__(cell, units, layers, dropout=LARGEST if dropout is None else dropout, **options)
        self.dropout = dropout
        self.head = one_of("head", head, HEADS)
        self.embedding_dim = whole("embedding_dim", embedding_dim)
        self.head_units = whole("head_units", head_units)
        self.head_dropout = None if head_dropout is None else fraction("head_dropout", head_dropout)

    def read(self, x: Any, y: Any = None, *, target: bool = True):
        """A `Dataset` with the column `roll` from any form that `roll_column` takes."""
        x, y, *_ = take_apart(x, y, columns=self.columns, rank=self.rank)
        if y is not None:
            raise DataError("y: the target of music is the music itself. Leave y out.")
        rolls = roll_column(x)
        known = isinstance(x, Dataset) and x.columns == self.columns
        return x if known else Dataset({"roll": rolls}, name=getattr(x, "name", None) or "")

    def learn(self, data: Any):
        rolls = check_rolls(data["roll"])
        sounding = np.sum([roll.sum(axis=0, dtype=int) for roll in rolls], axis=0)
        if not sounding.any():
            raise DataError("x: no key sounds in any of the pieces. Give at least one with notes.")
        limits = np.quantile([longest_runs(roll) for roll in rolls], USUAL, axis=0, method="higher")
        frames = sum(map(len, rolls))
        return {
            "sounding": sounding.tolist(),
            "frames": frames,
            "suited_dropout": suited_dropout(frames),
            "length": int(np.median([len(roll) for roll in rolls])),
            "max_notes": max(int(roll.sum(axis=1).max()) for roll in rolls),
            "max_hold": max(1, int(limits[0])),
            "max_silence": max(1, int(limits[1])),
            "grid": common_grid(data["roll"]),
        }

    def make_network(self, learned: dict[str, Any]):
        self._measured: dict[str, Any] = learned
        sounding = np.array(learned["sounding"])
        rate = sounding_rate(sounding, learned["frames"])
        # A key that never sounds in training starts, and so stays, at finite odds: no frame is impossible.
        initializer = keras.initializers.Constant(np.log(rate / (1 - rate)).tolist())
        below = SEEN_BELOW if self.head == "joint" else 0
        options = {"below": below, "dropout": self._rate("head_dropout"), "bias_initializer": initializer}
        head = KeyHead(KEYS, self.head_units, **options, name="head", dtype="float32")
        roll = keras.Input((None, KEYS), dtype="int8", name="roll")
        lengths = keras.Input((), dtype="int32", name="lengths")
        frames = ops.cast(roll, "float32")
        before = ops.pad(frames, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        policy = self.dtype_policy
        embedding = keras.layers.Dense(self.embedding_dim, name="embedding", dtype=policy)
        self.stack.set_dropout(self._rate("dropout"))
        context = self.stack(embedding(before), lengths)
        context = keras.layers.Dropout(self.stack.dropout, name="dropout", dtype=policy)(context)
        network = keras.Model({"roll": roll, "lengths": lengths}, head(context, before, frames), name="network")
        sampler = RollSampler(embedding, self.stack, head, sounding > 0, learned["max_notes"], dtype="float32")
        self.read_piece = functools.cache(lambda: piece_reader(self))
        self._sample = compiled(sampler, INPUTS)
        return network

    def one_step(self):
        self._need_network()
        return MusicStep(self.network, name="step")

    def encode(self, data: Any, *, target: bool = True):
        rolls = check_rolls(data["roll"])
        lengths = np.array([len(roll) for roll in rolls], "int32")
        y = rolls if target else None
        return {"x": {"roll": rolls, "lengths": lengths}, "y": y, "lengths": lengths, "max_steps": BATCH_FRAMES}

    def default_compile(self):
        metrics = [FrameNLL(), FrameAccuracy()]
        optimizer = Adam(4e-3, use_ema=True, ema_momentum=0.98, global_clipnorm=1.0)
        return {"optimizer": optimizer, "loss": RollLoss(), "metrics": metrics}

    def predict(
        self, x: Any, batch_size: int = 128, verbose: int | str = "auto", steps: int | None = None, **kwargs: Any
    ):
        """The probability of each key to sound in each frame, given the frames before, and for `joint` the keys below.

        Args:
            x: rolls or `Piece`s, in any form that `fit` takes.
            batch_size: pieces per step.
            steps: batches to predict, the first ones; None predicts all.
            verbose, kwargs: for Keras' sake; nothing is printed.

        Returns:
            A list with an array of shape (T_i, 88) for each piece.
        """
        self._need_network()

        def answer(own):
            return [expit(odds) for odds in self._log_odds(own["roll"], batch_size)]

        return answered_by_all(self._strategy, self.inputs(x, batch_size, steps), answer)

    def generate(
        self,
        count: int = 1,
        length: int | None = None,
        primer: Any = None,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        tempo: float | None = None,
        steps_per_beat: int | None = None,
        max_hold: int | None = None,
        max_silence: int | None = None,
    ):
        """New pieces, all at once, from nothing or going on from a primer.

        The notes of a frame are drawn from low to high: each draw chooses the next key above that sounds, or that none
        does. `temperature`, `top_k` and `top_p` act on this choice. Keys that never sound in the training data do not
        sound here, and no more notes are drawn once a chord is as large as the largest there.

        Left to themselves such models can fall silent, or hold one chord, for ever. `max_hold` and `max_silence` forbid
        it: after this many frames without change the next one is drawn given that it differs.

        Args:
            count: how many pieces.
            length: frames of each piece, those of the primer included; None takes the median length of the training
                pieces, after the primer.
            primer: what the pieces begin with, on the grid of the training data: a `Piece` or the path of a MIDI file,
                which are brought to it, or a roll of shape (T, 88).
            temperature: positive. The probabilities are raised to the power of 1 / temperature: below 1 the model plays
                safer, above 1 bolder.
            top_k: draw from that many most probable choices only.
            top_p: draw from the most probable choices only that together reach this probability, in (0, 1].
            seed: the same seed gives the same pieces; None takes one from NumPy's global generator.
            tempo: beats per minute of the pieces; None takes that of the primer, or of the training data, or 120.
            steps_per_beat: frames of a quarter note; None takes that of the primer, or of the training data if they
                were `Piece`s of one grid, or 4.
            max_hold: frames that a chord may last without change; None takes what all but one in a hundred training
                pieces keep to, `math.inf` sets no limit.
            max_silence: the same for silence.

        Returns:
            A `Piece`; for `count` above 1 a list of them.

        Raises:
            ArgumentError: an argument is out of its range, the primer is not shorter than `length`, or the cell cannot
                be run step by step.
            DataError: the primer's file cannot be read.
        """
        self._need_network()
        whole("count", count)
        check_seed(seed)
        for block in self.stack.blocks:
            check_stepwise("generate", block["forward"])
        limits = {"max_hold": max_hold, "max_silence": max_silence}
        limits = {name: self._measured[name] if value is None else value for name, value in limits.items()}
        settings = sampler_settings(temperature, top_k, top_p, **limits)
        primer = read_primer(primer, steps_per_beat or self._measured["grid"].get("steps_per_beat"))
        grid = find_grid({"steps_per_beat": steps_per_beat, "tempo": tempo}, primer, self._measured["grid"])
        start = primer_roll(primer)
        length = len(start) + self._measured["length"] if length is None else length
        whole("length", length)
        rolls = self._sampled(lengthen(start, length), len(start), count, seed, settings)
        pieces = [Piece(roll, **grid) for roll in rolls]
        return pieces[0] if count == 1 else pieces

    def stream(self, batch_size: int = 1) -> MusicStream:
        """Music that comes frame by frame: `push` gives the probabilities of the keys in the frame after each.

        Args:
            batch_size: pieces that are read side by side.

        Raises:
            ArgumentError: the cell cannot be run step by step.

        Examples:
            >>> import numpy as np
            >>> from rnnkit import MusicGenerator
            >>> model = MusicGenerator(units=8, head_units=4)
            >>> rolls = np.eye(88, dtype="int8")[[40, 44, 47]]
            >>> model.adapt([rolls])
            >>> model.stream().push(rolls[:2]).shape
            (2, 88)
        """
        self._need_network()
        return MusicStream(self, batch_size)

    def preview(self, data: Any, rows: int = 6):
        import pandas as pd

        rolls = check_rolls(data.sample(rows, seed=0)[0])
        columns = [piece_scores(roll, odds) for roll, odds in zip(rolls, self._log_odds(rolls), strict=True)]
        return pd.DataFrame(columns, index=pd.RangeIndex(1, len(rolls) + 1, name="piece"))

    def get_config(self):
        return {
            **super().get_config(),
            **{
                name: getattr(self, name) for name in ("head", "embedding_dim", "dropout", "head_units", "head_dropout")
            },
        }

    def _rate(self, name):
        """The rate of dropout that was given, or else the one that suits the training data."""
        given = getattr(self, name)
        return self._measured["suited_dropout"][name] if given is None else given

    def _sampled(self, roll, primed, count, seed, settings) -> np.ndarray:
        """`count` rolls, (count, T, 88), that begin with the first `primed` frames of `roll`."""
        rng = np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
        uniforms = 1 - rng.random((count, len(roll), self._measured["max_notes"] + 2), dtype=np.float32)  # in (0, 1]
        inputs = {"uniforms": uniforms, "primer": np.stack([roll] * count), "primed": np.full(count, primed, "int32")}
        return self._sample({**settings, **inputs})[:count]

    def _log_odds(self, rolls, batch_size=128) -> list[np.ndarray]:
        """The log-odds of each piece's keys, (T_i, 88), in the order of the pieces."""
        found = by_example(self._answer, self.encode({"roll": rolls}, target=False), batch_size)
        return [odds[: len(roll)] for odds, roll in zip(found, rolls, strict=True)]
