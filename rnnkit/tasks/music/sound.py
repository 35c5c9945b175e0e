"""Pieces as sound: WAV bytes, and the player that a notebook shows."""

import base64
import io
import wave
from typing import TYPE_CHECKING

import numpy as np

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import installed, whole

if TYPE_CHECKING:
    from rnnkit.tasks.music.piece import Piece

LOWEST_RATE = 8400  # samples a second; the highest key has 4186 Hz
MAX_MINUTES = 15  # at 22050 samples a second the synthesis then takes about 0.6 GB
PLAYER_RATE, PLAYER_SECONDS = 11_025, 60  # about 1.8 MB in the notebook


def wav_bytes(piece: "Piece", rate: int) -> bytes:
    """A WAV file of a piece, one channel of 16 bits, as loud as it can be.

    Args:
        piece: the piece.
        rate: samples a second.

    Raises:
        ArgumentError: `rate` is below 8400, or the piece lasts longer than 15 minutes.
    """
    whole("rate", rate, least=LOWEST_RATE)
    if piece.seconds > 60 * MAX_MINUTES:
        raise ArgumentError(
            f"synthesize: expected a piece of at most {MAX_MINUTES} minutes, got {piece.seconds / 60:.1f}. "
            "Synthesize a part of it, such as Piece(piece.roll[:2000])."
        )
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(_samples(piece, rate).tobytes())
    return buffer.getvalue()


def player_html(piece: "Piece") -> str:
    """The picture of a piece and a player of its first minute, with nothing outside the text."""
    steps = max(1, int(PLAYER_SECONDS * piece.tempo / 60 * piece.steps_per_beat))
    start = type(piece)(piece.roll[:steps], steps_per_beat=piece.steps_per_beat, tempo=piece.tempo)
    picture = io.BytesIO()
    piece.plot().savefig(picture, format="png", dpi=80)
    return (
        f'<img alt="piano roll" src="data:image/png;base64,{_base64(picture.getvalue())}"><br>'
        f'<audio controls src="data:audio/wav;base64,{_base64(wav_bytes(start, PLAYER_RATE))}"></audio>'
        f"<p>{piece!r}</p>"
    )


def _samples(piece: "Piece", rate: int) -> np.ndarray:
    """The sound, int16, from the first step to a second after the last."""
    installed("sound", "music", ("mido", "pretty_midi"))
    import pretty_midi

    samples = np.zeros(int(rate * (piece.seconds + 1)), dtype="<i2")
    if piece.roll.any():  # silence cannot be made as loud as it can be
        sound = pretty_midi.PrettyMIDI(mido_object=piece.to_midi()).synthesize(fs=rate)
        size = min(len(sound), len(samples))
        samples[:size] = np.round(sound[:size] * np.iinfo("<i2").max)
    return samples


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
