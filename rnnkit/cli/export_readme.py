"""The README of an exported step: how to run it without rnnkit and TensorFlow."""

import json
from pathlib import Path

from rnnkit.tasks.export import Exported

RUNTIMES = {
    "onnx": """\
import onnxruntime  # pip install onnxruntime

session = onnxruntime.InferenceSession("{file}")
outputs = [each.name for each in session.get_outputs()]
step = lambda **inputs: dict(zip(outputs, session.run(None, inputs)))""",
    "litert": """\
from ai_edge_litert.interpreter import Interpreter  # pip install ai-edge-litert

step = Interpreter("{file}", num_threads=1).get_signature_runner("step")""",
}
CODE = """\
import json
import numpy as np
{runtime}

network = json.load(open("{facts}", encoding="utf-8"))
steps = network["example"]
state = {{name: np.zeros(shape, dtype) for name, (shape, dtype) in network["states"].items()}}
{numbers}for now in steps:
    found = step(**{{name: np.array([value], network["inputs"][name]) for name, value in now.items()}}, **state)
    state = {{name: found["new_" + name] for name in state}}
print({answer})"""
WORDS = """\
numbers = {word: number for number, word in enumerate(network["learned"]["words"], 2)}  # 1 is any other word
steps = [{"tokens": numbers.get(word, 1)} for word in "not bad at all".split()]
"""
README = """\
# {file}

One step of a {task}, written by `rnnkit export`. {facts} has its vocabulary and more.

| | name | shape | type |
|---|---|---|---|
{table}
States are zero before the first step; give each `new_state_` back as `state_` at the next one. What turns raw data into
numbers stays outside (`model.network_inputs` in rnnkit), and so does what turns `scores` into an answer.

```python
{code}
```
"""


def write_readme(model, exported: Exported, kind: str) -> Path:
    """Writes `NAME.README.md`, and `NAME.json` with what its code reads, next to the file; returns the README."""
    path, step = exported.path, exported.step
    inputs = {name: dtype for name, (_, dtype) in step.inputs_like.items()}
    states = {name: ((1, *shape), dtype) for name, (shape, dtype) in step.states_like.items()}
    example = [{name: _ones(shape) for name, (shape, _) in step.inputs_like.items()}] * 3
    learned = model.get_build_config()
    facts = path.with_name(f"{path.name}.json")
    told = {"inputs": inputs, "states": states, "example": example, "learned": learned}
    facts.write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
    reads_words = set(inputs) == {"tokens"} and "words" in learned
    code = CODE.format(
        runtime=RUNTIMES[kind].format(file=path.name),
        facts=facts.name,
        numbers=WORDS if reads_words else "",
        answer='network["learned"]["labels"][found["scores"].argmax()], found["scores"]'
        if "labels" in learned
        else 'found["scores"]',
    )
    likes = [*(("in", *each) for each in {**step.inputs_like, **step.states_like}.items())]
    rows = [f"| {way} | `{name}` | {(1, *shape)} | {dtype} |" for way, name, (shape, dtype) in likes]
    table = "\n".join([*rows, "| out | `scores` | | float32 |", "| out | `new_` + the name of each state | | |", ""])
    readme = path.with_name(f"{path.name}.README.md")
    text = README.format(file=path.name, task=type(model).__name__, facts=facts.name, table=table, code=code)
    readme.write_text(text, encoding="utf-8")
    return readme


def _ones(shape):
    return 1 if not shape else [_ones(shape[1:])] * shape[0]
