"""The translator in PyTorch: a packed encoder, a GRU with attention, softmax. Legend: `B` batch, `T`, `U` steps."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnkit.text.tokenization import BEGIN
from sides.in_torch import InTorch, embedding, linear
from sides.keras_translator import in_batches
from sides.ours import to_translate


class Network(nn.Module):
    """The layers and sizes of rnnkit's `Translator`, and the weights that it starts from."""

    def __init__(self, work, sparse):
        super().__init__()
        start = work.start_by_part()
        self.read, self.write = (embedding(start[part][0], sparse) for part in ("read", "write"))
        self.encoder, self.decoder = gru(start["forward"], start["backward"]), gru(start["decoder"])
        self.bridge, self.readout, self.answer = (linear(iter(start[part])) for part in ("bridge", "readout", "answer"))

    def start(self, source, lengths):
        """Memory (B, T, M), where it is padding (B, T), and the first state (B, M)."""
        packed = pack_padded_sequence(self.read(source), lengths, batch_first=True, enforce_sorted=False)
        outputs, last = self.encoder(packed)
        memory, _ = pad_packed_sequence(outputs, batch_first=True)
        padding = torch.arange(memory.shape[1])[None, :] >= lengths[:, None]
        return memory, padding, torch.tanh(self.bridge(torch.cat([*last], dim=-1)))

    def say(self, hidden, memory, padding):
        """Logits (B, U, V) for the decoder's outputs (B, U, M)."""
        scores = (hidden @ memory.transpose(1, 2)).masked_fill(padding[:, None], -1e9)
        context = scores.softmax(-1) @ memory
        return self.answer(torch.tanh(self.readout(torch.cat([context, hidden], dim=-1))))

    def loss(self, x, y):
        """The mean over the subwords of a batch."""
        memory, padding, state = self.start(x["source"], x["lengths"])
        hidden, _ = self.decoder(self.write(x["target"]), state[None])
        return cross_entropy(self.say(hidden, memory, padding).flatten(0, 1), y.flatten(), ignore_index=-1)

    def translate(self, source, lengths, steps):
        """Greedy subwords, step by step."""
        memory, padding, state = self.start(source, lengths)
        token = torch.full((len(source),), BEGIN)
        for _ in range(steps):
            state = torch.gru_cell(self.write(token), state, *self.decoder.all_weights[0])
            token = self.say(state[:, None], memory, padding)[:, 0].argmax(-1)


def gru(*directions):
    """A GRU of those weights of Keras layers: kernel, recurrent kernel, both biases; their gates are z, r, h."""
    size, units = directions[0][0].shape[0], directions[0][1].shape[0]
    layer = nn.GRU(size, units, batch_first=True, bidirectional=len(directions) > 1)
    with torch.no_grad():
        for own, (kernel, between, biases) in zip(layer.all_weights, directions, strict=True):
            for parameter, value in zip(own, (kernel, between, *biases), strict=True):
                update, reset, new = np.split(value.T, 3)
                parameter.copy_(torch.from_numpy(np.concatenate([reset, update, new])))
    return layer


class TorchTranslator(InTorch):
    """As `InTorch`; decodes in a loop."""

    network = Network

    def predict(self):
        with torch.inference_mode():
            for batch in in_batches(*to_translate(self.work), self.work.batch, by_length=self.bucketed):
                source, lengths, steps = batch
                self.model.translate(torch.from_numpy(source).long(), torch.from_numpy(lengths).long(), steps)
