"""Two ways of training the same thing, measured in turns: what the speed benchmarks share.

A side has a `name`, an `epoch(number)` that trains one epoch and returns its logs, and `steps`: how many, padding and
text together, go through its recurrent layer per epoch.
"""

import statistics
import time


def compare(sides, sentences, repeats):
    """Epochs in turns, the first of each side not counted, since it compiles; a list of results, one a side."""
    seconds = [[] for _ in sides]
    for number in range(repeats + 1):
        for side, times in zip(sides, seconds, strict=True):
            start = time.perf_counter()
            logs = side.epoch(number)
            times.append(time.perf_counter() - start)
            side.loss = logs["loss"][-1]
    rates = [[sentences / value for value in times[1:]] for times in seconds]
    return [
        {"side": side.name, "sentences_per_second": rate, "steps": side.steps, "loss": side.loss}
        for side, rate in zip(sides, rates, strict=True)
    ]


def show(results):
    """Prints the sides, and the ratio of each to the first, round by round."""
    first = results[0]["sentences_per_second"]
    for result in results:
        rates = result["sentences_per_second"]
        ratios = sorted(ours / theirs for ours, theirs in zip(rates, first, strict=True))
        middle, best = statistics.median(ratios), max(rates) / max(first)
        print(
            f"{result['side']:<40} {statistics.median(rates):8.0f} sentences/s {result['steps']:>8} steps"
            f"  loss {result['loss']:7.3f}  ratio {middle:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}; best {best:.2f})"
        )
    print(flush=True)
