"""A trained network run as a translator.

Legend: `B` sentences, `K` hypotheses of each, `T` source steps, `L` places to write in.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from rnnkit.errors.checks import positive, strength, whole
from rnnkit.layers.sequence import FORBIDDEN, valid_steps
from rnnkit.recurrent.compiled import compiled
from rnnkit.tasks.batches import Batches
from rnnkit.tasks.translation.search import beam_search, draw, greedy
from rnnkit.text.tokenization import END

INPUTS = {
    "source": keras.KerasTensor((None, None), "int32"),
    "lengths": keras.KerasTensor((None,), "int32"),
    "limits": keras.KerasTensor((None,), "int32"),
    "uniforms": keras.KerasTensor((None, None), "float32"),
}  # of a `TranslationDecoder`

Hypothesis = tuple[np.ndarray, float]  # subwords with their end, and their score


@dataclass(frozen=True)
class Search:
    """How to look for a translation; see `rnnkit.tasks.translation.search`.

    Attributes:
        beam: hypotheses followed in parallel; 1 is greedy.
        length_penalty, coverage_penalty: how finished hypotheses are ranked.
        temperature: None looks for the best; a positive number draws at random.

    Raises:
        ArgumentError: a value out of its range.
    """

    beam: int = 1
    length_penalty: float = 0.0
    coverage_penalty: float = 0.0
    temperature: float | None = None

    def __post_init__(self):
        whole("beam", self.beam)
        for name in ("length_penalty", "coverage_penalty"):
            strength(name, getattr(self, name))
        if self.temperature is not None:
            positive("temperature", self.temperature, also=" or None")


class TranslationDecoder(keras.Model):
    """Sources in, translations out: the encoder once, and the whole search as one compiled loop.

    Inputs are a dict: `source`, int32 (B, T); `lengths` and `limits`, int32 (B,); `uniforms`, (B, L), numbers in [0, 1)
    that decide where the search draws. Outputs are subwords, int32 (B, K, L), and scores, (B, K), best first.

    Args:
        parts: the network's layers.
        search: a `Search`.
    """

    def __init__(self, parts, search, **kwargs):
        super().__init__(**kwargs)
        self.input_embedding, self.encoder, self.decoder, self.output_embedding = parts
        self.search = search
        self.built = True

    def call(self, inputs):
        lengths, limits = inputs["lengths"], inputs["limits"]
        memory = self.encoder(self.input_embedding(inputs["source"]), lengths)
        keys, states = self.decoder.start(memory, lengths)

        def step(tokens, states):
            embedded = self.output_embedding(ops.reshape(tokens, (-1,)))
            readouts, weights, states = self.decoder.step(embedded, memory, keys, lengths, states)
            logits = self.output_embedding(readouts, reverse=True)
            return ops.reshape(logits, (-1, tokens.shape[1], logits.shape[-1])), weights, states

        search, steps = self.search, ops.shape(inputs["uniforms"])[1]
        if search.temperature is not None:
            found, scores = draw(step, states, limits, inputs["uniforms"], search.temperature)
        elif search.beam == 1:
            found, scores = greedy(step, states, limits, steps)
        else:
            states = keras.tree.map_structure(lambda state: ops.repeat(state, search.beam, axis=0), states)
            valid = valid_steps(lengths, ops.shape(memory)[1])
            return beam_search(
                step,
                states,
                limits,
                steps,
                valid,
                width=search.beam,
                length_penalty=search.length_penalty,
                coverage_penalty=search.coverage_penalty,
            )
        return found[:, None], scores[:, None]


class Decoders:
    """The compiled decoders of a network, one for each `Search` that was asked for.

    Args:
        parts: the network's layers.
    """

    def __init__(self, parts):
        self.parts = parts
        self._made: dict[Search, Callable] = {}

    def translate(self, sources, limits, search, *, batch_size, seed=None) -> list[list[Hypothesis]]:
        """The hypotheses for each source, best first, in the order of the sources.

        Args:
            sources: arrays of subwords, int32, each with its end.
            limits: subwords of each translation at most, its end included.
            search: a `Search`.
            batch_size: sentences per step; those of similar length go together.
            seed: of what is drawn; a sentence's draws depend on it and on its place in `sources` alone.
        """
        if search not in self._made:
            self._made[search] = compiled(TranslationDecoder(self.parts, search, dtype="float32"), INPUTS)
        decode = self._made[search]
        lengths = np.array([len(source) for source in sources], "int32")
        columns = {"source": sources, "lengths": lengths, "limits": np.array(limits, "int32")}
        batches = Batches(columns, lengths=lengths, batch_size=batch_size)
        entropy = np.random.SeedSequence(seed).entropy
        found: list[list[Hypothesis]] = [[] for _ in sources]
        for index in range(batches.num_batches):
            rows = batches.rows(index)
            inputs = batches[index][0]
            inputs["uniforms"] = _uniforms(entropy, rows, inputs["limits"], search.temperature is not None)
            for row, *hypotheses in zip(rows, *decode(inputs), strict=True):
                real = [(numbers, score) for numbers, score in zip(*hypotheses, strict=True) if score > FORBIDDEN / 10]
                found[row] = [(numbers[: 1 + list(numbers).index(END)], float(score)) for numbers, score in real]
        return found


def _uniforms(entropy, rows, limits, drawn):
    """Numbers in [0, 1), shape (B, L): each row's its own, whatever the batch; zeros where nothing is drawn."""
    numbers = np.zeros((len(rows), max(limits)), "float32")
    for place, row in enumerate(rows if drawn else ()):
        numbers[place, : limits[place]] = np.random.default_rng((entropy, row)).random(limits[place], "float32")
    return numbers
