"""Layers that any Keras model can use, and the losses that go with them."""

from rnnkit.layers.character_encoder import CharacterEncoder
from rnnkit.layers.crf import CRF, CRFLoss
from rnnkit.layers.omega import OmegaRNN
from rnnkit.layers.pooling import SequencePooling
from rnnkit.layers.recurrent_stack import RecurrentStack
from rnnkit.layers.token_loss import TokenLoss
from rnnkit.layers.truncated import TruncatedRNN
from rnnkit.layers.word_dropout import WordDropout

__all__ = [
    "CRF",
    "CRFLoss",
    "CharacterEncoder",
    "OmegaRNN",
    "RecurrentStack",
    "SequencePooling",
    "TokenLoss",
    "TruncatedRNN",
    "WordDropout",
]
