"""Show that history reaches back across the move into rooms: `git log --follow` of every file that moved.

Run in a clone with all of its history: python tools/history.py. `moves.tsv` holds old and new paths below
`src/impasto`, or below the top where they begin with a top folder; `moved_definitions.tsv` holds what moved alone: the
old file, the new one, and names. A name reaches back if a commit before the move wrote it (`git log -S`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOVES = Path(__file__).with_name("moves.tsv")
DEFINITIONS = Path(__file__).with_name("moved_definitions.tsv")
TITLE = "Rooms by use case: every file moves to the one it serves"
"""Of the commit that moved the files."""
_TOPS = ("tests/", "benchmarks/", "pretraining/", "examples/")


def git(*arguments: str) -> list[str]:
    """Return what git says, line by line."""
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, encoding="utf-8"
    ).stdout.splitlines()


def whole(path: str) -> str:
    """Return a path of the table, below the top."""
    return path if path.startswith(_TOPS) else f"src/impasto/{path}"


def moved_since(commit: str) -> dict[str, str]:
    """Return where files went after `commit`, by their path then."""
    lines = git("log", "--reverse", "-M", "--diff-filter=R", "--name-status", "--format=", f"{commit}..HEAD")
    renamed = [line.split("\t")[1:] for line in lines if line]
    found: dict[str, str] = {}
    for old, new in renamed:
        for first, last in found.items():
            if last == old:
                found[first] = new
        found.setdefault(old, new)
    return found


def missing_definitions(before: set[str]) -> int:
    """Print a row for each name that moved alone; returns how many no commit of `before` wrote."""
    missing = 0
    for row in DEFINITIONS.read_text("utf-8").splitlines():
        old, new, names = row.split("\t")
        for name in names.split():
            reached = sum(commit in before for commit in git("log", f"-S{name}", "--format=%H", "--", "src"))
            missing += not reached
            print(f"{'ok' if reached else 'MISSING':<22}  {reached:3}  {old}: {name}  ->  {new}")
    return missing


def main() -> int:
    """Print a row for each move; returns how many do not reach back, at most 1."""
    (move,) = git("log", "--format=%H", f"--grep=^{TITLE}$")
    before, later, missing = set(git("rev-list", f"{move}^")), moved_since(move), 0
    rows = [line.split("\t") for line in MOVES.read_text("utf-8").splitlines()]
    for old, new in rows:
        present = whole(new) if (ROOT / whole(new)).is_file() else later.get(whole(new), whole(new))
        commits = git("log", "--follow", "--format=%H", "--", present)
        reached = sum(commit in before for commit in commits)
        is_one_line = len((ROOT / present).read_text("utf-8").splitlines()) == 1
        said = "ok" if reached else "one line, written anew" if is_one_line else "MISSING"
        missing += said == "MISSING"
        print(f"{said:<22}  {reached:3}  {old}  ->  {present}")
    print(f"{len(rows) - missing} of {len(rows)} files reach back across {move[:7]}, or have nothing to reach back to")
    return min(missing + missing_definitions(before), 1)


if __name__ == "__main__":
    sys.exit(main())
