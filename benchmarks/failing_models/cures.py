"""How each cure that a diagnosis may name is applied to a setting. One that is not here heals nothing."""

import re


def _number(line, otherwise):
    """The number in a cure's line of code, such as a learning rate."""
    found = re.findall(r"(?<![\w.])\d+\.?\d*(?:e[-+]?\d+)?", line)
    return float(found[-1]) if found else otherwise


def _rate(factor):
    return lambda setting, line: setting.but(rate=_number(line, setting.rate * factor))


def _always(**changes):
    return lambda setting, line: setting.but(**changes)


def _gated(setting, line):
    cell = "LSTM" if "LSTM" in line else "GRU"
    kernel = "chrono" if "Chrono" in line or not line else "default"
    return setting.but(cell=cell, kernel=kernel, lag=int(_number(line, 0)), activation="tanh")


def _chrono(setting, line):
    return setting.but(kernel="chrono", lag=int(_number(line, 0)), bias=0.0, one_holds=False)


def _orthogonal(setting, line):
    return setting.but(kernel="narrow", gain=1.0)


def _open(setting, line):
    return setting.but(between="relu" if setting.between == "dead relu" else "")


CURES = {
    "normalization": _always(normalization="features"),
    "layer normalisation": _always(normalization="steps"),
    "rescaling": lambda setting, line: setting.but(rescaled=_number(line, 0.1)),
    "scale the target": _always(scaled_target=True),
    "target into reach": _always(target_in_reach=True),
    "linear output": _always(answers=""),
    "drop broken rows": _always(drop_broken=True),
    "guard": _always(guarded=True),
    "loss with a derivative": _always(loss="plain"),
    "tanh": _always(activation="tanh"),
    "relu": _always(activation="relu", kernel="narrow", gain=1.0),
    "open the path": _open,
    "lower learning rate": _rate(0.1),
    "higher learning rate": _rate(10),
    "clipping": lambda setting, line: setting.but(clip=_number(line, 1.0)),
    "spectral cap": _always(penalty="spectral cap"),
    "soft orthogonality": _always(penalty="soft orthogonality"),
    "L2 penalty": _always(penalty="l2"),
    "no penalty": _always(penalty=""),
    "orthogonal initialiser": _orthogonal,
    "fresh weights": _always(kernel="default", gain=1.0),
    "gated cell": _gated,
    "chrono initialisation": _chrono,
    "bias initializer": _always(bias=0.0, one_holds=False),
    "residual and layer normalisation": _always(residual=True),
    "fewer layers": _always(layers=1),
    "read the last state": _always(head="last"),
    "padding in front": _always(padding="pre"),
    "mask": _always(mask="kept"),
    "sort by time": _always(order="time"),
    "lower dropout": lambda setting, line: setting.but(dropout=_number(line, 0.1)),
    "dropout": lambda setting, line: setting.but(dropout=_number(line, 0.3)),
    "early stopping": _always(stop_early=True),
    "more units": lambda setting, line: setting.but(units=int(_number(line, 2 * setting.units))),
    "more data": lambda setting, line: setting.but(examples=4 * setting.examples),
}


def apply(name, setting, line=""):
    """The setting with a cure; None if it is not known, or changes nothing."""
    changed = CURES[name](setting, line) if name in CURES else setting
    return None if changed == setting else changed
