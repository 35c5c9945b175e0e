"""Workers that train together are killed at random moments and resumed: how often is the run as if it never was?

    python benchmarks/worker_kills.py --kills 10
    python benchmarks/worker_kills.py --kills 3 --workers 3
    python benchmarks/worker_kills.py --kills 3 --seed 1 --folder kills   # the run never killed is kept there

A small run of `rnnkit run sentiment` on generated texts, by processes on this machine, without dropout, which differs
from process to process. Any of them, the first one too, gets SIGKILL, SIGSTOP or SIGTERM at a moment drawn at random
from the time that a whole run takes after its first save, and a third more. Then the others have to end within 30
seconds, each with one line that has the command to resume. All are resumed with these commands, and the history and
the gradient records are compared, byte for byte, with those of a run that was never killed. (Two columns of the history
are left out: the diagnosis chooses its epochs by the clock.) At last a worker comes back with another seed, and has to
be refused.
"""

import argparse
import atexit
import json
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

RNNKIT = [sys.executable, "-c", "from rnnkit.cli import main; main()"]
OPTIONS = shlex.split("--cell gru --units 4 --epochs 6 --device cpu --set dropout=0 --set word_dropout=0")
BY_THE_CLOCK = ("gain_min", "horizon_min")
SIGNALS = {signal.SIGKILL: -9, signal.SIGSTOP: -9, signal.SIGTERM: 143}  # and how the struck process ends
LIMIT = 30  # seconds until the others have ended
PATIENCE = 240  # seconds of any process
STARTED: list[subprocess.Popen] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of workers, signals and moments")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    atexit.register(lambda: [each.kill() for each in STARTED])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder:
        whole = (options.folder or Path(folder)).absolute()
        prepare(whole, options.workers)
        survived = kill(whole, Path(folder), options.kills, options.workers, random.Random(options.seed))
    print(f"survived {survived} of {options.kills}")
    sys.exit(survived < options.kills)


