"""Whether a saved training and the one that wants to go on with it are the same: model, data and options."""

import json
import zlib

from rnnkit.errors import ResumeError

SHOWN = 3  # differences that an error names


def described(model, data: dict, epochs: int, callbacks) -> dict:
    """What must be the same, as plain values; the learning rate is not among it, as it may move while training."""
    options = model.optimizer.get_config()
    moving = () if isinstance(options.get("learning_rate"), dict) else ("learning_rate",)
    kept = {name: str(options[name]) for name in sorted(options) if name not in ("name", *moving)}
    loss = model.loss
    learned = json.dumps(model.get_build_config(), default=str)  # with the vocabulary of a task
    return {
        "epochs": epochs,
        "data": data,
        "model": [f"{each.name} {tuple(each.shape)} {each.dtype}" for each in model.variables],
        "build config": zlib.crc32(learned.encode()),
        "optimizer": {"class": type(model.optimizer).__name__, **kept, "variables": len(model.optimizer.variables)},
        "loss": str(getattr(loss, "name", None) or getattr(loss, "__name__", None) or loss),
        "callbacks": [type(each).__name__ for each in callbacks],
    }


def check_same(saved: dict, now: dict, folder) -> None:
    """Compares what `described` gave in two processes.

    Raises:
        ResumeError: they differ; the message says in what.
    """
    found = _differences(saved, now)
    if found:
        more = f" (and {len(found) - SHOWN} more)" if len(found) > SHOWN else ""
        raise ResumeError(
            f"directory: {folder} holds another training: {'; '.join(found[:SHOWN])}{more}. Start it as it was, or "
            "name another folder."
        )


def _differences(saved, now, name: str = "") -> list[str]:
    """In words, where two trees of plain values are not the same."""
    if saved == now:
        return []
    if isinstance(saved, dict) and isinstance(now, dict):
        names = dict.fromkeys([*saved, *now])
        parts = (_differences(saved.get(each), now.get(each), f"{name} {each}".strip()) for each in names)
        return [line for part in parts for line in part]
    if isinstance(saved, list) and isinstance(now, list) and len(saved) == len(now):
        pairs = zip(saved, now, strict=True)
        return [line for pair in pairs for line in _differences(*pair, name)]
    return [f"{name} was {_short(saved)}, is {_short(now)}"]


def _short(value) -> str:
    text = f"{len(value)} of them" if isinstance(value, list) and len(value) > 8 else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
