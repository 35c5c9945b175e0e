"""KerasTuner.


Oracles, trials and tuners are also used by names without an underscore that KerasTuner does not document, where they
are needed: `Oracle.trials`, `start_order`, `end_order`, `ongoing_trials`, `tuner_ids`, `verbose`, `max_trials`,
`max_consecutive_failed_trials` and `reload`; `Trial.load` and `Trial.from_proto`; `MetricsTracker.metrics` and
`get_history`; `Tuner.pre_create_trial` and `get_trial_dir`; and the names of the files in a search's folder.
"""

import contextlib
import functools
from collections.abc import Iterator


def chief_service() -> type:
    """The gRPC service of a search's chief, to be derived from.

    KerasTuner runs it in a loop of its own, which knows no time budget and not what became of a worker.
    """
    from keras_tuner.src.distribute.oracle_chief import OracleServicer

    return OracleServicer


def chief_messages():
    """The messages of that service, `get_service()`, and what adds it to a server, `get_service_grpc()`."""
    from keras_tuner.src import protos

    return protos


def own_oracle(client):
    """The oracle of a worker itself, behind the client that asks the chief; it can read what the chief has written."""
    return client._oracle


def forget_retry(oracle, trial_id: str) -> None:
    """Takes a trial from those that are to be repeated; KerasTuner fills that queue and never empties it otherwise."""
    if trial_id in oracle._retry_queue:
        oracle._retry_queue.remove(trial_id)


def resume_grid(oracle) -> None:
    """Puts together again what the oracle of a grid search does not save: the order of its trials, where to go on."""

    def compare(first: str, second: str) -> int:
        return oracle._compare(*(oracle.trials[trial_id].hyperparameters.values for trial_id in (first, second)))

    for trial_id in sorted(oracle.trials, key=functools.cmp_to_key(compare)):
        oracle._ordered_ids.insert(trial_id)
    oracle._populate_next = list(oracle.start_order)


@contextlib.contextmanager
def search_files_by(write) -> Iterator[None]:
    """While it lasts, KerasTuner writes its files by `write(path, value)`; its own way writes in place, and no argument
    changes that.
    """
    from keras_tuner.src import utils

    before = utils.save_json
    utils.save_json = write
    try:
        yield
    finally:
        utils.save_json = before


@contextlib.contextmanager
def without_trial_tracebacks() -> Iterator[None]:
    """While it lasts, KerasTuner prints no traceback for a trial that has failed; no argument says so."""
    from keras_tuner.src import config

    before = config.DEBUG
    config.DEBUG = False
    try:
        yield
    finally:
        config.DEBUG = before
