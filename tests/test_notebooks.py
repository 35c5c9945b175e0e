"""Every notebook runs from top to bottom with its own assertions, on less data, and stands here with its outputs."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LESS = {
    "entities": {"ROWS": 1200, "EPOCHS": 4, "BATCH": 8, "STEPS": ("words, CRF, characters",)},
    "forecasting": {"EPOCHS": 4, "SHOPS": 6},
    "gradient_health": {"LENGTH": 40, "EPOCHS": 9, "CURES": 1},
    "language_model": {"ROWS": 400, "EPOCHS": 1, "LABELS": 60, "COMPARED": ("from the language model",)},
    "music": {"EPOCHS": 6, "LENGTH": 24},
    "sentiment": {"EPOCHS": 5, "CELLS": ("lstm",)},
    "translation": {"ROWS": 2500, "EPOCHS": 4, "BATCH": 16, "ATTENTION": ("general",)},
    "tuning": {"ROWS": 800, "TRIALS": 2, "EPOCHS": 2, "CELLS": ("gru",), "SEEDS": 1},
}
RECORDS_ZEROS = """
from dataclasses import replace

from rnnkit.callbacks import GradientHealth

consume = GradientHealth.consume


def zeros(self, block):
    of_unit = {**block.of_unit, "norm_before": 0 * block.of_unit["norm_before"]}
    of_step = {**block.of_step, "total_before": 0 * block.of_step["total_before"]}
    consume(self, replace(block, of_unit=of_unit, of_step=of_step))


GradientHealth.consume = zeros
"""


def run(name, folder, *more):
    """Executes a notebook at reduced size in a folder, some more code first."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    [at] = [n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    known = re.findall(r"^(\w+) = ", notebook.cells[at].source, re.M)
    assert LESS[name].keys() <= set(known)
    reduced = "\n".join(f"{parameter} = {value!r}" for parameter, value in LESS[name].items())
    notebook.cells[at + 1 : at + 1] = [nbformat.v4.new_code_cell(source) for source in (reduced, *more)]
    NotebookClient(notebook, timeout=280, resources={"metadata": {"path": str(folder)}}).execute()


QUICK = ("sentiment",)
RUNS = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in LESS]


def test_every_notebook_has_a_reduced_size():
    assert [path.stem for path in NOTEBOOKS] == sorted(LESS)


@pytest.mark.filterwarnings("default")  # of Jupyter's own machinery, not of ours
@pytest.mark.parametrize("name", RUNS)
def test_notebook_runs(name, tmp_path):
    run(name, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", ["gradient_health"])
def test_notebook_fails_if_the_recorder_records_zeros(name, tmp_path):
    with pytest.raises(CellExecutionError, match="AssertionError"):
        run(name, tmp_path, RECORDS_ZEROS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_stands_here_with_its_outputs(path):
    text = path.read_text(encoding="utf-8")
    cells = [cell for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) > 0
    assert len(text) < 400_000
    assert "WARNING" not in text
    assert re.findall(r"/(?:home|root|tmp|work|Users)/\w+", text) == []
