"""The translator in plain Keras: bidirectional GRU, GRU with attention, softmax. Legend: `U` steps written."""

import keras
import numpy as np
from keras import layers

from rnnkit.text.tokenization import BEGIN
from sides.in_keras import InKeras, ValidSteps
from sides.ours import to_translate


class KerasTranslator(InKeras):
    """The spec of the Keras guides for sequences to sequences, with attention; it decodes subword by subword.

    Masks keep padding out of the recurrent layers; attention never looks at it.
    """

    def network(self):
        model, stack = self.work.model, self.work.model.stack
        units, dim = stack.units[0], model.embedding_dim
        read, self.write = (layers.Embedding(len(each), dim) for each in _vocabularies(model))
        names = {"source": (None,), "lengths": (), "target": (None,)}
        inputs = {name: keras.Input(shape, dtype="int32", name=name) for name, shape in names.items()}
        self.encoder = layers.Bidirectional(layers.GRU(units, return_sequences=True, return_state=True))
        self.gru = layers.GRU(2 * units, return_sequences=True, return_state=True)
        self.bridge, self.attention = layers.Dense(2 * units, "tanh"), layers.Attention()
        self.readout, self.answer = layers.Dense(dim, "tanh"), layers.Dense(len(model.target_subwords))
        valid = ValidSteps()(inputs["source"], inputs["lengths"])
        memory, *states = self.encoder(read(inputs["source"]), mask=valid if self.masked else None)
        state = self.bridge(layers.Concatenate()(states))
        hidden, _ = self.gru(self.write(inputs["target"]), initial_state=state)
        self.read_source = keras.Model({name: inputs[name] for name in ("source", "lengths")}, [memory, state, valid])
        self.next = self._next(2 * units)
        network = keras.Model(inputs, self._answer(hidden, memory, valid))
        self._begin(read)
        return network

    def _begin(self, read):
        """Gives all layers the weights that ours start from."""
        start = self.work.start_by_part()
        own = {"read": read, "write": self.write, "bridge": self.bridge, "decoder": self.gru}
        own |= {"readout": self.readout, "answer": self.answer}
        for part, layer in own.items():
            layer.set_weights(start[part])
        self.encoder.set_weights(start["forward"] + start["backward"])

    def _next(self, width):
        token, state = keras.Input((None,), dtype="int32"), keras.Input((width,))
        memory, valid = keras.Input((None, width)), keras.Input((None,), dtype="bool")
        hidden, after = self.gru(self.write(token), initial_state=state)
        return keras.Model([token, state, memory, valid], [self._answer(hidden, memory, valid), after])

    def _answer(self, hidden, memory, valid):
        context = self.attention([hidden, memory], mask=[None, valid])
        return self.answer(self.readout(layers.Concatenate()([context, hidden])))

    def predict(self):
        """Greedy translations, as long as the longest reference of the batch.

        The spec calls `predict` for each subword; where batches are bucketed it is `predict_on_batch`, which costs
        less.
        """
        well = self.batches == "bucketed"
        for source, lengths, steps in in_batches(*to_translate(self.work), self.work.batch, by_length=well):
            read, go_on = (self._called(each, well) for each in (self.read_source, self.next))
            memory, state, valid = read({"source": source, "lengths": lengths})
            token = np.full((len(source), 1), BEGIN)
            for _ in range(steps):
                answer, state = go_on([token, state, memory, valid])
                token = answer.argmax(axis=-1)

    @staticmethod
    def _called(model, well):
        return model.predict_on_batch if well else lambda x: model.predict(x, verbose=0)


def in_batches(sources, sizes, batch, *, by_length):
    """Yields padded sources (B, T), their lengths (B,), and how many subwords the longest reference has."""
    order = sorted(range(len(sources)), key=lambda row: len(sources[row])) if by_length else range(len(sources))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        source = keras.utils.pad_sequences([sources[row] for row in rows], padding="post")
        yield source, np.array([len(sources[row]) for row in rows], "int32"), max(sizes[row] for row in rows)


def _vocabularies(model):
    return model.source_subwords, model.target_subwords
