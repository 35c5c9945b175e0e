"""Tags of a sentence that comes word by word. Legend: `B` batch, `T` words, `N` words of look-ahead, `K` tags."""

from typing import Any

import numpy as np

from rnnkit.errors.checks import whole
from rnnkit.layers.stream import Stream, arrays, piecewise
from rnnkit.tasks.columns import word_rows
from rnnkit.tasks.entities.network import path_scores
from rnnkit.tasks.entities.schemes import repair


class TagStream(Stream):
    """Sentences that an `EntityRecognizer` reads as they come; `EntityRecognizer.stream` makes it.

    A word's tag is settled when N more words have come: that of the best path through it and these, from the tags that
    are settled already. So tags always fit together, and with N as long as the sentence they are those of
    `predict_tags`.
    """

    def __init__(self, model: Any, lookahead: int, batch_size: int):
        self._model, self._batch_size = model, whole("batch_size", batch_size)
        self._lookahead = whole("lookahead", lookahead, least=0)
        waiting = np.zeros((batch_size, lookahead, len(model.tags)), "float32")
        count, last = np.zeros((batch_size, 1), "int32"), np.full((batch_size, 1), -1, "int32")
        initial = [arrays(model.stack.initial_states(batch_size)), waiting, count, last]
        super().__init__(self._read_words, initial, model.network)

    def reset(self) -> None:
        super().reset()
        crf = self._model.network.get_layer("crf") if self._model.crf else None
        self._start, self._end, self._moves = arrays(path_scores(crf, len(self._model.tags)))

    def push(self, words: Any) -> list:
        """The tags, in the scheme IOB2, that are settled by the next words: N words behind them, in order.

        Args:
            words: a text, or a list of words. For a `batch_size` above 1 a list of that many of them, all with
                the same number of words.

        Returns:
            A list of tags; for a `batch_size` above 1 a list of such lists.

        Raises:
            DataError: something else.
        """
        rows = word_rows(words, self._batch_size, self._model.split_words)
        encoded = self._model.encode({"tokens": rows}, target=False)["x"]
        names = [name for name in encoded if name != "lengths"]
        scores = self._answers({name: np.stack(encoded[name])[:, : len(rows[0])] for name in names})
        settled = [self._come(scores[:, step]) for step in range(scores.shape[1])]
        return self._tags([each for each in settled if each is not None])

    def finish(self) -> list:
        """The tags of the words that still wait, now that the sentence ends there; then a new one begins."""
        [count] = set(self._state[2].ravel())
        settled = [self._settle(self._state[1][:, place:count], self._end) for place in range(count)]
        tags = self._tags(settled)
        self.reset()
        return tags

    def _read_words(self, given):
        network, *rest = given["states"]
        scores, after = self._model.read_piece()({"inputs": given["inputs"], "states": network})
        return scores, [after, *rest]

    def _come(self, scores):
        """Takes in the scores (B, K) of a word, and settles the tag of the word N before it, if there is one."""
        network, waiting, count, last = self._state
        known = np.concatenate([waiting[:, : count[0, 0]], scores[:, None]], axis=1)
        if count[0, 0] < self._lookahead:
            filled = np.concatenate([known, waiting[:, known.shape[1] :]], axis=1)
            self._state = [network, filled, count + 1, last]
            return None
        settled = self._settle(known, np.zeros_like(self._end))
        self._state = [network, known[:, 1:], count, self._state[3]]
        return settled

    def _settle(self, known, end):
        """The tag before, -1 for none, and the best one of the first of the words with scores (B, T, K): (B, 2)."""
        before = self._state[3][:, 0]
        ahead = np.broadcast_to(end, known[:, 0].shape)
        for scores in known[:, :0:-1].swapaxes(0, 1):
            ahead = (self._moves + (scores + ahead)[:, None]).max(axis=2)
        first = np.where(before[:, None] < 0, self._start, self._moves[before])
        tag = (first + known[:, 0] + ahead).argmax(axis=1).astype("int32")
        self._state = [*self._state[:3], tag[:, None]]
        return np.stack([before, tag], axis=1)

    def _tags(self, settled):
        names = [*self._model.tags, "O"]  # -1, before the first word, is as good as none
        rows = [
            [repair([names[before], names[tag]], "IOB2")[1] for before, tag in pairs[:, row]]
            for pairs in [np.reshape(settled, (len(settled), self._batch_size, 2)).astype(int)]
            for row in range(self._batch_size)
        ]
        return rows[0] if self._batch_size == 1 else rows


def piece_reader(model):
    """What reads the next words of sentences: the scores of their tags (B, T, K), and the states after them."""
    network = model.network
    layers = {name: network.get_layer(name) for name in ("embedding", "shape", "features", "emissions")}

    def read(inputs, states):
        features = [layers["embedding"](inputs["tokens"]), layers["shape"](inputs["shapes"])]
        if model.chars:
            features.append(network.get_layer("character_encoder")(inputs["characters"]))
        outputs, after = model.stack.carry(layers["features"](features), states)
        return layers["emissions"](outputs), after

    words = {name: each for name, each in network.input.items() if name != "lengths"}
    return piecewise(read, words, model.stack.initial_states(1))
