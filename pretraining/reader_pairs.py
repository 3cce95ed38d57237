"""Two bases side by side, for a reader who is not told which is which.

Sheets of `reader_sheets` that were drawn by two bases for the same prompts become pairs A and B, by a seeded coin. A
reader answers "A", "B" or "=" for each, in `answers-*.json`; what it preferred is counted into `scores.json`.

Run: `python -m pretraining.reader_pairs make --old FOLDER --new FOLDER --out FOLDER`
     `python -m pretraining.reader_pairs score --out FOLDER`
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from pathlib import Path

from PIL import Image

from pretraining.reader_sheets import COLUMNS, MARGIN, ROWS, SIDE, sheet

SEED = 5


def picture(folder: Path, number: int) -> Image.Image:
    """Return the picture of that number, from 1, as it stands on the folder's sheets."""
    page, place = divmod(number - 1, COLUMNS * ROWS)
    down, across = divmod(place, COLUMNS)
    left, top = across * (SIDE + MARGIN) + MARGIN // 2, down * (SIDE + MARGIN) + MARGIN
    with Image.open(folder / f"pictures-{page + 1}.webp") as opened:
        return opened.convert("RGB").crop((left, top, left + SIDE, top + SIDE))


def make(old: Path, new: Path, out: Path) -> None:
    """Write sheets of pairs, and a key that says where the old picture stands.

    Raises:
        SystemExit: The folders' keys differ.
    """
    key = json.loads((old / "key.json").read_text("utf-8"))["pictures"]
    if key != json.loads((new / "key.json").read_text("utf-8"))["pictures"]:
        raise SystemExit(f"{old} and {new} show other prompts: draw both with the same reader_sheets")
    rng = random.Random(SEED)
    numbers = [int(number) for number, shown in key.items() if shown["kind"] == "drawn"]
    rng.shuffle(numbers)
    pairs = []
    for number in numbers:
        sides = {"A": new, "B": old} if rng.random() < 0.5 else {"A": old, "B": new}
        pairs.append((number, sides))
    out.mkdir(parents=True, exist_ok=True)
    cells = [
        (f"{place}: {side}", picture(folder, number))
        for place, (number, sides) in enumerate(pairs, start=1)
        for side, folder in sides.items()
    ]
    width = 2 * COLUMNS
    rows = [cells[start : start + width] for start in range(0, len(cells), width)]
    for page, first in enumerate(range(0, len(rows), ROWS), start=1):
        sheet(rows[first : first + ROWS]).save(out / f"pairs-{page}.webp", quality=90)
    facts = {
        str(place): {"prompt": key[str(number)]["prompt"], "old": "A" if sides["A"] == old else "B"}
        for place, (number, sides) in enumerate(pairs, start=1)
    }
    (out / "key.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def score(out: Path) -> dict[str, Counter[str]]:
    """Return how often each reader preferred "old", "new" or neither ("equal"), by the file of its answers."""
    key = json.loads((out / "key.json").read_text("utf-8"))
    found = {}
    for path in sorted(out.glob("answers-*.json")):
        answers = json.loads(path.read_text("utf-8"))
        if set(answers) != set(key) or not set(answers.values()) <= {"A", "B", "="}:
            raise SystemExit(f'{path} must answer each of 1 to {len(key)} with "A", "B" or "="')
        names = (
            "equal" if side == "=" else "old" if side == key[place]["old"] else "new" for place, side in answers.items()
        )
        found[path.name] = Counter(names)
    return found


def main() -> None:
    """Make sheets, or count answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("make", "score"))
    parser.add_argument("--old", type=Path)
    parser.add_argument("--new", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    if given.what == "make":
        make(given.old, given.new, given.out)
    else:
        scores = score(given.out)
        (given.out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", "utf-8")
        print(scores)


if __name__ == "__main__":
    main()
