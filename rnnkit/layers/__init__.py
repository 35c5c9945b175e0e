"""Layers that any Keras model can use."""

from rnnkit.layers.pooling import SequencePooling
from rnnkit.layers.recurrent_stack import RecurrentStack
from rnnkit.layers.word_dropout import WordDropout

__all__ = ["RecurrentStack", "SequencePooling", "WordDropout"]
