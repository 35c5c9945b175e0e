"""Pieces of music: plotted, played, written to files, measured; and the baselines of a network."""

from rnnkit.tasks.music.baselines import KeyMarginals, KeyMarkov, baseline_nll
from rnnkit.tasks.music.piece import Piece
from rnnkit.tasks.music.statistics import compare_music, music_statistics, pitch_classes

__all__ = [
    "KeyMarginals",
    "KeyMarkov",
    "Piece",
    "baseline_nll",
    "compare_music",
    "music_statistics",
    "pitch_classes",
]
