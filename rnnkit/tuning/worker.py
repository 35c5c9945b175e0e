"""A worker of a search that several processes share: `python -m rnnkit.tuning.worker PARENT`."""

import sys

from rnnkit.tuning.full_disk import told_by_exit_code


def main(parent: int) -> None:
    """Runs trials as long as the chief has some; ends when its parent does."""
    from rnnkit.tuning.processes import end_with, taken_job
    from rnnkit.tuning.tuners import make_tuner

    end_with(parent)
    settings, minutes, isolated, fit_args, fit_kwargs = taken_job()
    tuner = make_tuner(**settings)
    tuner.minutes, tuner.isolated = minutes, isolated
    tuner.search(*fit_args, **fit_kwargs)


if __name__ == "__main__":
    with told_by_exit_code():
        main(int(sys.argv[1]))
