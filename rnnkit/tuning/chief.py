"""The chief of a search that several processes share: it distributes trials over gRPC, as KerasTuner's chief does.

KerasTuner's own loop around its service is left out: it knows neither a time budget nor the fate of a worker.
"""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from keras_tuner.engine.hyperparameters import HyperParameters
from keras_tuner.engine.trial import Trial

from rnnkit.compat import chief_messages, chief_service, forget_retry
from rnnkit.errors import ArgumentError
from rnnkit.study.files import write_json
from rnnkit.tuning.results import RECORD

DEATHS = 2  # of workers in one trial, with which it has failed


def part_in_search() -> str | None:
    """`"chief"` or `"worker"`, as KerasTuner's environment variables say; None where there are none.

    Raises:
        ArgumentError: some are missing.
    """
    if "KERASTUNER_ORACLE_IP" not in os.environ:
        return None
    for name in ("KERASTUNER_ORACLE_PORT", "KERASTUNER_TUNER_ID"):
        if name not in os.environ:
            raise ArgumentError(f"KERASTUNER_ORACLE_IP: it is set, but {name} is not. Set both, or neither.")
    return "chief" if "chief" in os.environ["KERASTUNER_TUNER_ID"] else "worker"


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """What a worker does while its chief answers.

    Raises:
        ArgumentError: it does not.
    """
    try:
        yield
    except grpc.RpcError as error:
        words = " ".join(str(error).split())[:300]
        raise ArgumentError(f"KERASTUNER_ORACLE_IP: the chief does not answer. Is it still running? {words}") from error


class Chief(chief_service()):  # type: ignore[misc]
    """Distributes the trials of a tuner.

    Whatever touches the oracle runs in one thread, that of gRPC: KerasTuner's lock is not opened again after an error,
    except for the thread that shut it.

    Args:
        tuner: a `GuidedSearch`.
    """

    def __init__(self, tuner):
        super().__init__(tuner.oracle)
        self.tuner = tuner
        self.tuner.oracle.verbose = 0
        self._thread = ThreadPoolExecutor(1)
        self._deaths: Counter[str] = Counter()
        self._began: dict[str, float] = {}
        self._error: Exception | None = None

    @contextlib.contextmanager
    def listening(self, address: str) -> Iterator[int]:
        """While it lasts, workers can ask for trials.

        Args:
            address: of this machine and a port, as `IP:PORT`; port 0 takes a free one.

        Returns:
            The port.

        Raises:
            ArgumentError: the address cannot be had.
        """
        server = grpc.server(self._thread, options=[("grpc.so_reuseport", 0)])
        chief_messages().get_service_grpc().add_OracleServicer_to_server(self, server)
        try:
            port = server.add_insecure_port(address)
        except RuntimeError as error:
            raise ArgumentError(f"KERASTUNER_ORACLE_PORT: {address} cannot be used to listen on ({error}).") from error
        server.start()
        try:
            yield port
        finally:
            server.stop(5).wait()  # time to tell the last worker that the search has ended
            self._thread.shutdown()

    @property
    def is_done(self) -> bool:
        """Whether the search has ended and each worker knows it; raises what went wrong here while it was asked."""
        if self._error is not None:
            raise self._error
        return self.stop_triggered and not self.oracle.ongoing_trials and not self.oracle.tuner_ids

    def CreateTrial(self, request, context):  # noqa: N802  (gRPC's name)
        with self._noting():
            worker, ongoing = request.tuner_id, self.oracle.ongoing_trials
            if self.tuner.time_left <= 0 and worker not in ongoing:
                return self._stop(worker)
            answer = super().CreateTrial(request, context)
            if worker in ongoing:
                self._began.setdefault(ongoing[worker].trial_id, time.time())
                ongoing[worker].metrics = type(ongoing[worker].metrics)()  # a killed worker may have left some
            return answer

    def EndTrial(self, request, context):  # noqa: N802
        with self._noting():
            trial, oracle = Trial.from_proto(request.trial), self.oracle
            trial.hyperparameters = oracle.trials[trial.trial_id].hyperparameters  # a message rounds numbers
            forget_retry(oracle, trial.trial_id)  # it may have begun under a chief that was killed
            if trial.trial_id not in oracle.end_order:
                self.tuner.on_trial_end(trial)
            return chief_messages().get_service().EndTrialResponse()

    def lost(self, worker: str, reason: str) -> bool:
        """Notes that a worker has ended before its time.

        Started again, it gets its trial back; a trial that has ended two workers has failed.

        Args:
            worker: its id.
            reason: how it ended.

        Returns:
            Whether to start it again: not where it has ended twice without a trial.
        """
        return self._thread.submit(self._lost, worker, reason).result()

    def _stop(self, worker: str):
        self.stop_triggered = True
        self.oracle.tuner_ids.discard(worker)
        trial = Trial(HyperParameters(), status="STOPPED")
        return chief_messages().get_service().CreateTrialResponse(trial=trial.to_proto())

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Keeps an error for the thread that waits: a worker would see no more than that there was one."""
        try:
            yield
        except Exception as error:
            self._error = error
            raise

    def _lost(self, worker: str, reason: str) -> bool:
        trial = self.oracle.ongoing_trials.get(worker)
        key = worker if trial is None else f"trial {trial.trial_id}"
        self._deaths[key] += 1
        if self._deaths[key] < DEATHS:
            return True
        if trial is None:
            return False
        began = self._began[trial.trial_id]
        record = {"reason": f"{reason}, {DEATHS} times", "began": began, "wall": round(time.time() - began, 3)}
        write_json(Path(self.tuner.get_trial_dir(trial.trial_id)) / RECORD, record)
        trial.status = "FAILED"
        self.tuner.on_trial_end(trial)
        return True


def lead(tuner, *fit_args, **fit_kwargs) -> None:
    """Distributes a search's trials at `KERASTUNER_ORACLE_IP` and `KERASTUNER_ORACLE_PORT`, until it has ended."""
    chief = Chief(tuner)
    with chief.listening(f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"):
        while not chief.is_done:
            time.sleep(0.2)
