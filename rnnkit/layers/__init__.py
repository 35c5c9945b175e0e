"""Layers that any Keras model can use, and the losses that go with them."""

from rnnkit.layers.adaptive_softmax import AdaptiveSoftmax
from rnnkit.layers.attention import Attention
from rnnkit.layers.attention_decoder import AttentionDecoder
from rnnkit.layers.crf import CRF
from rnnkit.layers.key_head import KeyHead
from rnnkit.layers.losses import CRFLoss, TokenLoss
from rnnkit.layers.pooling import SequencePooling
from rnnkit.layers.recurrent_stack import RecurrentStack
from rnnkit.layers.state_bridge import StateBridge
from rnnkit.layers.words import CharacterEncoder, WordDropout
from rnnkit.recurrent.fused_rnn import GRU, LSTM, SimpleRNN
from rnnkit.recurrent.indrnn import IndRNN, IndRNNCell
from rnnkit.recurrent.lru import LRUCell
from rnnkit.recurrent.mamba import MambaCell
from rnnkit.recurrent.min_cells import MinGRUCell, MinLSTMCell
from rnnkit.recurrent.min_rnn import MinGRU, MinLSTM
from rnnkit.recurrent.mlstm import MLSTMCell
from rnnkit.recurrent.omega import OmegaRNN
from rnnkit.recurrent.parallel_rnn import ParallelRNN
from rnnkit.recurrent.rg_lru import RGLRUCell
from rnnkit.recurrent.s5 import S5Cell
from rnnkit.recurrent.slstm import SLSTM, SLSTMCell
from rnnkit.recurrent.truncated import TruncatedRNN

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "SLSTM",
    "AdaptiveSoftmax",
    "Attention",
    "AttentionDecoder",
    "CRFLoss",
    "CharacterEncoder",
    "IndRNN",
    "IndRNNCell",
    "KeyHead",
    "LRUCell",
    "MLSTMCell",
    "MambaCell",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "OmegaRNN",
    "ParallelRNN",
    "RGLRUCell",
    "RecurrentStack",
    "S5Cell",
    "SLSTMCell",
    "SequencePooling",
    "SimpleRNN",
    "StateBridge",
    "TokenLoss",
    "TruncatedRNN",
    "WordDropout",
]
