"""Texts as subwords, by the `tokenizers` library, an extra of rnnkit."""

import json
from collections.abc import Iterable, Sequence

from rnnkit.errors.checks import installed
from rnnkit.text.tokenization import MARKS, RESERVED, Tokenization, body, check_encodable, check_size
from rnnkit.text.vocabulary import SPECIAL

installed("tokenization: 'subwords'", "translation", ("tokenizers",))
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

# As `tokenizers` spells them, a character a byte. No merge gives a reserved name, as blanks and brackets part words.
BYTES = tuple(sorted(pre_tokenizers.ByteLevel.alphabet()))


class Subwords(Tokenization):
    """Frequent words as one number, rare ones in parts, and anything else byte by byte: nothing is out of vocabulary.

    Byte-pair encoding, by the `tokenizers` library (R. Sennrich, B. Haddow and A. Birch, "Neural machine translation of
    rare words with subword units", ACL 2016), of bytes (A. Radford et al., "Language models are unsupervised multitask
    learners", 2019).

    Texts come back exactly as they were, with their case and white space: nothing is normalised. A blank belongs to
    the word behind it, and the first word of a text is encoded as if it had one too, so it is no other subword there.

    Args:
        entries: the merges in the order in which they were learned, each as two parts with a blank between them.
    """

    kind = "subwords"

    def __init__(self, entries: Sequence[str]):
        super().__init__(entries)
        pairs = [(left, right) for left, right in map(str.split, self.entries)]
        names = dict.fromkeys([*SPECIAL, *MARKS, *BYTES, *map("".join, pairs)])
        vocabulary = {name: number for number, name in enumerate(names)}
        self._tokenizer = _byte_level(models.BPE(vocabulary, pairs))

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> "Subwords":
        check_size(size, RESERVED + len(BYTES))
        texts = list(texts)
        check_encodable(texts)
        trainer = trainers.BpeTrainer(
            vocab_size=size - RESERVED, min_frequency=2, initial_alphabet=list(BYTES), show_progress=False
        )
        learner = _byte_level(models.BPE())
        learner.train_from_iterator(map(_with_blank, texts), trainer)
        return cls([" ".join(pair) for pair in json.loads(learner.to_str())["model"]["merges"]])

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        given = [_with_blank(text) for text in self._read(texts)]
        return [found.ids for found in self._tokenizer.encode_batch_fast(given)]

    def decode(self, numbers: Iterable[int]) -> str:
        return self._tokenizer.decode(body(numbers)).removeprefix(" ")

    def tokens(self, text: str) -> list[str]:
        """The subwords of a text as text, for labels of plots; a part of a character is shown as U+FFFD."""
        return [self._tokenizer.decode([number]) for number in self.encode([text])[0]]


def _byte_level(model: models.BPE) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _with_blank(text: str) -> str:
    return f" {text}" if text else text
