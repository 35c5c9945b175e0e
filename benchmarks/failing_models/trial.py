"""One case of the trial: drawn, trained, diagnosed, and trained again with what the diagnosis names first."""

import time
import traceback
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

import rnnkit
from failing_models.cures import apply
from failing_models.further import FURTHER
from failing_models.healthy import HEALTHY
from failing_models.problems import PROBLEMS
from failing_models.training import train
from rnnkit import callbacks

GROUPS = {"problems": PROBLEMS, "further": FURTHER}
ALL = PROBLEMS | FURTHER
PROBE = 64  # validation examples that the diagnosis sees
DRAWINGS = 4  # at most, until a problem hurts
LEARNED = 0.6  # of the best skill, without the problem
HEALED = 0.8  # of what the problem cost
NEAR_BEST, LOST_AGAIN = 0.2, 0.03  # skill that a healthy model may lack, and may have lost since an earlier epoch

Case = tuple[int, str, str]  # seed, problem or "healthy", model shape or the healthy model's name
CASE = ("seed", "problem", "shape")
SKILLS = ("drawing", "clean", "skill", "best")
SAID = ("findings", "cure", "line", "next", "next_line", "unknown", "raised", "diagnosis_seconds")
JUDGED = ("named", "named_at_all", "cured", "healed", "next_cured", "next_heals", "has_cure", "alarm", "seconds")
COLUMNS = (*CASE, *SKILLS, *SAID, *JUDGED)


def cases(seeds, only=(), shapes=None) -> Iterator[Case]:
    """The trial's cases of some seeds, or only those of some problems: each on one shape, then on the next."""
    names = [name for each in only or ("problems",) for name in GROUPS.get(each, [each]) if name != "healthy"]
    wanted = {name: ALL[name].shapes[:shapes] for name in names}
    most = max(map(len, wanted.values()), default=0)
    for seed in seeds:
        for place in range(most):
            yield from ((seed, name, shapes[place]) for name, shapes in wanted.items() if place < len(shapes))
        yield from ((seed, "healthy", name) for name in HEALTHY if not only or "healthy" in only)


def one_core():
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.get_logger().setLevel("ERROR")


def examine(case: Case) -> dict:
    """The row of a case; one of which no drawing was what it should be has no results."""
    began = time.perf_counter()
    found = _examine_healthy(case) if case[1] == "healthy" else _examine_failing(case)
    row = dict.fromkeys(COLUMNS, "") | dict(zip(CASE, case, strict=True)) | found
    return row | {"seconds": round(time.perf_counter() - began, 1)}


def check(case: Case) -> str:
    """A line without any diagnosis: what a problem costs, and what its own cures bring back."""
    drawn = healthy(case) if case[1] == "healthy" else failing(case)
    if drawn is None:
        return f"{case}: NO DRAWING IS WHAT IT SHOULD BE"
    if case[1] == "healthy":
        drawing, trained, _ = drawn
        return f"{case} drawing {drawing}: skill {trained.skill:.2f} of {trained.best:.2f} ({trained.seconds:.0f} s)"
    drawing, setting, clean, injected, _ = drawn
    text = f"{case} drawing {drawing}: clean {clean.skill:.2f}, injected {injected.skill:.2f}"
    for name in ALL[case[1]].cures:
        cured = train(apply(name, setting)).skill
        text += f"; {name} {cured:.2f}, {'heals' if healed(clean.skill, injected.skill, cured) else 'HEALS NOT'}"
    return f"{text} ({clean.seconds:.0f} and {injected.seconds:.0f} s)"


def generator(case: Case, drawing: int):
    seed, *names = case
    return np.random.default_rng([seed, drawing, *(zlib.crc32(name.encode()) for name in names)])


def failing(case: Case):
    """The first drawing that hurts: its number, the injected setting, both trainings, and the records of the second."""
    problem = ALL[case[1]]
    for drawing in range(DRAWINGS):
        rng = generator(case, drawing)
        base = problem.base(rng, case[2])
        setting = problem.inject(rng, base)
        clean = train(base)
        if clean.skill < LEARNED * clean.best:
            continue
        health = callbacks.GradientHealth()
        injected = train(setting, [health])
        if clean.skill - injected.skill >= problem.gap:
            return drawing, setting, clean, injected, health
    return None


def healthy(case: Case):
    """The first drawing that is as good as it can be: its number, the training and its records."""
    for drawing in range(DRAWINGS):
        health = callbacks.GradientHealth()
        trained = train(HEALTHY[case[2]](generator(case, drawing)), [health])
        if trained.skill >= trained.best - NEAR_BEST and trained.lost_again <= LOST_AGAIN:
            return drawing, trained, health
    return None


def cell_of(case: Case, drawing: int) -> str:
    rng, problem = generator(case, drawing), ALL[case[1]]
    return problem.inject(rng, problem.base(rng, case[2])).cell


def healed(clean: float, injected: float, cured: float) -> bool:
    return cured >= injected + HEALED * (clean - injected)


def _examine_healthy(case):
    if (drawn := healthy(case)) is None:
        return {"drawing": DRAWINGS}
    drawing, trained, health = drawn
    found = diagnosis_of(trained, health)
    skills = {"drawing": drawing, "skill": round(trained.skill, 3), "best": round(trained.best, 3)}
    return {**skills, **found, "alarm": bool(found["findings"])}


def _examine_failing(case):
    if (drawn := failing(case)) is None:
        return {"drawing": DRAWINGS}
    drawing, setting, clean, injected, health = drawn
    problem, found = ALL[case[1]], diagnosis_of(injected, health)
    cured = _skill_with(found["cure"], setting, found["line"])
    first = healed(clean.skill, injected.skill, cured)
    if found["cure"] and not found["next"]:
        found["next"] = problem.rival
    second = _skill_with(found["next"], setting, found["next_line"]) if found["next"] else ""
    own = (_skill_with(name, setting) for name in problem.cures)
    names = found["findings"].split("|")
    skills = {"clean": clean.skill, "skill": injected.skill, "best": clean.best, "cured": cured}
    return {
        "drawing": drawing,
        **{name: round(skill, 3) for name, skill in skills.items()},
        **found,
        "named": names[0] in problem.named,
        "named_at_all": any(name in problem.named for name in names),
        "healed": first,
        "next_cured": second and round(second, 3),
        "next_heals": second != "" and healed(clean.skill, injected.skill, second),
        "has_cure": first or any(healed(clean.skill, injected.skill, skill) for skill in own),
    }


def _skill_with(cure, setting, line=""):
    changed = apply(cure, setting, line)
    return train(changed).skill if changed else 0.0


def diagnosis_of(trained, health) -> dict:
    """What the diagnosis says, asked as its user would ask: the findings in order, and the first cure."""
    began = time.perf_counter()
    x, y = (_first(side) for side in (*trained.probe, None)[:2])
    found = dict.fromkeys(("findings", "cure", "line", "next", "next_line", "raised"), "") | {"unknown": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            diagnosis = rnnkit.diagnose(trained.model, x, y, health=health)
        names = list(dict.fromkeys(finding.name for finding in diagnosis.findings))
        found |= {"findings": "|".join(names), "unknown": names[:1] == ["not known"]}
        for name, cure in zip(("cure", "next"), diagnosis.cures, strict=False):
            found |= {name: cure.name, "line" if name == "cure" else "next_line": cure.line}
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        found["raised"] = f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno})"
    return found | {"diagnosis_seconds": round(time.perf_counter() - began, 1)}


def _first(side):
    if isinstance(side, list):
        return [part[:PROBE] for part in side]
    return None if side is None else side[:PROBE]
