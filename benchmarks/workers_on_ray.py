"""Ray starts a training of several workers, and again when one of them is killed: does it end as if nothing had been?

    pip install 'rnnkit[ray]'
    python benchmarks/workers_on_ray.py

Two workers train a small classifier on part of the sentiment sample under Ray's `TensorflowTrainer`, on this
machine. At the end of the second epoch the second worker gets SIGKILL. Ray starts both again, `Resume` takes the newest
save that both have, and the history is compared, bit by bit, with that of a training that was left alone.
"""

import argparse
import json
import os
import signal
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def train(settings: dict) -> None:
    """What each worker does; Ray says in TF_CONFIG which one it is."""
    import keras

    import rnnkit
    from rnnkit import callbacks, datasets

    folder, number = Path(settings["folder"]), rnnkit.workers.find().worker
    data, valid, _ = datasets.load("sentiment-sample")
    with rnnkit.workers.strategy():
        keras.utils.set_random_seed(0)
        model = rnnkit.SentimentClassifier(units=8, dropout=0, word_dropout=0)
    kill = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: die_once(folder, epoch, number, settings))
    resume = callbacks.Resume(folder / f"worker-{number}", every=5)
    history = model.fit(data[:512], validation_data=valid[:128], epochs=4, verbose=0, callbacks=[resume, kill])
    if number == 0:
        model.save(folder / "model.keras")
        (folder / "history.json").write_text(json.dumps(history.history), encoding="utf-8")


def die_once(folder: Path, epoch: int, number: int, settings: dict) -> None:
    """Kills the second worker at the end of the second epoch, the first time."""
    if settings["kill"] and (epoch, number) == (1, 1) and not (folder / "killed").exists():
        (folder / "killed").write_text(str(time.time()), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    import ray
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.tensorflow import TensorflowTrainer

    ray.init(num_cpus=2, include_dashboard=False)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for kill in (False, True):
            folder = Path(name) / ("killed" if kill else "whole")
            folder.mkdir()
            TensorflowTrainer(
                train,
                train_loop_config={"folder": str(folder), "kill": kill},
                scaling_config=ScalingConfig(num_workers=2),
                run_config=RunConfig(storage_path=f"{folder}/ray", failure_config=FailureConfig(max_failures=2)),
            ).fit()
            found[kill] = json.loads((folder / "history.json").read_text(encoding="utf-8"))
            if kill:
                begun = float((folder / "killed").read_text(encoding="utf-8"))
                print(f"killed after epoch 2; ended {time.time() - begun:.0f} s later")
    print("history equal to that of a training left alone:", found[True] == found[False])


if __name__ == "__main__":
    main()
