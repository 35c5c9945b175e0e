"""rnnkit's side: the task's own `fit` and `predict`, from raw data."""

import keras

import rnnkit
from rnnkit.tasks.translation.decoder import Search

OPTIMIZERS = {"dense": keras.optimizers.Adam, "sparse": rnnkit.LazyAdam}


class Ours:
    """rnnkit as its user calls it.

    Args:
        work: a `Work`.
        optimizer: `"dense"` or `"sparse"`, Adam on all rows of the embeddings or on those of the batch.
    """

    def __init__(self, work, optimizer):
        self.work, self.model = work, work.model
        self.model.compile(OPTIMIZERS[optimizer](work.rate), metrics=[])

    @property
    def kernel(self):
        return kernel_names(self.model)

    def fit(self, epochs, callbacks):
        self.model.fit(self.work.train, batch_size=self.work.batch, epochs=epochs, callbacks=callbacks, verbose=0)

    def predict(self):
        """Answers for the test set; translations are greedy and as long as the reference."""
        if self.work.kind != "subwords":
            return self.model.predict(self.work.test, verbose=0)
        x, lengths = to_translate(self.work)
        return self.model._decoders.translate(x, lengths, Search(), batch_size=self.work.batch)


def to_translate(work):
    """The test sentences as subword numbers, and how many subwords each is to get."""
    encoded = work.encoded("test")
    return [row[row > 0] for row in encoded["x"]["source"]], [len(each) for each in encoded["y"]]


def kernel_names(model):
    """The kernels of a model's recurrent layers, each once."""
    return ", ".join(sorted({each.kernel for each in rnnkit.kernels(model).values()}))
