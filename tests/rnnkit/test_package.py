import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import rnnkit

ROOT = Path(__file__).resolve().parents[2]
HOMES = {"rnnkit": "rnnkit", "callbacks": "rnnkit.callbacks", "datasets": "rnnkit.datasets"}


def test_import_is_light():
    code = "import sys, rnnkit; print([m for m in ('tensorflow', 'keras', 'pandas') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("name", rnnkit.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(rnnkit, name).__doc__


def test_every_public_module_is_there_after_importing_the_package_alone():
    code = "import rnnkit; [getattr(rnnkit, name).__file__ for name in rnnkit._MODULES]"
    assert not subprocess.check_output([sys.executable, "-W", "ignore", "-c", code], stderr=subprocess.DEVNULL)


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rnnkit.nothing
    assert "SentimentClassifier" in dir(rnnkit)


def test_every_package_folder_is_shipped():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    found = set()
    for folder, package in HOMES.items():
        for path in (ROOT / folder).rglob("*.py"):
            inside = path.parent.relative_to(ROOT / folder).parts
            found.add(".".join([package, *inside]))
    assert set(listed) == found
    assert all((ROOT / folder / "__init__.py").is_file() for folder in HOMES)


def test_arrows_point_one_way():
    """The data sets know nothing of models; cells and layers know nothing of tasks."""
    forbidden = {
        "datasets": ("rnnkit.tasks", "rnnkit.layers", "rnnkit.recurrent.cells", "rnnkit.callbacks", "import keras"),
        "rnnkit/layers": ("rnnkit.tasks", "rnnkit.cli", "tensorflow"),
        "rnnkit/tasks": ("rnnkit.cli", "import tensorflow"),
        "callbacks": ("rnnkit.tasks", "rnnkit.cli"),
    }
    for folder, names in forbidden.items():
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not [name for name in names if f"import {name}" in text or f"from {name}" in text], path


def test_the_version_is_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert rnnkit.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{version}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def public_functions():
    """The functions and methods of what users import, those of Keras left out: by `module.name`."""
    from rnnkit import callbacks, constraints, datasets, initializers, layers, regularizers, tuning

    for module in (rnnkit, callbacks, constraints, datasets, initializers, layers, regularizers, tuning):
        for name in getattr(module, "__all__", ()):
            each = getattr(module, name)
            if inspect.isfunction(each):
                yield f"{module.__name__}.{name}", each
            elif inspect.isclass(each):
                members = [inspect.getattr_static(each, own) for own in dir(each) if own[0] != "_" or own == "__init__"]
                functions = [getattr(member, "__func__", member) for member in members]
                yield from ((member.__qualname__, member) for member in functions if inspect.isfunction(member))


def test_arguments_are_annotated():
    ours = {name: each for name, each in public_functions() if each.__module__.startswith("rnnkit")}
    bare = {
        f"{name}({argument.name})"
        for name, each in ours.items()
        for argument in inspect.signature(each).parameters.values()
        if argument.name not in ("self", "cls") and argument.annotation is inspect.Parameter.empty
    }
    assert len(ours) > 200
    assert bare == set()
