"""The examples in docstrings of what users import are run, and show what they say."""

import doctest
import inspect

import pytest

import rnnkit
from rnnkit import callbacks, datasets, layers, tasks, tuning

pytestmark = pytest.mark.usefixtures("untraced_fits")
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (rnnkit, callbacks, datasets, layers, tasks, tuning)
    for name in module.__all__
    if not inspect.ismodule(getattr(module, name))
}
ONCE = {id(each): name for name, each in reversed(PUBLIC.items())}  # those of `rnnkit.tasks` are in `rnnkit`, too
WITH_EXAMPLES = [name for name in ONCE.values() if ">>>" in (PUBLIC[name].__doc__ or "")]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_an_example_gives_what_it_says(name, own_cells):
    [test] = doctest.DocTestFinder(recurse=False).find(PUBLIC[name], name)
    said = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert not said, "".join(said)


def test_the_callbacks_and_layers_of_the_guides_have_examples():
    first = {"GradientHealth", "GradientClipping", "GradientGuard", "RecurrentSpectrum", "ThroughTime", "Resume"}
    first |= {"SentimentClassifier", "EntityRecognizer", "MemoryModel", "RecurrentStack", "CRF", "LSTM", "GRU"}
    assert first <= {name.rpartition(".")[2] for name in WITH_EXAMPLES}
