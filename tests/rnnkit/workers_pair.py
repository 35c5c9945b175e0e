"""One of two workers that train together; the first also trains by itself, on whole batches. Prints JSON.

python workers_pair.py WORKER ADDRESS,ADDRESS FOLDER [TASK ...]
"""

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from unittest import mock

from few_rows import BATCH, LENGTHS, streams, tasks  # first: it sets the environment

# isort: split
import keras
import numpy as np
import tensorflow as tf

from rnnkit import callbacks, workers
from rnnkit.errors import ArgumentError
from rnnkit.optimizers import LazyAdam
from rnnkit.recurrent.devices import make_deterministic

SIGNALS = []
signal.signal(signal.SIGTERM, lambda *_: SIGNALS.append("SIGTERM"))
NUMBER, ADDRESSES, FOLDER = int(sys.argv[1]), sys.argv[2].split(","), Path(sys.argv[3])
THRESHOLD = 0.3  # between the norms of the steps
EPOCHS = 12  # of `drift`


class Counting(LazyAdam):
    """Counts, as TensorFlow traces it, its updates and what it sends to the other workers for them."""

    updates = sums = 0
    graph = None

    def apply(self, grads, trainable_variables=None):
        Counting.updates += 1
        Counting.graph = tf.compat.v1.get_default_graph()
        while hasattr(Counting.graph, "outer_graph") and hasattr(Counting.graph.outer_graph, "outer_graph"):
            Counting.graph = Counting.graph.outer_graph
        super().apply(grads, trainable_variables)

    def sum_unclipped(self, pairs):
        Counting.sums += 1
        return super().sum_unclipped(pairs)


def messages():
    """The messages to other workers in the last traced step; of a condition those of the branch that has most."""
    definition = Counting.graph.as_graph_def()
    library = {each.signature.name: each.node_def for each in definition.library.function}

    def count(nodes):
        total = 0
        for node in nodes:
            total += node.op.startswith(("CollectiveReduce", "CollectiveGather"))
            within = [count(library[each.func.name]) for each in node.attr.values() if each.HasField("func")]
            total += max(within) if node.op in ("If", "StatelessIf") else sum(within)
        return total

    return count(definition.node)


def described(model, health):
    steps = {name: values.tolist() for name, values in health.steps.items()}
    return {"weights": [each.numpy().tolist() for each in model.weights], "steps": steps}


def of_task(name, scope, nudge=False, **options):
    """A task on eleven rows in batches of five, so that the last batch has one; with everything that acts on it."""
    data, kind, arguments = (tasks() | streams())[name]
    keras.utils.set_random_seed(0)
    with scope():
        model = kind(**arguments)
        optimizer = Counting(0.01, global_clipnorm=0.4)
    model.adapt(*data)
    if nudge:
        model.set_weights([np.nextafter(each, np.float32(9)) for each in model.get_weights()])
    model.compile(optimizer, run_eagerly=scope is contextlib.nullcontext)  # nothing to trace
    health = callbacks.GradientHealth()
    watch = [health, callbacks.GradientGuard("skip"), callbacks.GradientClipping("global_norm", THRESHOLD)]
    options = {"batch_size": BATCH, "epochs": 2, "verbose": 0, "callbacks": watch, **options}
    if name != "language model":  # which takes no weights
        options["sample_weight"] = np.linspace(0.5, 1.5, len(LENGTHS))
    rows, several = [], scope is not contextlib.nullcontext
    with mock.patch.object(kind, "encode", counted(kind.encode, rows)):
        found = {"history": model.fit(*data, **options).history}
        if "validation_data" not in options:
            found["evaluated"] = model.evaluate(*data, batch_size=BATCH, verbose=0, return_dict=True)
        predicted = model.predict(data[0], batch_size=BATCH, verbose=0)
    found |= {"predicted": [np.asarray(each).tolist() for each in predicted], "encoded": rows if several else []}
    return {**found, **described(model, health)}


def counted(encode, rows):
    """A method `encode` that notes of how many rows it is asked."""

    def noted(self, data, **options):
        rows.append(len(next(iter(data.values())) if isinstance(data, dict) else data))
        return encode(self, data, **options)

    return noted


