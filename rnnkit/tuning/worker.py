"""A worker of a search that several processes share: `python -m rnnkit.tuning.worker JOB PARENT`."""

import pickle
import sys
from pathlib import Path


def main(job: Path, parent: int) -> None:
    """Runs trials as long as the chief has some; ends when its parent does."""
    from rnnkit.tuning.processes import end_with
    from rnnkit.tuning.tuners import make_tuner

    end_with(parent)
    settings, minutes, isolated, fit_args, fit_kwargs = pickle.loads(job.read_bytes())
    tuner = make_tuner(**settings)
    tuner.minutes, tuner.isolated = minutes, isolated
    tuner.search(*fit_args, **fit_kwargs)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
