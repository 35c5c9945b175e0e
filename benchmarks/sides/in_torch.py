"""The same network in PyTorch, with packed sequences, as it is usually written. Legend: `B` batch, `T` steps."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, softplus
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from rnnkit.tasks.batches import Batches
from sides.works import SEEN


class Network(nn.Module):
    """Embeddings or a dense layer, an LSTM over packed sequences, for texts the mean, and a dense layer.

    It starts from the weights of rnnkit's network.
    """

    def __init__(self, work, sparse):
        super().__init__()
        weights = iter(work.start())
        self.kind, self.columns = work.kind, [*work.embeddings]
        self.embeddings = nn.ModuleList([embedding(next(weights), sparse) for _ in self.columns])
        self.dense = None if self.columns else linear(weights)
        stack = work.model.stack
        kernels = [[next(weights) for _ in range(3)] for _ in range(1 + stack.bidirectional)]
        size = kernels[0][0].shape[0]
        self.recurrent = nn.LSTM(size, stack.units[0], batch_first=True, bidirectional=stack.bidirectional)
        with torch.no_grad():
            for own, (kernel, between, bias) in zip(self.recurrent.all_weights, kernels, strict=True):
                values = (kernel.T, between.T, bias, np.zeros_like(bias))
                for parameter, value in zip(own, values, strict=True):
                    parameter.copy_(torch.from_numpy(value.copy()))
        self.answer = linear(weights)

    def forward(self, x):
        packed = pack_padded_sequence(self._features(x), x["lengths"], batch_first=True, enforce_sorted=False)
        outputs, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        if self.kind == "class":
            outputs = outputs.sum(dim=1) / x["lengths"][:, None]
        return self.answer(outputs)

    def _features(self, x):
        if self.dense:
            return self.dense(nn.functional.pad(x["roll"].float(), (0, 0, 1, 0))[:, :-1])
        return torch.cat([embed(x[name]) for embed, name in zip(self.embeddings, self.columns, strict=True)], dim=-1)

    def loss(self, x, y):
        """The mean over the examples, in the unit of rnnkit's loss."""
        outputs = self(x)
        if self.kind == "class":
            return cross_entropy(outputs, y)
        if self.kind == "tags":
            return cross_entropy(outputs.flatten(0, 1), y.flatten(), ignore_index=-1, reduction="sum") / len(y)
        nats = torch.where(y >= 0, softplus(outputs) - y * outputs, 0.0)
        return (nats.sum(dim=(1, 2)) / x["lengths"]).mean()


class InTorch:
    """A training loop with `DataLoader`.

    Args:
        work: a `Work`.
        optimizer: `"dense"` or `"sparse"`: Adam, or `SparseAdam` for the embeddings.
        bucketed: whether a batch has examples of like length.
    """

    kernel = "PyTorch, packed"
    network = Network

    def __init__(self, work, optimizer, bucketed):
        torch.manual_seed(0)
        self.work, self.bucketed = work, bucketed
        self.model = self.network(work, optimizer == "sparse")
        rows = [each.weight for each in self.model.modules() if isinstance(each, nn.Embedding) and each.sparse]
        others = [each for each in self.model.parameters() if all(each is not row for row in rows)]
        self.optimizers = [torch.optim.Adam(others, work.rate, eps=1e-7)]
        if rows:
            self.optimizers.append(torch.optim.SparseAdam(rows, work.rate, eps=1e-7))

    def fit(self, epochs, callbacks):
        encoded = self.work.encoded()
        order = Batches(**encoded, batch_size=self.work.batch, shuffle=True) if self.bucketed else None
        for epoch in range(epochs):
            if order:
                order.epoch = epoch
            losses = [self._step(*batch) for batch in self._loader(encoded, self.work.batch, order, shuffle=True)]
            mean = sum(loss * rows for loss, rows in losses) / len(encoded["lengths"])
            for callback in callbacks:
                callback.on_epoch_end(epoch, {"loss": mean})

    def _step(self, x, y):
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss = self.model.loss(x, y)
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss.item(), len(y)

    def predict(self):
        encoded = self.work.model.encode(self.work.test, target=False)
        order = Batches(**encoded, batch_size=SEEN) if self.bucketed else None
        with torch.inference_mode():
            return [self.model(x) for x, _ in self._loader(encoded, SEEN, order)]

    def _loader(self, encoded, size, order, shuffle=False):
        x, y = encoded["x"], encoded["y"]
        y = [0] * len(encoded["lengths"]) if y is None else y
        examples = [({name: x[name][row] for name in x}, y[row]) for row in range(len(y))]
        if order is None:
            return torch.utils.data.DataLoader(examples, batch_size=size, shuffle=shuffle, collate_fn=_collated)
        rows = [order.rows(index) for index in range(order.num_batches)]
        return torch.utils.data.DataLoader(examples, batch_sampler=rows, collate_fn=_collated)


def _collated(examples):
    """Examples as right-padded tensors; a target is -1 in the padding."""
    x = {name: _joined([each[name] for each, _ in examples], 0) for name in examples[0][0]}
    return x, _joined([y for _, y in examples], -1)


def _joined(values, padding):
    if np.ndim(values[0]) == 0:
        return torch.tensor(np.array(values), dtype=torch.long)
    return pad_sequence([torch.from_numpy(each).long() for each in values], batch_first=True, padding_value=padding)


def embedding(table, sparse):
    return nn.Embedding.from_pretrained(torch.from_numpy(table.copy()), freeze=False, sparse=sparse)


def linear(weights):
    kernel, bias = next(weights), next(weights)
    layer = nn.Linear(*kernel.shape)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(kernel.T.copy()))
        layer.bias.copy_(torch.from_numpy(bias.copy()))
    return layer
