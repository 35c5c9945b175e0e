"""Data: built-in samples, loaders of public data, readers of your own files."""
