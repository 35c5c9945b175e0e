"""The map in docs/architecture.md is that of the imports."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MAP = re.findall(r"[a-z_]+", re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1])


def files():
    """Each module's file, with the room that it belongs to."""
    for path in (ROOT / "rnnkit").rglob("*.py"):
        yield path.relative_to(ROOT / "rnnkit").with_suffix("").parts[0], path
    for room in ("callbacks", "datasets"):
        for path in (ROOT / room).rglob("*.py"):
            yield room, path


def imported(path):
    """The rooms that a module imports, inside functions and for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            top, *rooms = node.module.split(".")
            if top == "rnnkit":
                yield from rooms[:1] or [each.name for each in node.names]


def test_every_room_has_its_place():
    assert set(MAP) == {room for room, _ in files()} - {"__init__"}
    assert len(MAP) == len(set(MAP)) <= 20


def test_arrows_point_down_or_right_and_so_there_is_no_circle():
    arrows = {(room, other) for room, path in files() for other in imported(path) if {room, other} <= set(MAP)}
    assert {(a, b) for a, b in arrows if MAP.index(a) > MAP.index(b)} == set()


def test_every_room_is_described():
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    assert set(re.findall(r"`([a-z_]+)`", " ".join(rows))) == set(MAP)
