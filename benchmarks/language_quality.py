"""Nats per character of `LanguageModel` on tiny Shakespeare: the last tenth is the test data.

    python benchmarks/language_quality.py --out FOLDER --set units=256 --set layers=2 --steps 5000 --test

The learning rate rises for a tenth of the steps and falls along a cosine to zero, so that the number of steps is said
beforehand; the last epoch counts. Validation data are a twentieth of what comes before the test data, used once
with `--test`; with `--all` too, the validation data are trained on, as Feng et al. 2024 did, from whom the split is:
nothing is chosen then. `--set` is for any argument of the model. An interrupted training continues from its last epoch.
"""

import argparse
import ast
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import rnnkit
from rnnkit import datasets
from rnnkit.callbacks import Resume

EPOCHS = 12


def optimizer(rate, steps, weight_decay):
    rise = steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10, steps - rise, warmup_target=rate, warmup_steps=rise, alpha=0.01
    )
    return rnnkit.optimizers.Adam(schedule, global_clipnorm=1.0, weight_decay=weight_decay)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--steps", type=int, default=4800)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--weight-decay", type=float, help="as in AdamW")
    parser.add_argument("--out", required=True)
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--all", action="store_true", help="train on the validation data as well")
    arguments = parser.parse_args()
    settings = {name: ast.literal_eval(value) for name, value in (each.split("=", 1) for each in arguments.set)}
    keras.utils.set_random_seed(0)
    train, valid, test = datasets.load("tiny-shakespeare")
    if arguments.all:
        train, valid = datasets.Dataset({"text": ["".join((*train["text"], *valid["text"]))]}), None
    model = rnnkit.LanguageModel(**settings)
    model.adapt(train)
    model.compile(optimizer(arguments.rate, arguments.steps, arguments.weight_decay))
    start = time.perf_counter()
    history = model.fit(
        train,
        validation_data=valid,
        epochs=EPOCHS,
        steps_per_epoch=arguments.steps // EPOCHS,
        batch_size=arguments.batch_size,
        callbacks=[Resume(arguments.out)],
        verbose=2,
    )
    last = {name: values[-1] for name, values in history.history.items() if name.endswith("nll")}
    result = {**last, "seconds": round(time.perf_counter() - start)}
    if arguments.test:
        result["test"] = model.evaluate(test, verbose=0, return_dict=True)["nll"]
    print(json.dumps({**settings, "parameters": model.count_params(), **result}), flush=True)


if __name__ == "__main__":
    main()
