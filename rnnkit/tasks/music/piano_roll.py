"""Piano rolls."""

from rnnkit.report.markup import Markup, tag
from rnnkit.report.scale import Scale
from rnnkit.report.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, frame, x_axis, y_axis


def piano_roll(notes, beats: float, alt: str) -> Markup:
    """Bars for notes: time to the right, pitch upwards, a line at each C from the one below all notes to the one above.

    Args:
        notes: list of MIDI pitch, beginning and end in beats.
        beats: how long the drawing is.
        alt: what there is to see, for those who cannot.
    """
    pitches = [pitch for pitch, _, _ in notes] or [60]
    low = min(pitches) // 12 * 12
    high = max(low + 12, -(-max(pitches) // 12) * 12)
    cs = [(float(pitch), f"C{pitch // 12 - 1}") for pitch in range(low, high + 1, 12)]
    x = Scale(0, beats).onto(LEFT, WIDTH - RIGHT)
    y = Scale(low - 0.5, high + 0.5, ticks=cs).onto(HEIGHT - BOTTOM, TOP)
    bars = [_bar(x(start), x(end), y(pitch + 0.5), y(pitch - 0.5)) for pitch, start, end in notes]
    return frame([y_axis(y), x_axis(x, "beat"), tag("g", tag("path", d="".join(bars) or "M0 0"), class_="c0")], alt)


def _bar(left, right, top, bottom) -> str:
    """The path of a bar, half a unit short, so that a note parts from the next one on its key."""
    return f"M{left:.1f} {top:.1f}H{right - 0.5:.1f}V{bottom:.1f}H{left:.1f}z"
