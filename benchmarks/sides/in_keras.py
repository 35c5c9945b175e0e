"""The same network in plain Keras: as the guides have it, and written well. Legend: `B` batch, `T` steps."""

import keras
from keras import layers, ops

from rnnkit.layers.sequence import valid_steps
from rnnkit.tasks.batches import BatchAdapter, Batches, FollowEpoch
from sides.ours import OPTIMIZERS, kernel_names
from sides.works import SEEN, RandomBatches, all_in_one


class ValidSteps(layers.Layer):
    """The mask of right-padded sequences: bool, shape (B, T)."""

    def call(self, sequences, lengths):
        return valid_steps(lengths, ops.shape(sequences)[1])


class InKeras:
    """A functional model of stock layers.

    Args:
        work: a `Work`.
        optimizer: as for `Ours`.
        batches: `"longest"`, one array padded to the longest example; `"random"`, batches padded each to its own
            longest; or `"bucketed"`, batches of like length.
        masked: keep padding out of the recurrent layers and the mean by masks.
    """

    def __init__(self, work, optimizer, batches, masked):
        self.work, self.batches, self.masked = work, batches, masked
        self.model = self.network()
        self.model.compile(OPTIMIZERS[optimizer](work.rate), work.model.default_compile()["loss"])

    @property
    def kernel(self):
        return kernel_names(self.model)

    def network(self):
        """Embeddings or a dense layer, the recurrent layer, for texts the mean over the steps, and a dense layer."""
        inputs, features = self._features()
        lengths = inputs["lengths"] = keras.Input((), dtype="int32", name="lengths")
        mask = ValidSteps()(features, lengths) if self.masked else None
        stack = self.work.model.stack
        recurrent = layers.LSTM(stack.units[0], return_sequences=True)
        x = (layers.Bidirectional(recurrent) if stack.bidirectional else recurrent)(features, mask=mask)
        # Without pooling a copy drops the mask: the loss knows by the targets where padding is.
        x = layers.GlobalAveragePooling1D()(x, mask=mask) if self.work.kind == "class" else ops.copy(x)
        outputs = self.work.model.network.output_shape[-1]
        x = layers.Dense(outputs, "softmax" if self.work.kind == "class" else None)(x)
        model = keras.Model(inputs, x)
        model.set_weights(self.work.start())
        return model

    def _features(self):
        if self.work.kind == "keys":
            roll = keras.Input((None, 88), dtype="int8", name="roll")
            before = ops.pad(ops.cast(roll, "float32"), ((0, 0), (1, 0), (0, 0)))[:, :-1]
            return {"roll": roll}, layers.Dense(self.work.model.embedding_dim)(before)
        inputs, features = {}, []
        for column, name in self.work.embeddings.items():
            inputs[column] = keras.Input((None,), dtype="int32", name=column)
            features.append(layers.Embedding(*self.work.model.network.get_layer(name).embeddings.shape)(inputs[column]))
        return inputs, layers.Concatenate()(features) if len(features) > 1 else features[0]

    def fit(self, epochs, callbacks):
        encoded, options = self.work.encoded(), {"epochs": epochs, "verbose": 0}
        if self.batches == "longest":
            self.model.fit(*all_in_one(encoded), batch_size=self.work.batch, callbacks=callbacks, **options)
            return
        kind = Batches if self.batches == "bucketed" else RandomBatches
        data = kind(**encoded, batch_size=self.work.batch, shuffle=True)
        self.model.fit(BatchAdapter(data), callbacks=[FollowEpoch(data), *callbacks], **options)

    def predict(self):
        encoded = self.work.model.encode(self.work.test, target=False)
        if self.batches == "longest":
            return self.model.predict(all_in_one(encoded)[0], batch_size=SEEN, verbose=0)
        data = (Batches if self.batches == "bucketed" else RandomBatches)(**encoded, batch_size=SEEN)
        return [self.model.predict_on_batch(data[index][0]) for index in range(data.num_batches)]
