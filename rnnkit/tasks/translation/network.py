"""The network of a translator, and sources as Keras wants them.

Legend: `B` batch, `T` source subwords, `U` target subwords, `V` target vocabulary.
"""

from typing import NamedTuple

import keras
import numpy as np

from rnnkit.layers import RecurrentStack


class Parts(NamedTuple):
    """The layers of a translating network; `output_embedding` also turns readouts into logits."""

    input_embedding: keras.layers.Layer
    encoder: keras.layers.Layer
    decoder: keras.layers.Layer
    output_embedding: keras.layers.Layer


def decoder_stack(encoder: RecurrentStack, cell, units) -> RecurrentStack:
    """The recurrent stack of a decoder: as the encoder's, but for a cell and widths of its own, where they are given.

    Args:
        encoder: whose outputs its widths are those of, so that every attention fits.
        cell: None takes the encoder's.
        units: int, or a list with one width a layer, or None.
    """
    options = encoder.get_config()
    widths = [width * (2 if options["bidirectional"] else 1) for width in encoder.units]
    if units is not None:
        widths = [units] * len(widths) if isinstance(units, int) else units
    options.update(cell=cell or encoder.cell.name, units=widths, bidirectional=False, name="decoder_stack")
    return RecurrentStack(**options)


def connect(encoder, decoder, sizes, size, *, tied, shared, policy) -> tuple[keras.Model, keras.Model, Parts]:
    """Embeddings around an encoder stack and a decoder.

    Args:
        encoder, decoder: a `RecurrentStack` and an `AttentionDecoder`.
        sizes: of the source's and of the target's vocabulary.
        size: of a subword's vector.
        tied: whether logits are made with the matrix that embeds the target.
        shared: whether that matrix embeds the source too.
        policy: of the dtypes; logits are float32.

    Returns:
        The network, from `source` (B, T), `target` (B, U) and `lengths` (B,) to logits (B, U, V); one from the same to
        attention weights (B, U, T); and their layers.
    """
    source, target = (keras.Input((None,), dtype="int32", name=side) for side in ("source", "target"))
    lengths = keras.Input((), dtype="int32", name="lengths")
    options = {"embeddings_initializer": keras.initializers.RandomNormal(stddev=size**-0.5)}
    options |= {"output_dim": size, "dtype": policy}
    output_embedding = keras.layers.ReversibleEmbedding(
        sizes[1], tie_weights=tied, reverse_dtype="float32", name="target_embedding", **options
    )
    input_embedding = output_embedding
    if not shared:
        input_embedding = keras.layers.Embedding(sizes[0], name="source_embedding", **options)
    memory = encoder(input_embedding(source), lengths)
    readouts, weights = decoder(output_embedding(target), memory, lengths)
    inputs = {"source": source, "target": target, "lengths": lengths}
    network = keras.Model(inputs, output_embedding(readouts, reverse=True), name="network")
    return network, keras.Model(inputs, weights), Parts(input_embedding, encoder, decoder, output_embedding)


def first_batch_longest(sources, lengths) -> list[np.ndarray]:
    """Sources whose first batch, that of the largest of `lengths`, has one step more than all others.

    Keras takes a size that its first two batches share for that of all batches, so they must not be equally long.
    """
    steps = 1 + max(map(len, sources))
    first = lengths == max(lengths)
    return [np.pad(each, (0, steps - len(each))) if long else each for each, long in zip(sources, first, strict=True)]
