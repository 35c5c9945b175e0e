"""The data of each task: drawn from a setting's seed, with the faults that the setting asks for."""

from dataclasses import dataclass

import numpy as np

VALID = 400


@dataclass(frozen=True)
class Data:
    """Arrays for training and validation, and the skill that the best model has on them (see `training.skill`)."""

    x: np.ndarray
    y: np.ndarray
    x_valid: np.ndarray
    y_valid: np.ndarray
    best: float = 1.0


def make(setting) -> Data:
    """All of a setting's data, faults included."""
    rng = np.random.default_rng(setting.seed)
    x, y, best = TASKS[setting.task](rng, setting, setting.examples + VALID)
    x, y = _faults(rng, setting, x, y)
    n = setting.examples
    data = Data(x[:n], y[:n], x[n:], y[n:], best)
    if setting.scaled_target:
        finite = data.y[np.isfinite(data.y)]
        data = _moved(data, finite.mean(), finite.std())
    if setting.target_in_reach:
        data = _moved(data, data.y.min(), data.y.max() - data.y.min())
    return _without_broken(data) if setting.drop_broken else data


def _moved(data, start, unit):
    y, y_valid = (((each - start) / unit).astype("float32") for each in (data.y, data.y_valid))
    return Data(data.x, y, data.x_valid, y_valid, data.best)


def _without_broken(data):
    def kept(x, y):
        rows = np.isfinite(x).reshape(len(x), -1).all(1) & np.isfinite(y).reshape(len(y), -1).all(1)
        return x[rows], y[rows]

    return Data(*kept(data.x, data.y), *kept(data.x_valid, data.y_valid), data.best)


