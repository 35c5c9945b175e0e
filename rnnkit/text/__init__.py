"""From text to numbers: tokenizer, vocabulary, word vectors."""

from rnnkit.text.vectors import train_vectors

__all__ = ["train_vectors"]
