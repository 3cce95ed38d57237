"""Make the pictures of a docs page by running the page: what the reader types is what was typed.

In the page, a block without a language is run line by line in the shell, in order, in one work folder. A comment

    <!-- sheet tutorial/before.webp: before/*.png -->

lays the pictures of that pattern side by side, in the order of their names. Patterns joined by " + " share a row, those
after a comma are the next row, and a number in front of a pattern, `3 before/*.png`, is how many of them are shown.
Files are written beside the page.

Run: `python tools/tutorial.py docs/tutorial.md --work build/tutorial`; a block that ran is not run again as long
as it and all before it are the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

_PART = re.compile(
    r"^```\n(?P<block>.*?)^```$|^<!-- sheet (?P<file>\S+): (?P<patterns>.+?) -->$", re.DOTALL | re.MULTILINE
)
_SIDE, _GAP, _PAPER = 160, 6, (253, 251, 247)


def laid_out(rows: list[list[Path]]) -> Image.Image:
    """Return rows of pictures, each picture at `_SIDE` pixels."""
    width = max(map(len, rows)) * (_SIDE + _GAP) - _GAP
    sheet = Image.new("RGB", (width, len(rows) * (_SIDE + _GAP) - _GAP), _PAPER)
    for down, row in enumerate(rows):
        for across, path in enumerate(row):
            with Image.open(path) as picture:
                shown = picture.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            sheet.paste(shown, (across * (_SIDE + _GAP), down * (_SIDE + _GAP)))
    return sheet


def chosen(work: Path, patterns: str) -> list[list[Path]]:
    """Return the pictures of each row.

    Raises:
        SystemExit: A pattern finds nothing.
    """
    return [[path for pattern in row.split(" + ") for path in found(work, pattern)] for row in patterns.split(", ")]


def found(work: Path, pattern: str) -> list[Path]:
    """Return the pictures of a pattern, the first ones where it begins with a number."""
    count, _, glob = pattern.rpartition(" ")
    paths = sorted(work.glob(glob))[: int(count) if count else None]
    if not paths:
        raise SystemExit(f"{pattern} finds no picture in {work}")
    return paths


def ran_already(marker: Path, upto: str) -> bool:
    """Return whether the same block ran after the same blocks."""
    return marker.exists() and marker.read_text("utf-8") == upto


def run(block: str, work: Path) -> None:
    """Run a block; a command that fails stops everything."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["bash", "-euxc", block], cwd=work, env=os.environ | {"PATH": path}, check=True)


def main() -> None:
    """Run the blocks of a page and make its sheets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    so_far = hashlib.sha256()
    for number, part in enumerate(_PART.finditer(given.page.read_text("utf-8"))):
        if part["file"]:
            target = given.page.parent / part["file"]
            target.parent.mkdir(exist_ok=True)
            laid_out(chosen(given.work, part["patterns"])).save(target, quality=88, method=6)
            continue
        so_far.update(part["block"].encode())
        marker = given.work / f".ran-{number}"
        if not ran_already(marker, so_far.hexdigest()):
            run(part["block"], given.work)
            marker.write_text(so_far.hexdigest(), "utf-8")


if __name__ == "__main__":
    main()
