"""A folder with a page that answers in the browser, opened by a double click, without a network or a server."""

import base64
import gzip
import json
from functools import partial
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from rnnkit import __version__
from rnnkit.errors import ArgumentError
from rnnkit.errors.checks import onnx_installed
from rnnkit.tasks.export import onnx_content, onnx_step
from rnnkit.tasks.parts import WebPage
from rnnkit.tasks.spec import TaskSpec
from rnnkit.tasks.specs import SPECS, spec_of_class
from rnnkit.tasks.web.runtime import BINARY, MODULE, SCRIPT, VERSION, runtime_files

README = f"""\
# A model as a page

Open `index.html` with a double click: the model answers in the browser, and nothing that is typed leaves it. The page
needs neither a network nor a server, and a browser of 2024 or later. Written by rnnkit {__version__}, with
`rnnkit export --format web`.

| file | what it is |
|---|---|
| `index.html`, `style.css` | the page |
| `network.onnx` | the network; the page does not read it |
| `model.js` | the same in base64, as a page on a disk may not read files, and the vocabulary |
| `runtime.js` | onnxruntime-web {VERSION}, (c) Microsoft Corporation, under the MIT licence, in base64 too |
| other `.js` | texts to numbers, and scores to answers |

To put it on a server, copy the folder; `python -m http.server` in it is one.
"""


def export_page(task, folder: str | Path, *, runtime: str | Path | None = None, verbose: bool | None = None) -> Path:
    """Writes the page of a task; returns the path of its `index.html`.

    Args:
        task: a task with a network.
        folder: a folder that is not there yet.
        runtime: the file that `npm pack` of onnxruntime-web writes; None lets npm get it.
        verbose: for the sake of the other formats; nothing is printed.

    Raises:
        PackageError: the packages for ONNX are not installed, or onnxruntime-web cannot be had.
        ArgumentError: the folder is there, there is no page for this model, or `runtime` is another file.
    """
    folder = Path(folder)
    if folder.exists():
        raise ArgumentError(f"filepath: {folder} exists already. Name another folder.")
    onnx_installed(given="web")
    page, parts = page_of(task), runtime_files(runtime)
    network = page.network()
    folder.mkdir(parents=True)
    (folder / "network.onnx").write_bytes(network)
    written = {**_page_files(page), "model.js": _model_script(page, network), "runtime.js": _runtime_script(parts)}
    for name, content in {**written, "README.md": README}.items():
        (folder / name).write_text(content, encoding="utf-8", newline="\n")
    return folder / "index.html"


def page_of(task) -> WebPage:
    """The page of a task with a network.

    Raises:
        ArgumentError: there is no page for this task, or it has a tokenizer of its user's, which is Python.
    """
    if getattr(task, "tokenizer", None) is not None:
        raise ArgumentError(
            "format: this model splits texts with a tokenizer of yours, which a page cannot run. Choose another format."
        )
    specs = filter(None, (spec_of_class(each.__name__) for each in type(task).__mro__))
    page = next(specs, TaskSpec()).web_page(task)
    if page is None:
        with_page = [each for each in SPECS.values() if type(each).web_page is not TaskSpec.web_page]
        names = ", ".join(each.model.partition(":")[2] for each in with_page)
        raise ArgumentError(
            f"format: there is no page for {type(task).__name__}, only for {names}. Choose another format."
        )
    return page


def whole_network(task, heading: str, scripts: tuple[str, ...], facts: dict[str, Any]) -> WebPage:
    """A page whose network reads a whole text."""
    return WebPage(heading, scripts, partial(onnx_content, task.network), facts)


def by_steps(task, heading: str, scripts: tuple[str, ...], facts: dict[str, Any]) -> WebPage:
    """A page whose network reads a step at a time; its scripts find what goes in and out in `facts`."""
    step = task.one_step()
    for name, arrays in {"inputs": step.inputs_like, "states": step.states_like}.items():
        facts[name] = {key: (dtype, shape) for key, (shape, dtype) in arrays.items()}
    return WebPage(heading, scripts, partial(onnx_step, step), facts)


def _page_files(page: WebPage) -> dict[str, str]:
    scripts = ("page.js", *page.scripts)
    tags = "\n".join(f'<script src="{name}"></script>' for name in ("runtime.js", "model.js", *scripts))
    html = Template(_source("index.html")).substitute(heading=page.heading, scripts=tags, version=__version__)
    style = files("rnnkit.report").joinpath("style.css").read_text(encoding="utf-8") + _source("page.css")
    return {"index.html": html, "style.css": style, **{name: _source(name) for name in scripts}}


def _model_script(page: WebPage, network: bytes) -> str:
    facts = json.dumps({**page.facts, "network": _packed(network)})
    return f"const MODEL = JSON.parse({json.dumps(facts)});\n"  # in a literal the key __proto__ would be no key


def _runtime_script(parts: dict[str, bytes]) -> str:
    told = json.dumps({"module": parts[MODULE].decode(), "binary": _packed(parts[BINARY])})
    return f"{parts[SCRIPT].decode()}\nconst RUNTIME = {told};\n"


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode("ascii")


def _source(name: str) -> str:
    return files("rnnkit.tasks.web").joinpath(name).read_text(encoding="utf-8")