def _faults(rng, setting, x, y):
    if setting.order == "shuffled":  # targets of single steps go with their steps
        places = np.argsort(rng.random(x.shape[:2]), axis=1)
        x = np.take_along_axis(x, places[:, :, None], axis=1)
        y = np.take_along_axis(y, places[:, :, None], axis=1) if setting.task in EACH_STEP else y
    if setting.labels == "random":
        y = y[rng.permutation(len(y))]
    if setting.target == "thousands":
        y = rng.uniform(5e3, 5e4) + rng.uniform(1e3, 5e3) * y
    x = _units(rng, setting, x)
    if setting.broken == "few inputs":
        x = x.copy()
        x[: setting.examples : setting.examples // 3, -1, 0] = np.nan
    elif setting.broken:
        rows, bad = rng.random(len(x)) < 0.1, np.inf if "infinite" in setting.broken else np.nan
        x, y = x.copy(), y.copy()
        if "inputs" in setting.broken:
            x[rows, rng.integers(setting.length, size=rows.sum()), 0] = bad
        else:
            y[rows] = bad
    return (x if setting.task in TEXTS else x.astype("float32")), y.astype("float32")


def _units(rng, setting, x):
    if setting.inputs == "thousands":
        return rng.uniform(5e3, 5e4) + rng.uniform(1e3, 5e3) * x
    if setting.inputs == "mixed":  # the first is large, the second small, others anything
        size = 10.0 ** rng.uniform(-2, 5, size=x.shape[-1])
        size[0], size[1] = 10 ** rng.uniform(3.5, 6), 10 ** rng.uniform(-2.5, -1.5)
        return size * (x + rng.uniform(3, 6, size=x.shape[-1]))
    if setting.inputs == "unit":
        return np.clip(0.5 + x / 6, 0, 1)
    return x


def _waves(rng, setting, n, length):
    """Two sine waves of random phases, (n, length), with deviation near 1."""
    t, periods = np.arange(length), (rng.uniform(8, 14), rng.uniform(18, 40))
    first, second = (np.sin(2 * np.pi * (t / p + rng.random((n, 1)))) for p in periods)
    return first + second


def _slow(rng, n, length, phi=0.8):
    """AR(1) processes of deviation 1, (n, length)."""
    noise, out = rng.normal(size=(n, length)), np.empty((n, length))
    out[:, 0] = noise[:, 0]
    for step in range(1, length):
        out[:, step] = phi * out[:, step - 1] + np.sqrt(1 - phi**2) * noise[:, step]
    return out


def forecast(rng, setting, n):
    """The next value of the first feature, plus half the mean of the second over five steps."""
    waves = _waves(rng, setting, n, setting.length + 1)
    others = np.stack([_slow(rng, n, setting.length) for _ in range(setting.features - 1)], -1)
    x = np.concatenate([waves[:, :-1, None] + 0.05 * rng.normal(size=(n, setting.length, 1)), others], -1)
    y = waves[:, -1:] + (0.5 * others[:, -5:, 0].mean(1, keepdims=True) if setting.features > 1 else 0)
    return x, y / y.std(), 1.0


def horizon(rng, setting, n):
    """The next quarter of the first feature's values, one a step; other features add a shift to it."""
    steps = horizon_steps(setting)
    waves = _waves(rng, setting, n, setting.length + steps)
    others = np.stack([_slow(rng, n, setting.length) for _ in range(setting.features - 1)], -1)
    x = np.concatenate([waves[:, : setting.length, None], others], -1)
    return x, waves[:, setting.length :, None] + 0.5 * others[:, -1:, :1], 1.0


def horizon_steps(setting) -> int:
    return max(3, setting.length // 4)


def tags(rng, setting, n):
    """A class for each step: whether a fading sum of the first two features is positive."""
    x = rng.normal(size=(n, setting.length, setting.features))
    total, sums = np.zeros(n), []
    for step in range(setting.length):
        total = 0.8 * total + x[:, step, 0] - x[:, step, 1]
        sums.append(total)
    return x, (np.stack(sums, 1) > 0)[..., None].astype(float), 1.0


def recall(rng, setting, n):
    """The value of the first feature at the first step, with noise behind it."""
    x = 0.5 * rng.normal(size=(n, setting.length, setting.features))
    x[:, 0, 0] = rng.choice([-1.0, 1.0], size=n)
    return x, x[:, 0, :1].copy(), 1.0


def recall_all(rng, setting, n):
    """All values of the first step, as many targets as features."""
    x = 0.3 * rng.normal(size=(n, setting.length, setting.features))
    x[:, 0] = rng.choice([-1.0, 1.0], size=(n, setting.features))
    return x, x[:, 0].copy(), 1.0


def recall_steps(rng, setting, n):
    """For an encoder-decoder: the first three steps' values, in order."""
    x = 0.3 * rng.normal(size=(n, setting.length, setting.features))
    steps = horizon_steps(setting)
    x[:, 0, 0] = rng.choice([-1.0, 1.0], size=n)
    return x, x[:, :1, :1] * np.sign(np.cos(np.arange(steps)))[:, None], 1.0


def ar1(rng, setting, n):
    """The next value of an AR(1) process: no model explains more than phi squared."""
    phi = rng.uniform(0.75, 0.95)
    walk = _slow(rng, n, setting.length + 50 + 1, phi)[:, 50:]
    return walk[:, :-1, None], walk[:, -1:], phi**2


def noisy(rng, setting, n):
    """About half of the target's variance is noise."""
    x, y, _ = forecast(rng, setting, n)
    best = rng.uniform(0.4, 0.6)
    return x, np.sqrt(best) * y + np.sqrt(1 - best) * rng.normal(size=y.shape), best


def noisy_horizon(rng, setting, n):
    """The next values, half of whose variance is noise."""
    x, y, _ = horizon(rng, setting, n)
    return x, y + y.std() * rng.normal(size=y.shape), 0.5


def noisy_tags(rng, setting, n):
    """Of the classes of `tags`, 15 % turned round."""
    x, y, _ = tags(rng, setting, n)
    return x, np.where(rng.random(y.shape) < 0.15, 1 - y, y), 0.39


def short(rng, setting, n):
    """What the last two steps say, at the end of a long sequence."""
    x = rng.normal(size=(n, setting.length, setting.features))
    return x, x[:, -1:, 0] - 0.5 * x[:, -2:-1, 1], 1.0


def short_tags(rng, setting, n):
    """A class for each step, from that step and the one before."""
    x = rng.normal(size=(n, setting.length, setting.features))
    before = np.pad(x[:, :-1, 1], [(0, 0), (1, 0)])
    return x, (x[..., 0] + 0.7 * before > 0)[..., None].astype(float), 1.0


def walk(rng, setting, n):
    """The next value of a random walk: the last value is the best forecast."""
    steps = rng.normal(size=(n, setting.length + 21)).cumsum(1)[:, 20:] / 6
    best = 1 - (1 / 36) / steps[:, -1].var()
    return steps[:, :-1, None], steps[:, -1:], best


def words(rng, setting, n):
    """Whether good or bad words prevail in a short text; 0 is padding, of which most of the length is made."""
    longest = max(6, setting.length // 4)
    lengths, ids = rng.integers(4, longest + 1, size=n), np.zeros((n, setting.length), "int32")
    for row, size in enumerate(lengths):
        text = rng.integers(1, 13, size=size)  # 1-3 are good, 4-6 bad, the others neutral
        text[rng.integers(size)] = rng.integers(1, 7)
        ids[row, :size] = text
    score = (ids < 4).sum(1) - (ids == 0).sum(1) - ((ids > 3) & (ids < 7)).sum(1)
    ids[score == 0, 0] = 2  # a tie goes to the first word
    score = (ids < 4).sum(1) - (ids == 0).sum(1) - ((ids > 3) & (ids < 7)).sum(1)
    return _placed(setting, ids, lengths), (score > 0)[:, None].astype(float), 1.0


def readings(rng, setting, n):
    """Series of different lengths, padded with zeros: whether the sum of the first feature is positive."""
    longest = max(6, setting.length // 4)
    lengths = rng.integers(4, longest + 1, size=n)
    x = rng.normal(size=(n, setting.length, setting.features))
    x[np.arange(setting.length) >= lengths[:, None]] = 0
    y = (x[..., 0].sum(1) > 0)[:, None].astype(float)
    return _placed(setting, x, lengths), y, 1.0


def _placed(setting, rows, lengths):
    """What stands at the start of each row, moved to its end for padding in front."""
    if setting.padding == "post":
        return rows
    return np.stack([np.roll(row, len(row) - size, axis=0) for row, size in zip(rows, lengths, strict=True)])


def many_words(rng, setting, n):
    """Texts without padding, most of their words rare and without meaning: easily learned by heart."""
    ids = rng.integers(21, 1500, size=(n, setting.length))
    places = rng.random(ids.shape) < 0.25
    good = rng.integers(2, size=n)
    tilt = np.where(rng.random(ids.shape) < 0.8, good[:, None], 1 - good[:, None])
    ids[places] = (1 + 10 * tilt + rng.integers(10, size=ids.shape))[places]
    score = ((ids <= 10).sum(1) < ((ids > 10) & (ids <= 20)).sum(1)).astype(float)
    return ids.astype("int32"), score[:, None], 1.0


TASKS = {
    "forecast": forecast,
    "horizon": horizon,
    "tags": tags,
    "recall": recall,
    "recall all": recall_all,
    "recall steps": recall_steps,
    "ar1": ar1,
    "noisy": noisy,
    "noisy horizon": noisy_horizon,
    "noisy tags": noisy_tags,
    "short": short,
    "short tags": short_tags,
    "walk": walk,
    "words": words,
    "readings": readings,
    "many words": many_words,
}
TEXTS = ("words", "many words")
EACH_STEP = ("tags", "noisy tags", "short tags")
CLASSES = (*EACH_STEP, *TEXTS, "readings")
