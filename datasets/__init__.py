"""Data: built-in samples, loaders of public data, readers of your own files."""

from rnnkit.datasets.catalog import fetch, info, is_known, load, names, path
from rnnkit.datasets.conll import read_conll
from rnnkit.datasets.conllu import read_conllu
from rnnkit.datasets.dataset import Dataset, Splits
from rnnkit.datasets.entities import read_entities
from rnnkit.datasets.json_lines import read_jsonl
from rnnkit.datasets.memory import MEMORY_PROBLEMS, memory
from rnnkit.datasets.midi import read_midi_folder
from rnnkit.datasets.pairs import read_pairs
from rnnkit.datasets.readers import read
from rnnkit.datasets.series import Series, split_by_time
from rnnkit.datasets.source import Source, SourceFile
from rnnkit.datasets.splits import read_split, split_pairs, stratified_split
from rnnkit.datasets.tables import read_csv, read_tsv

__all__ = [
    "MEMORY_PROBLEMS",
    "Dataset",
    "Series",
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
    "read_conllu",
    "read_csv",
    "read_entities",
    "read_jsonl",
    "read_midi_folder",
    "read_pairs",
    "read_split",
    "read_tsv",
    "split_by_time",
    "split_pairs",
    "stratified_split",
]
