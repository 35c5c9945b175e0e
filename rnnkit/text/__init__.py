"""From text to numbers: tokenizer, vocabulary, word vectors."""
