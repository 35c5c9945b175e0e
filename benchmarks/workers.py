"""What a training by several workers costs: bytes and milliseconds a step, and what follows for more workers.

    python benchmarks/workers.py                 # 1, 2 and 4 processes on this machine; a table of more, calculated
    python benchmarks/workers.py --speed 2       # 2 processes on 2 cores against 1 on 1, twice; 3 minutes when quiet
    python benchmarks/workers.py --check 3       # every task: 3 processes give the numbers of 1
    python benchmarks/workers.py --encoding      # what it takes to encode a training set, which each worker does
    python benchmarks/workers.py --drift         # how far rounding leads two processes from one in twelve epochs

Bytes are those of the loopback interface, so nothing else should use it. Each process has one core; read the
milliseconds of more processes than cores as an upper bound.
"""

import argparse
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PAIR = ROOT / "tests" / "rnnkit" / "workers_pair.py"
TASKS = ("sentiment", "ner", "music", "translation", "memory", "language model", "forecasting")
MANY = (8, 64, 1024)
STARTED: list[subprocess.Popen] = []
LIMIT = 280  # seconds of any process


def addresses(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    names = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    return ",".join(names)


def started(command, count):
    """`count` processes that run `command(worker, addresses)`."""
    names = addresses(count)
    found = [subprocess.Popen(command(number, names), stdout=-1, stderr=-1, text=True) for number in range(count)]
    STARTED.extend(found)
    return found


def end_all(*_) -> None:
    """Leaves no process behind."""
    for each in STARTED:
        each.kill()


def ended(processes, limit=LIMIT):
    """The last line of each; all of them have to end well, and where one does not the others are ended."""
    until = time.monotonic() + limit
    with ThreadPoolExecutor(len(processes)) as pool:
        outputs = [pool.submit(each.communicate) for each in processes]
        while None in (codes := [each.poll() for each in processes]) and not any(codes) and time.monotonic() < until:
            time.sleep(0.1)
        for each in processes:
            each.kill()
    told = [each.result() for each in outputs]
    if any(codes) or None in codes:
        errors = [f"ended with {code}: {error[-2000:]}" for code, (_, error) in zip(codes, told, strict=True)]
        raise SystemExit("\n".join(errors))
    return [out.splitlines()[-1] if out.strip() else "" for out, _ in told]


# ---- bytes and milliseconds ----


def measured(data: str, count: int, steps: int, guarded: bool = True) -> dict:
    """What `workers_step.py` of the first of several workers has measured."""
    own = [data, str(steps), *(["--guarded"] if guarded else [])]
    command = [sys.executable, str(Path(__file__).with_name("workers_step.py"))]
    return json.loads(ended(started(lambda number, names: [*command, str(number), names, *own], count))[0])


def per_worker(count: int, dense: float, embedding: float, rows: float) -> float:
    """Bytes that a worker sends in a step by a ring: dense gradients, and embedding rows or, where less, all rows."""
    reduced = 2 * (count - 1) / count
    return reduced * dense + min((count - 1) * rows, reduced * embedding)


def table() -> None:
    found = {}
    print("measured on SST-2, 32 texts per worker: workers, guard, ms per step, KB per step and worker")
    for count, guarded in [(1, True), (2, False), (2, True), (4, True)]:
        found[count, guarded] = each = measured("SST-2", count, 60, guarded)
        print(f"{count:3} {guarded!s:5} {each['ms']:8.1f} {each['bytes'] / 1e3:10.1f}", flush=True)
    sizes, computing = [found[2, True][name] for name in ("dense", "embedding")], found[1, True]["ms"]
    rows = np.mean([(found[n, True]["bytes"] - 2 * (n - 1) / n * sizes[0]) / (n - 1) for n in (2, 4)])
    hop = max(found[2, True]["ms"] - computing, 0) / 2  # of a ring of two, all collectives of a step together
    print(f"fitted: dense {sizes[0] / 1e3:.0f} KB, rows of a worker {rows / 1e3:.0f} KB, {hop:.2f} ms a hop of a ring")
    for count in (2, 4):
        print(f"  model at {count}: {per_worker(count, *sizes, rows) / 1e3:.1f} KB per step and worker")
    print("calculated: workers, MB a step and worker, ms a step on 10 Gbit/s, on 100 Gbit/s, and of that latency")
    for count in MANY:
        total, latency = per_worker(count, *sizes, rows), 2 * (count - 1) * hop
        ms = [computing + latency + total * 8 / speed / 1e6 for speed in (10, 100)]
        print(f"{count:5} {total / 1e6:8.2f} {ms[0]:10.0f} {ms[1]:10.0f} {latency:10.0f}")


def speed(times: int) -> None:
    """Two processes on two cores against one process on one, by turns; on a machine that does nothing else."""
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    for data, steps in (("IMDB", 40), ("SST-2", 150)):
        one, two = zip(*[[measured(data, count, steps)["ms"] for count in (1, 2)] for _ in range(times)], strict=True)
        factor = 2 * np.median(one) / np.median(two)
        print(f"{data:6} 1 process {np.median(one):7.1f} ms a step, 2 {np.median(two):7.1f} ms: ", end="")
        print(f"{factor:.2f}x as many texts a second, {times} runs each", flush=True)


def encoding(count: int = 25_000) -> None:
    """Seconds in which one process encodes as many texts as IMDB has to train on, and as SST-2 has."""
    from workers_step import WORDS, texts

    import rnnkit

    model = rnnkit.SentimentClassifier(units=4)
    model.adapt([" ".join(f"w{word}" for word in range(WORDS))] * 2, [0, 1])
    for data in ("IMDB", "SST-2"):
        given = model.read(*texts(data, count))
        begun = time.perf_counter()
        model.encode(given)
        print(f"{data:6} {count} texts encoded in {time.perf_counter() - begun:.1f} s", flush=True)


# ---- the numbers of one process ----


def check(count: int) -> None:
    """Every task with this number of workers against one process."""
    with tempfile.TemporaryDirectory() as folder:
        told = ended(
            started(lambda number, names: [sys.executable, PAIR, str(number), names, folder, *TASKS], count), limit=600
        )
    found = [json.loads(line) for line in told]
    for task in TASKS:
        several, one = found[0][task]
        encoded = [each[task][0].pop("encoded") for each in found]
        same = all(json.dumps(each[task][0]) == json.dumps(several) for each in found)
        weights, predicted = (apart(several[name], one[name]) for name in ("weights", "predicted"))
        names = ("norm_before", "norm_after", "loss", "update_ratio")
        records = furthest([(one["steps"][name], several["steps"][name]) for name in names])
        alike = all(several["steps"][name] == one["steps"][name] for name in ("clipped", "status"))
        clipped = f"{sum(one['steps']['clipped'])} of {len(one['steps']['step'])} clipped"
        print(f"{task:12} weights {weights:.1e}, records {records:.1e} relative, {clipped}, ", end="")
        print(f"decisions equal: {alike}, all workers alike: {same}, {found[0]['messages'][task]} messages a step")
        measured = apart(several["evaluated"].values(), one["evaluated"].values())
        print(f"{'':12} evaluate {measured:.1e}, predict {predicted:.1e}, rows encoded {encoded}", flush=True)


def drift() -> None:
    """How far twelve epochs lead two workers from one process, and one process from one that starts a rounding away."""
    with tempfile.TemporaryDirectory() as folder:
        told = ended(started(lambda number, names: [sys.executable, PAIR, str(number), names, folder, "drift"], 2))
    two, one, nudged = json.loads(told[0])["drift"]
    for name, other in {"two workers and one process": two, "one process and one nudged": nudged}.items():
        logs = [
            (one["history"][each], other["history"][each]) for each in ("loss", "val_loss") if each in one["history"]
        ]
        records = [(one["steps"][each], other["steps"][each]) for each in ("norm_before", "norm_after", "loss")]
        print(f"{name}: logs {furthest(logs):.1e}, records {furthest(records):.1e} relative", flush=True)


def apart(several, one) -> float:
    """The largest difference of arrays."""
    return max(np.abs(np.subtract(a, b)).max() for a, b in zip(several, one, strict=True))


def furthest(pairs) -> float:
    """The largest relative difference of two arrays, over pairs of them."""
    return max(np.nanmax(np.abs(np.subtract(a, b) / np.abs(a))) for a, b in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", type=int, metavar="WORKERS")
    parser.add_argument("--drift", action="store_true")
    parser.add_argument("--encoding", action="store_true")
    parser.add_argument("--speed", type=int, metavar="TIMES")
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    atexit.register(end_all)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if given.speed:
        speed(given.speed)
    elif given.check:
        check(given.check)
    elif given.drift:
        drift()
    elif given.encoding:
        encoding()
    else:
        table()


if __name__ == "__main__":
    main()
