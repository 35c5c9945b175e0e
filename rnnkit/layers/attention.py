"""Attention of a decoder over what an encoder read.

Legend: `B` batch, `U` decoder steps, `T` encoder steps, `H` features of a query, `M` features of the memory.
"""

from typing import Any

import keras
from keras import ops

from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import one_of
from rnnkit.layers.sequence import FORBIDDEN, valid_steps

SCORINGS = ("general", "dot", "additive")


@keras.saving.register_keras_serializable(package="rnnkit")
class Attention(keras.layers.Layer):
    """Weighs the valid steps of a right-padded memory for each query and gives their mean; padding has weight 0.

    The score of query q and memory step m, before the softmax over all m:

    - `"dot"`: q · m; both have the same width.
    - `"general"`: q · W m. (These two: Luong, Pham and Manning, "Effective approaches to attention-based neural
      machine translation", 2015.)
    - `"additive"`: v · tanh(U q + W m + b) (Bahdanau, Cho and Bengio, "Neural machine translation by jointly learning
      to align and translate", 2015).

    What does not depend on the query, W m + b, is asked for once by `keys`, so that a decoder can reuse it.

    Args:
        scoring: one of these names.
        units: width of the sum in `"additive"`; None takes the query's.

    Raises:
        ArgumentError: an unknown scoring, or `"dot"` with sides of different width.
    """

    def __init__(self, scoring: str = "general", units: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.scoring = one_of("scoring", scoring, SCORINGS)
        self.units = units

    def build(self, queries_shape: Any, memory_shape: Any, keys_shape: Any = None, lengths_shape: Any = None):
        query, memory = queries_shape[-1], memory_shape[-1]
        if self.scoring == "dot" and query != memory:
            raise ArgumentError(
                f"scoring: 'dot' needs queries and memory of one width, got {query} and {memory}. Use 'general'."
            )
        if self.scoring == "general":
            self.kernel = self.add_weight((memory, query), name="kernel")
        if self.scoring == "additive":
            units = self.units or query
            self.kernel = self.add_weight((memory, units), name="kernel")
            self.query_kernel = self.add_weight((query, units), name="query_kernel")
            self.bias = self.add_weight((units,), "zeros", name="bias")
            self.vector = self.add_weight((units,), keras.initializers.RandomNormal(stddev=units**-0.5), name="vector")
        self.built = True

    def keys(self, memory: Any):
        """The memory (B, T, M) as it enters the scores; the layer has to be built."""
        if self.scoring == "dot":
            return memory
        keys = ops.matmul(memory, ops.cast(self.kernel, memory.dtype))
        return keys + ops.cast(self.bias, keys.dtype) if self.scoring == "additive" else keys

    def call(self, queries: Any, memory: Any, keys: Any, lengths: Any):
        """Attends.

        Args:
            queries: shape (B, U, H).
            memory: shape (B, T, M), padded on the right.
            keys: of the same memory, from `keys`.
            lengths: int32, shape (B,): the valid steps of the memory.

        Returns:
            Contexts of shape (B, U, M) and weights of shape (B, U, T), whose sum over T is 1.
        """
        scores = self._scores(queries, keys)
        valid = valid_steps(lengths, ops.shape(memory)[1])[:, None, :]
        scores = ops.where(valid, ops.cast(scores, "float32"), FORBIDDEN)
        weights = ops.cast(ops.softmax(scores, axis=-1), memory.dtype)
        return ops.matmul(weights, memory), weights

    def _scores(self, queries, keys):
        if self.scoring != "additive":
            return ops.matmul(queries, ops.transpose(keys, (0, 2, 1)))
        queries = ops.matmul(queries, self.query_kernel)
        sums = ops.tanh(queries[:, :, None, :] + keys[:, None, :, :])
        return ops.matmul(sums, self.vector)

    def compute_output_shape(
        self, queries_shape: Any, memory_shape: Any, keys_shape: Any = None, lengths_shape: Any = None
    ):
        return (*queries_shape[:-1], memory_shape[-1]), (*queries_shape[:-1], memory_shape[-2])

    def get_config(self):
        return {**super().get_config(), "scoring": self.scoring, "units": self.units}
