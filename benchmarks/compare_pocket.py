"""Which method brings a style, and what does it cost in words? All methods on pocket, on equal terms.

`impasto compare benchmarks/compare.toml` trains, draws and measures; what it found lies in `results/compare/`. Its
distances say how far drawings are from the artist's in all respects: what is drawn, how large, how well. So every
finished cell is judged by the hand as well (`hand_judge.py`), each picture by what was learnt from other subjects.
Methods are compared in pairs of the same style and seed, which share noise and prompts; six pairs, so that intervals
are wide.

Run: `python -m benchmarks.compare_pocket --workers 2`; run again to go on. `--only-report` trains nothing.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from statistics import mean
from typing import Any

from PIL import Image

from benchmarks.hand_judge import HandJudge
from benchmarks.machine import RESULTS, save_result
from impasto.core.events import Progress
from impasto.data.images import read_picture
from impasto.workflows.compare import compare
from impasto.workflows.compare_recipe import CompareOptions
from impasto.workflows.compare_table import half_interval
from impasto.workflows.grid import labelled_grid
from impasto.workflows.held_back import read_held_back
from impasto.workflows.packs import find_pack

RECIPE, OUT = Path(__file__).with_name("compare.toml"), RESULTS / "compare"
HAND, FIRST = "hand", "StyleForge"
"""The number of the judge of hands, and the method that is compared with each other one."""
PAIRED = ("KID", "text alignment", HAND)
ACROSS = 12

Cells = Sequence[Mapping[str, Any]]


def run(workers: int) -> None:
    """Run what is not done of the comparison; what was done is kept when it is stopped."""
    with closing(compare(CompareOptions(recipe=RECIPE, out=OUT, workers=workers))) as events:
        for event in events:
            if isinstance(event, Progress):
                print(event.what, event.done, "of", event.total, flush=True)


def finished() -> list[dict[str, Any]]:
    """Return the finished cells of the table, with their folders."""
    listed = json.loads((OUT / "report.json").read_text("utf-8"))["cells"].values()
    folders = [OUT / "cells" / each["key"] for each in listed if each["done"]]
    return [json.loads((folder / "cell.json").read_text("utf-8")) | {"folder": folder} for folder in folders]


def judge_hands(cells: Cells, judge: HandJudge) -> None:
    """Write the number of the judge of hands beside the others of a cell; pictures are needed once."""
    for cell in cells:
        file, names = cell["folder"] / "hand.json", cell["pictures"]
        if not file.exists() and (pictures := _pictures(cell, names)):
            found = judge.hand(pictures, [cell["style"]] * len(names), names)
            file.write_text(json.dumps({HAND: round(float(found.mean()), 4)}) + "\n", "utf-8")


def _pictures(cell: Mapping[str, Any], names: Sequence[str]) -> list[Image.Image]:
    files = [cell["folder"] / f"{name}.png" for name in names]
    return [read_picture(file).image for file in files] if all(file.exists() for file in files) else []


def values_of(cell: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of one cell by name."""
    file = cell["folder"] / "hand.json"
    hands = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return {str(each["name"]): float(each["value"]) for each in cell["measured"]} | hands


def interval(values: Sequence[float]) -> dict[str, float | int | None]:
    """Return mean, half of the 95 % interval (Student's t), and number."""
    half = half_interval(values)
    told = round(half, 4) if math.isfinite(half) else None
    return {"mean": round(mean(values), 4), "half": told, "n": len(values)}


def rows_of(cells: Cells) -> list[dict[str, Any]]:
    """Return a row of the table for every style and method."""
    rows = []
    for style, name in dict.fromkeys((cell["style"], cell["row"]) for cell in cells):
        own = [values_of(cell) for cell in cells if (cell["style"], cell["row"]) == (style, name)]
        shared = [key for key in own[0] if all(key in each for each in own)]
        numbers = {key: interval([each[key] for each in own]) for key in shared}
        steps = next(cell["values"].get("steps") for cell in cells if (cell["style"], cell["row"]) == (style, name))
        rows.append({"style": style, "method": name, "steps": steps} | numbers)
    return rows


def paired(cells: Cells) -> dict[str, dict[str, Any]]:
    """Return StyleForge's numbers less those of every other method, over pairs of the same style and seed."""
    of = {(cell["row"], cell["style"], cell["seed"]): values_of(cell) for cell in cells}
    found: dict[str, dict[str, Any]] = {}
    for other in dict.fromkeys(row for row, _, _ in of if row != FIRST):
        pairs = [(of[FIRST, *key], of[other, *key]) for row, *key in of if row == other and (FIRST, *key) in of]
        for name in PAIRED:
            differences = [a[name] - b[name] for a, b in pairs if name in a and name in b]
            if differences:
                found.setdefault(other, {})[name] = interval(differences)
    return found


def sheet(cells: Cells) -> Image.Image | None:
    """Return drawings of the first seed, a row for each method below the artist's; None if a picture is missing."""
    first = min(cell["seed"] for cell in cells)
    rows: dict[str, list[Image.Image]] = {}
    for style in dict.fromkeys(cell["style"] for cell in cells):
        real = {each.name: each.picture.convert("RGB") for each in read_held_back(find_pack(style), demo_only=True)}
        names = [*real][:: max(1, len(real) // ACROSS)][:ACROSS]
        rows.setdefault("the artist", []).extend(real[name].resize((128, 128)) for name in names)
        for cell in cells:
            if (cell["style"], cell["seed"]) == (style, first):
                rows.setdefault(cell["row"], []).extend(_pictures(cell, names))
    whole = len(rows["the artist"])
    return labelled_grid(list(rows.items()), columns=ACROSS) if all(len(r) == whole for r in rows.values()) else None


def main() -> None:
    """Compare, judge, and write JSON and sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1, help="cells at once")
    parser.add_argument("--only-report", action="store_true", help="of the cells that are done")
    chosen = parser.parse_args()
    if not chosen.only_report:
        run(chosen.workers)
    cells, judge = finished(), HandJudge()
    judge_hands(cells, judge)
    if (drawn := sheet(cells)) is not None:
        drawn.save(RESULTS / "compare.jpg", quality=88)
    told = json.loads((OUT / "report.json").read_text("utf-8"))
    facts = {
        "question": (__doc__ or "").splitlines()[0],
        "partial": told["partial"],
        "searched_on": told["recipe"]["search"]["style"]["name"],
        "prompts": {cell["style"]: len(cell["prompts"]) for cell in cells},
        "judge": judge.facts(),
        "search": told["search"],
        "rows": rows_of(cells),
        "styleforge_less_others": paired(cells),
    }
    print(save_result("compare", facts))


if __name__ == "__main__":
    main()
