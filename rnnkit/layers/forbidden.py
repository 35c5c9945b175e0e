"""The log score of what cannot be chosen."""

FORBIDDEN = -1e9  # beyond any sum of real ones; thousands still add up to a float32, and -inf would make NaN of 0 * inf
