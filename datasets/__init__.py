"""Data: built-in samples, loaders of public data, readers of your own files."""

from rnnkit.datasets.catalog import fetch, info, load, names, path
from rnnkit.datasets.conll import read_conll
from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.memory import MEMORY_PROBLEMS, memory
from rnnkit.datasets.midi import read_midi_folder
from rnnkit.datasets.readers import read, read_csv, read_jsonl, read_tsv
from rnnkit.datasets.source import Source, SourceFile

__all__ = [
    "MEMORY_PROBLEMS",
    "Dataset",
    "Source",
    "SourceFile",
    "Splits",
    "fetch",
    "info",
    "load",
    "memory",
    "names",
    "path",
    "read",
    "read_conll",
    "read_csv",
    "read_jsonl",
    "read_midi_folder",
    "read_tsv",
]
