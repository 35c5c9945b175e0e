"""Runs the notebooks and writes their outputs into them: `python notebooks/refresh.py [NOTEBOOK ...]`.

Outputs carry no times and no counts of the machine, so that a change in a notebook is a change in what it shows.
"""

import base64
import io
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

FOLDER = Path(__file__).parent
START = re.compile(r"$|[IWE]\d{4} |WARNING: All log messages before absl")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def refresh(path: Path) -> None:
    """Executes a notebook in an empty folder and writes it back."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=None, record_timing=False, resources=resources).execute()
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if not is_start(each)]
        for output in cell.get("outputs", ()):
            shrink(output.get("data", {}))
    nbformat.write(notebook, path)
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")


def is_start(output) -> bool:
    """Whether it is what TensorFlow says of the machine as it starts; whatever else is on standard error stays."""
    text = output.get("text", "") if output.get("name") == "stderr" else "-"
    return all(START.match(line) for line in text.splitlines())


def shrink(data: dict) -> None:
    """Gives pictures a palette, which takes half the bytes."""
    if "image/png" in data:
        picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
        smaller = io.BytesIO()
        picture.convert("RGB").quantize(256).save(smaller, "png", optimize=True)
        data["image/png"] = base64.b64encode(smaller.getvalue()).decode("ascii")


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for each in map(Path, sys.argv[1:] or sorted(FOLDER.glob("*.ipynb"))):
        refresh(each)