def sentiment(scope):
    data = tasks()["sentiment"][0]
    return of_task("sentiment", scope, validation_data=data, validation_batch_size=BATCH)


def own_model(scope, epochs=2, folder=None):
    """A Keras model that is none of ours, on arrays; its state is saved after each step where a folder is named."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(8, 5, 2)).astype("float32")
    with scope():
        layers = [keras.Input((5, 2)), keras.layers.SimpleRNN(3), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    health = callbacks.GradientHealth()
    watch = [health, callbacks.GradientClipping("global_norm", THRESHOLD)]
    if folder:
        watch.append(callbacks.Resume(FOLDER / folder / str(NUMBER), every=1))
        watch += [] if NUMBER else [keras.callbacks.EarlyStopping("loss", patience=9)]  # a state on the first only
    history = model.fit(x, x[:, 0, :1], batch_size=4, epochs=epochs, shuffle=False, verbose=0, callbacks=watch).history
    predicted = [] if folder == "parts" else model.predict(x, batch_size=4, verbose=0).tolist()
    return {**described(model, health), "history": history, "predicted": predicted}


def gone_on():
    """The same training in two parts, of which one worker has lost its newest save."""
    own_model(SHARED.scope, 1, "parts")
    if NUMBER:
        max((FOLDER / "parts" / str(NUMBER)).glob("*.state")).unlink()
    return own_model(SHARED.scope, 2, "parts")


def drift():
    """A longer training by all, by one process, and by one whose weights begin one rounding away."""
    found = [of_task("sentiment", SHARED.scope, epochs=EPOCHS)]
    if NUMBER == 0:
        found += [of_task("sentiment", contextlib.nullcontext, nudge, epochs=EPOCHS) for nudge in (False, True)]
    return found


def drawn():
    """Two random numbers as each worker draws them for its own rows."""
    with SHARED.scope():
        generator = keras.random.SeedGenerator(1)
    draw = tf.function(lambda: keras.random.uniform((1,), seed=generator))
    return [float(SHARED.run(draw).numpy()[0]) for _ in range(2)]


def told():
    """Whether messages of any length arrive, and how often what sends them was traced."""
    said = ["x" * length for length in range(0, 200, 7)]
    heard = [workers.gathered(SHARED, each) for each in said]
    rows = workers.joined(SHARED, [np.full((NUMBER + 1, 2), 0.5, "float32")] * (2 * NUMBER) or None)
    traces = workers._teller(SHARED).experimental_get_tracing_count()
    return [heard == [[each] * len(ADDRESSES) for each in said], [row.tolist() for row in rows], traces]


def refused():
    with SHARED.scope():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(gradient_accumulation_steps=2), "mse")
    try:
        model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0, callbacks=[callbacks.GradientGuard("skip")])
    except ArgumentError as error:
        return str(error)


with workers.strategy(ADDRESSES, NUMBER) as SHARED:
    pass
names = sys.argv[4:]
if "deterministic" in names:
    names.remove("deterministic")
    make_deterministic()
if not names:
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})  # a few steps cost less than it does
found = {"said": workers.gathered(SHARED, NUMBER), "first": workers.from_first(SHARED, NUMBER)}
if "drift" in names:
    names.remove("drift")
    found["drift"] = drift()
for name in names:
    found[name] = [of_task(name, SHARED.scope)]
    found.setdefault("messages", {})[name] = messages()
if not names:
    found["drawn"] = drawn()
    found |= {"sentiment": [sentiment(SHARED.scope)], "messages": messages()}
    found |= {"own model": [own_model(SHARED.scope, folder="whole")], "told": told()}
    found |= {"sums": [Counting.updates, Counting.sums], "gone on": gone_on(), "refused": refused()}
if NUMBER == 0:
    for name in names:
        found[name].append(of_task(name, contextlib.nullcontext))
    if not names:
        found["sentiment"].append(sentiment(contextlib.nullcontext))
        found["own model"].append(own_model(contextlib.nullcontext))
workers.gathered(SHARED, "done")
os.kill(os.getpid(), signal.SIGTERM)
found["signals"] = SIGNALS
print(json.dumps(found))
