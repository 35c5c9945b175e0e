"""Translation around the model: decoding, and scores of translations."""
