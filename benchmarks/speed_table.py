"""The table of `speed.py`."""

import statistics

AS_MUCH = 0.9  # of what the other side has learned


def show(found):
    """Prints one row per pair.

    Args:
        found: name -> what `measure` or `peak` found, or why it was skipped.
    """
    columns = ("fit", "CPU time", "inference", "loss: theirs, ours", "start: theirs, ours", "kernels")
    print(f"{'':<52}" + "".join(f"{name:<22}" for name in columns))
    for name, pair in found.items():
        print(f"{' | '.join(name.split(' | ')[:3]):<52}{row(pair)}")


def row(pair):
    """What is said of one pair."""
    if "skipped" in pair:
        return f"skipped: {pair['skipped']}"
    if "peak" in pair:
        return f"peak memory {pair['peak']:.0f} MB"
    if "fit" not in pair["ours"]:
        return f"inference {ratio(pair, 'predict', 0)}"
    losses = [pair[side]["loss"] for side in ("theirs", "ours")]
    if not alike(losses, pair["chance"]):
        told = ", ".join(f"{loss:.4f}" for loss in losses)
        return f"no ratio: the losses differ: {told}; by chance {pair['chance']:.4f}"
    cells = [ratio(pair, "fit", 0), ratio(pair, "fit", 1), ratio(pair, "predict", 0)]
    cells += [", ".join(f"{loss:.4f}" for loss in losses)]
    cells += [", ".join(f"{start(pair[side]):.1f} s" for side in ("theirs", "ours"))]
    cells += [" / ".join(pair[side]["kernel"] for side in ("theirs", "ours"))]
    return "".join(f"{cell:<22}" for cell in cells).rstrip()


def alike(losses, chance):
    """Whether both sides have learned, and neither less than nine tenths of what the other has."""
    learned = [chance - loss for loss in losses]
    return all(each > 0 for each in learned) and min(learned) >= AS_MUCH * max(learned)  # NaN is not above 0


def ratio(pair, what, clock):
    """The seconds of the other side by ours, round by round: median, lowest and highest."""
    rounds = zip(pair["theirs"][what], pair["ours"][what], strict=True)
    ratios = sorted(theirs[clock] / ours[clock] for theirs, ours in rounds)
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def start(side):
    """Wall seconds of the first epoch beyond the others."""
    return side["first"][0] - statistics.median(seconds for seconds, _ in side["fit"])
