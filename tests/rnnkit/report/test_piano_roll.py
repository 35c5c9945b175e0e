"""The drawing of a piece on a page."""

import re

import pytest

from rnnkit.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from rnnkit.tasks.music.piano_roll import piano_roll


def bars(drawing):
    """Left, top, right and bottom of each bar."""
    pattern = r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H[\d.]+z"
    return [tuple(map(float, bar)) for bar in re.findall(pattern, drawing)]


def test_bars_lie_where_their_notes_are():
    notes = [(60, 0, 1), (72, 1, 4), (65, 3.5, 4)]
    found = bars(piano_roll(notes, 4, "three notes"))
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    assert len(found) == 3
    for (pitch, start, end), (left, top, right, bottom) in zip(notes, found, strict=True):
        assert left == pytest.approx(LEFT + start / 4 * width, abs=0.06)
        assert right == pytest.approx(LEFT + end / 4 * width - 0.5, abs=0.06)
        keys_from_top = 72 - pitch  # from C4 to C5 there are 13 keys
        assert (top, bottom) == pytest.approx([TOP + (keys_from_top + more) / 13 * height for more in (0, 1)], abs=0.06)


def test_every_octave_is_named_and_silence_is_drawn_around_middle_c():
    assert re.findall(r">(C\d)<", piano_roll([(59, 0, 1), (73, 0, 1)], 1, "two notes")) == ["C3", "C4", "C5", "C6"]
    silence = piano_roll([], 8, "silence")
    assert re.findall(r">(C\d)<", silence) == ["C4", "C5"]
    assert not bars(silence)
    assert re.findall(r">(C\d)<", piano_roll([(21, 0, 1), (108, 0, 1)], 1, "both ends"))[-1] == "C8"
