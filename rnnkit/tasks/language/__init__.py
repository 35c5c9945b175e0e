"""Language models: a stream of tokens in, the next token out."""
