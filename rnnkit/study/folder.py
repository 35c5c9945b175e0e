"""A run on disk: one folder that holds everything about one training.

`config.json` (all that is needed to run it again), `model.keras`, `history.csv` (one row per epoch), `gradients.csv`
(one row per step and variable), `steps.csv` (one row per step), `spectrum.csv` (one row per epoch and gate),
`through_time.csv` (one row per diagnosis and step back), `metrics.json` (a contract for scripts), `samples.csv`,
`diagnosis/` (its tables at the end, and `conclusion.json`: its verdict and cure, or why there is none), what the task's
spec adds (for entities `types.csv`; for music `statistics.csv`, `baselines.csv` and `pieces/`; for translation
`translations/`) and `report.html`, which is made from all the others.
While it trains there is also `state/`, from which `rnnkit run --resume` continues; when it is finished, the newest save
is kept in `final_state/`, from which the run can be continued. `tensorboard/` is there where it was asked for.
"""

import shlex
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnkit.errors import ArgumentError, DataError, RnnkitError
from rnnkit.study.files import check_inside, read_json, write_json, write_page, write_text

if TYPE_CHECKING:
    import pandas as pd

    from rnnkit.study.run import Trained
    from rnnkit.tasks.config import RunConfig

DIAGNOSIS = "diagnosis"
CONCLUSION, OLD_CONCLUSION = "conclusion.json", "said.json"  # as version 0.1 called it
LESS = 1 - 1e-5  # a norm that is this much smaller after clipping is not so by rounding


