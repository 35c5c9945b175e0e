"""The translator in PyTorch: a packed encoder, a GRU with attention, softmax. Legend: `B` batch, `T`, `U` steps."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnkit.text.tokenization import BEGIN
from sides.in_torch import InTorch
from sides.keras_translator import in_batches
from sides.ours import to_translate


class Network(nn.Module):
    """The layers and sizes of rnnkit's `Translator`."""

    def __init__(self, work, sparse):
        super().__init__()
        model, units = work.model, work.model.stack.units[0]
        dim = model.embedding_dim
        sizes = len(model.source_subwords), len(model.target_subwords)
        self.read, self.write = (nn.Embedding(size, dim, sparse=sparse) for size in sizes)
        for table in (self.read, self.write):
            nn.init.normal_(table.weight, std=dim**-0.5)
        self.encoder = nn.GRU(dim, units, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * units, 2 * units)
        self.decoder = nn.GRU(dim, 2 * units, batch_first=True)
        self.readout, self.answer = nn.Linear(4 * units, dim), nn.Linear(dim, sizes[1])

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


class TorchTranslator(InTorch):
    """As `InTorch`; decodes in a loop."""

    network = Network

    def predict(self):
        with torch.inference_mode():
            for batch in in_batches(*to_translate(self.work), self.work.batch, by_length=self.bucketed):
                source, lengths, steps = batch
                self.model.translate(torch.from_numpy(source).long(), torch.from_numpy(lengths).long(), steps)
