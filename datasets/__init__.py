"""Data: built-in samples, loaders of public data, readers of your own files."""

from rnnkit.datasets.catalog import fetch, info, is_known, load, names, path
from rnnkit.datasets.conll import read_conll
from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.memory import MEMORY_PROBLEMS, memory
from rnnkit.datasets.midi import read_midi_folder
from rnnkit.datasets.pairs import read_pairs
from rnnkit.datasets.readers import read, read_csv, read_jsonl, read_tsv
from rnnkit.datasets.source import Source, SourceFile
from rnnkit.datasets.splits import read_split, split_pairs, stratified_split

__all__ = [
    "MEMORY_PROBLEMS",
    "Dataset",
    "Source",
    "SourceFile",
    "Splits",
    "fetch",
    "info",
    "is_known",
    "load",
    "memory",
    "names",
    "path",
    "read",
    "read_conll",
    "read_csv",
    "read_jsonl",
    "read_midi_folder",
    "read_pairs",
    "read_split",
    "read_tsv",
    "split_pairs",
    "stratified_split",
]
