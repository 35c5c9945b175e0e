"""A hook of mkdocs: what the pages show of the tree outside of docs/.

The package as it is installed, with callbacks/ and datasets/ inside, for the API reference; the notebooks as pages; the
version, in the footer; and the help of every command, on one page.
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]


@event_priority(100)  # before mkdocstrings reads its paths
def on_config(config):
    """Lays the tree out, and tells mkdocstrings where it is."""
    tree = config.extra["package_tree"] = tempfile.mkdtemp()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = project["tool"]["setuptools"]["package-dir"]
    for name, folder in {"rnnkit": "rnnkit", **folders}.items():
        shutil.copytree(ROOT / folder, Path(tree, *name.split(".")), ignore=shutil.ignore_patterns("__pycache__"))
    config.plugins["mkdocstrings"].config.handlers["python"]["paths"] = [tree]
    config.copyright = f"rnnkit {project['project']['version']}, Apache-2.0"
    config.repo_url = project["project"]["urls"]["Repository"]
    config.repo_name = "rnnkit"
    return config


@event_priority(100)  # before the plugin that renders them
def on_files(files, config):
    """Adds the notebooks, which stand at the top of the repository."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        files.append(File(f"notebooks/{path.name}", str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown, page, config, files):
    """Adds what Typer writes about the commands."""
    if page.file.src_uri != "command-line.md":
        return markdown
    command = [sys.executable, "-m", "typer", "rnnkit.cli.app", "utils", "docs", "--name", "rnnkit"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return f"{markdown}\n{said.partition(chr(10))[2]}"  # without its first line, a second title


def on_post_build(config):
    """The pages are written, and the tree goes."""
    shutil.rmtree(config.extra["package_tree"])
