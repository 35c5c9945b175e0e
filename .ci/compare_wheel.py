"""Compares the files of a wheel with those of the source tree: python .ci/compare_wheel.py WHEEL."""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOMES = {"rnnkit": "rnnkit", "callbacks": "rnnkit/callbacks", "datasets": "rnnkit/datasets"}


def tree() -> set[str]:
    """The files that the wheel should hold, named as they stand in it."""
    found = set()
    for folder, home in HOMES.items():
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".css", ".html", ".js") or path.name == "py.typed":
                found.add(f"{home}/{path.relative_to(ROOT / folder).as_posix()}")
    return found


def main() -> None:
    """Prints what differs and exits with 1 if anything does."""
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = tree()
    for name in sorted(shipped ^ expected):
        print(("missing in the wheel: " if name in expected else "not in the tree: ") + name)
    print(f"{len(shipped)} files in the wheel, {len(expected)} in the tree")
    sys.exit(shipped != expected)


if __name__ == "__main__":
    main()
