"""A hook of mkdocs: the package as it is installed, with callbacks/ and datasets/ inside, for the API reference."""

import shutil
import tempfile
import tomllib
from pathlib import Path

from mkdocs.plugins import event_priority

ROOT = Path(__file__).resolve().parents[1]


@event_priority(100)  # before mkdocstrings reads its paths
def on_config(config):
    """Lays the tree out, and tells mkdocstrings where it is."""
    tree = config.extra["package_tree"] = tempfile.mkdtemp()
    folders = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-dir"]
    for name, folder in {"rnnkit": "rnnkit", **folders}.items():
        shutil.copytree(ROOT / folder, Path(tree, *name.split(".")), ignore=shutil.ignore_patterns("__pycache__"))
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [tree]
    return config


def on_post_build(config):
    """The pages are written, and the tree goes."""
    shutil.rmtree(config.extra["package_tree"])