def prepare(folder: Path, workers: int) -> None:
    """The data, and the run that is never killed, compared with that of one process; where they are not there yet."""
    if (folder / "one" / "report.html").exists():
        return
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    rows = [f"{'good' if label else 'bad'} film {rng.integers(99)} with a plot,{label}" for label in [0, 1] * 300]
    (folder / "reviews.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    for name, count in {"whole": workers, "one": 1}.items():
        expect_ended(begin(folder / "reviews.csv", folder / name, count))
    for file, columns in {"history": ["loss", "val_loss"], "gradients": ["norm_before", "norm_after"]}.items():
        a, b = (pd.read_csv(folder / name / f"{file}.csv")[columns] for name in ("whole", "one"))
        print(f"workers and one process: {file}.csv differs by up to {((a - b).abs() / b.abs()).max().max():.1e}")


def kill(given: Path, folder: Path, kills: int, workers: int, chance: random.Random) -> int:
    """How many kills a run survived with nothing lost."""
    data, whole, survived = given / "reviews.csv", results(given / "whole"), 0
    length = 4 / 3 * json.loads((given / "whole" / "metrics.json").read_text(encoding="utf-8"))["seconds"]
    for number in range(kills):
        out = folder / str(number)
        how, victim, moment = chance.choice(list(SIGNALS)), chance.randrange(workers), chance.uniform(0, length)
        processes = begin(data, out, workers)
        wait_for_saves(out, processes)
        time.sleep(moment)
        trouble, lines, seconds = strike(processes, victim, how)
        if lines and not trouble:
            expect_ended([started([*RNNKIT, *line[1:]]) for line in lines])
        lost = [] if trouble else [name for name, value in results(out).items() if value != whole[name]]
        good = not trouble and not lost
        survived += good
        after = f"the others ended after {seconds:4.1f} s" if lines else "the run was finished"
        told = "survived" if good else f"lost: {lost} {trouble}"
        print(f"{number + 1:>3}  {how.name} of worker {victim} at {moment:4.1f} s: {after}; {told}", flush=True)
    print(f"with another seed: {differing(data, folder / 'other', workers)}", flush=True)
    return survived


def started(command: list[str]) -> subprocess.Popen:
    STARTED.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    return STARTED[-1]


def begin(data: Path, out: Path, workers: int) -> list[subprocess.Popen]:
    """A new run by this many workers, or by one process without others."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    names = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    for each in sockets:
        each.close()
    run = [*RNNKIT, "run", "sentiment", "--data", str(data), *OPTIONS, "--out", str(out)]
    if workers == 1:
        return [started(run)]
    return [started([*run, "--workers", names, "--worker", str(number)]) for number in range(workers)]


def wait_for_saves(out: Path, processes: list[subprocess.Popen]) -> None:
    """Until each worker has saved its state once."""
    folders = [out / "state", *(out / f"worker-{number}" / "state" for number in range(1, len(processes)))]
    while not all(any(each.glob("*.state")) for each in folders):
        if any(each.poll() is not None for each in processes):
            expect_ended(processes)
        time.sleep(0.05)


def expect_ended(processes: list[subprocess.Popen]) -> None:
    told = [each.communicate(timeout=PATIENCE)[1] for each in processes]
    if any(each.returncode for each in processes):
        raise SystemExit("\n".join(f"{each.returncode}: {line}" for each, line in zip(processes, told, strict=True)))


def strike(processes, victim: int, how: signal.Signals) -> tuple[list[str], list[list[str]], float]:
    """Sends one worker a signal, and sees how all end.

    Returns:
        What is wrong with that; the commands that resume them, none where the run was finished; and seconds.
    """
    processes[victim].send_signal(how)
    begun, trouble = time.monotonic(), []
    for number, each in enumerate(processes):
        if number != victim:
            try:
                each.wait(max(LIMIT - (time.monotonic() - begun), 0))
            except subprocess.TimeoutExpired:
                trouble.append(f"worker {number} did not end")
                each.kill()
    seconds = time.monotonic() - begun
    if how == signal.SIGSTOP:
        processes[victim].kill()
    told = [each.communicate(timeout=LIMIT)[1].strip() for each in processes]
    others = [each.returncode for number, each in enumerate(processes) if number != victim]
    if processes[0].returncode == 0 or not any(others):  # the results are written
        return trouble, [], seconds
    lines = []
    for number, (each, text) in enumerate(zip(processes, told, strict=True)):
        found = re.fullmatch(r".*with: (rnnkit run --resume (\S+) .*)", text)
        expected = SIGNALS[how] if number == victim else 2
        if each.returncode != expected or (expected > 0 and not found):
            trouble.append(f"worker {number} ended with {each.returncode} and {text!r}")
        lines.append(shlex.split(found[1]) if found else [])
    folder = next((line[3] for line in lines if line), "")
    lines[victim] = lines[victim] or ["rnnkit", "run", "--resume", folder, "--worker", str(victim)]
    return trouble, lines, seconds


def results(out: Path) -> dict[str, str]:
    history = pd.read_csv(out / "history.csv")
    return {
        "history": history[[name for name in history if name not in BY_THE_CLOCK]].to_csv(),
        "gradients": (out / "gradients.csv").read_text(encoding="utf-8"),
    }


def differing(data: Path, out: Path, workers: int) -> str:
    """What the first worker says to one that comes back with another seed."""
    processes = begin(data, out, workers)
    wait_for_saves(out, processes)
    strike(processes, workers - 1, signal.SIGKILL)
    file = out / f"worker-{workers - 1}" / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), "seed": 1}), encoding="utf-8")
    run = [*RNNKIT, "run", "--resume", str(out), "--worker"]
    back = [started([*run, str(number)]) for number in range(workers)]
    return next(each.communicate(timeout=PATIENCE)[1].strip() for each in back)


if __name__ == "__main__":
    main()