class RunFolder:
    """A run folder that exists.

    Raises:
        DataError: the folder does not exist, holds no run, or something that is no file of its own: a link that leads
            out of it, a pipe, a device.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not (self.path / "config.json").is_file():
            raise DataError(f"run: {self.path} is not a run folder: it has no config.json. Make one with rnnkit run.")
        check_inside(self.path)

    @classmethod
    def create(cls, path: str | Path | None, config: Mapping[str, Any]) -> "RunFolder":
        """A new folder with its `config.json`.

        Args:
            path: the folder; None names it `runs/<task>-<data>-<cell>-<time>`.
            config: JSON-able.

        Raises:
            ArgumentError: the folder holds something already, or cannot be written.
        """
        folder = Path(path) if path else _unused(config)
        check_free(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / "config.json", config)
        except OSError as error:
            raise ArgumentError(f"out: {folder} cannot be written ({error.strerror}). Name another folder.") from error
        return cls(folder)

    @property
    def config(self) -> dict[str, Any]:
        """What was asked for."""
        return read_json(self.path / "config.json")

    @property
    def metrics(self) -> dict[str, Any]:
        """What came out."""
        return read_json(self.path / "metrics.json")

    @property
    def model(self) -> Path:
        """Where the model is."""
        return self.path / "model.keras"

    @property
    def state(self) -> Path:
        """Where the state of the training is kept until the run is finished."""
        return self.path / "state"

    @property
    def final_state(self) -> Path:
        """Where it is kept from then on."""
        return self.path / "final_state"

    @property
    def finished(self) -> bool:
        """Whether all of the run is there; of a worker besides the first its final state is all."""
        last = "final_state" if self.path.name.startswith("worker-") else "metrics.json"
        return (self.path / last).exists() and not any(self.state.glob("*.state"))

    def expect_finished(self) -> None:
        """Sees that the run is finished.

        Raises:
            DataError: it is not; the message says how to resume it, and how to keep its best epoch.
        """
        if not self.finished:
            run = shlex.quote(str(self.path))
            raise DataError(
                f"run: {self.path} is not finished. Resume it with rnnkit run --resume {run}, or keep its best epoch "
                f"with rnnkit run --resume {run} --finish."
            )

    def continue_to(self, config: "RunConfig") -> None:
        """Makes a run one that trains longer: another `config.json`, and the state of its training in use again.

        Raises:
            ArgumentError: the state was not kept.
        """
        if self.finished:
            if not self.final_state.is_dir():
                raise ArgumentError(f"epochs: {self.path} has no final_state to continue from. Start a new run.")
            shutil.rmtree(self.state, ignore_errors=True)
            self.final_state.replace(self.state)
        write_json(self.path / "config.json", config.as_dict())

    @property
    def epochs(self) -> int:
        """How many epochs are done."""
        return len(self.table("history")) if self.has("history") else 0

    def write(self, trained: "Trained", config: "RunConfig | None" = None) -> None:
        """Saves a finished run, and puts the state of its training away.

        Args:
            trained: its results.
            config: what would train the same from the start, where that has changed.

        Raises:
            OSError: the folder cannot be written; the state is then still there.
        """
        if config is not None:
            write_json(self.path / "config.json", config.as_dict())
        trained.model.save(self.model)
        trained.history.to_csv(self.path / "history.csv", index=False)
        trained.health.to_csv(self.path / "gradients.csv")
        trained.samples.to_csv(self.path / "samples.csv", index=False)
        for name, frame in trained.tables.items():
            frame.to_csv(self.path / f"{name}.csv", index=False)
        for artifact in trained.artifacts:
            artifact.write(self.path)
        self._write_diagnosis(trained.diagnosis, trained.cause, trained.floor)
        write_json(self.path / "metrics.json", trained.metrics)
        write_text(self.path / "report.html", self._page())
        self.put_state_away()

    def has(self, name: str) -> bool:
        """Whether there is a table of this name."""
        return (self.path / f"{name}.csv").is_file()

    def table(self, name: str) -> "pd.DataFrame":
        """A table by its name, such as `"history"`.

        Raises:
            DataError: it is not there, or cannot be read.
        """
        import pandas as pd

        path = self.path / f"{name}.csv"
        try:
            frame = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise DataError(f"run: {path} cannot be read as a table ({error}). Was the run finished?") from error
        if "gate" in frame:  # empty where a cell has none
            frame["gate"] = frame["gate"].astype(object).where(frame["gate"].notna(), "")
        return frame

    @property
    def steps(self) -> "pd.DataFrame":
        """`GradientHealth.steps`; derived from the gradients for a run of version 0.1, which has no `steps.csv`."""
        if self.has("steps"):
            return self.table("steps")
        norms = self.table("gradients").set_index("step")[["norm_before", "norm_after"]]
        steps = norms.pow(2).groupby("step").sum(min_count=1).pow(0.5).reset_index()
        before, after = steps["norm_before"], steps["norm_after"]
        return steps.assign(
            threshold=float("nan"),
            clipped=(after > 0) & (after < LESS * before),
            status=(after > 0).where(before != 0, True).map({True: "taken", False: "nonfinite"}),
        )

    @property
    def diagnosis(self) -> tuple[dict[str, "pd.DataFrame"], dict[str, Any]]:
        """The tables of the run's `Diagnosis` by name; and its `verdict` and `cure`, or why it is `missing`.

        Both are empty where nothing was written.
        """
        saved = [self.path / DIAGNOSIS / name for name in (CONCLUSION, OLD_CONCLUSION)]
        files = sorted((self.path / DIAGNOSIS).glob("*.csv"))
        tables = {file.stem: self.table(f"{DIAGNOSIS}/{file.stem}") for file in files}
        return tables, next((read_json(file) for file in saved if file.is_file()), {})

    def write_report(self, out: str | Path | None = None) -> Path:
        """Writes the run's page from what is in the folder, and says where.

        Args:
            out: the file; None is `report.html` in the folder.

        Raises:
            ArgumentError: `out` cannot be written.
            DataError: the run is not complete.
        """
        self.expect_finished()
        return write_page(Path(out) if out else self.path / "report.html", self._page())

    def put_state_away(self) -> None:
        """Keeps the newest save, in `final_state`."""
        if not self.state.is_dir():
            return
        for old in sorted(self.state.glob("*.state"))[:-1]:
            old.unlink()
        shutil.rmtree(self.final_state, ignore_errors=True)
        self.state.replace(self.final_state)

    def _page(self) -> str:
        from rnnkit.study.run_page import run_page

        try:
            return run_page(self)
        except RnnkitError:
            raise
        except Exception as error:  # files that were changed by hand, in any way
            said = f"{type(error).__name__}: {error}"
            raise DataError(f"run: the files in {self.path} are inconsistent ({said}). Run it again.") from error

    def _write_diagnosis(self, diagnosis, cause=None, floor: str = "") -> None:
        from rnnkit.diagnosis.page import tables_of, words_of

        (self.path / DIAGNOSIS).mkdir(exist_ok=True)
        if isinstance(diagnosis, str):
            said = {"verdict": floor, "cure": None} if floor else {}
            write_json(self.path / DIAGNOSIS / CONCLUSION, {"missing": diagnosis, **said})
            return
        for name, frame in tables_of(diagnosis).items():
            frame.to_csv(self.path / DIAGNOSIS / f"{name}.csv", index=False)
        words = words_of(diagnosis, cause)
        verdict = "\n".join(each for each in (floor, words["verdict"]) if each)
        write_json(self.path / DIAGNOSIS / CONCLUSION, {**words, "verdict": verdict})


def own_folder(path: Path, worker: int) -> Path:
    """Where one of several workers keeps its state; the first one's folder is that of the run."""
    return path / f"worker-{worker}" if worker else path


def check_free(folder: Path) -> None:
    """Sees that a new run can be written into a folder.

    Raises:
        ArgumentError: there is a file, or a folder that holds something, besides the folders of other workers.
    """
    if folder.exists() and (not folder.is_dir() or {*folder.iterdir()} - {*folder.glob("worker-*")}):
        raise ArgumentError(f"out: {folder} exists already and is not overwritten. Name another folder.")


def _unused(config) -> Path:
    data = Path(config["data"]).name.split(".")[0]
    name = f"{config['task']}-{data}-{config['cell']}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = Path("runs") / name
    number = 2
    while folder.exists():
        folder = Path("runs") / f"{name}-{number}"
        number += 1
    return folder
