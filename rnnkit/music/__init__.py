"""Pieces of music: seen, heard, and written to files."""

from rnnkit.music.piece import Piece

__all__ = ["Piece"]
