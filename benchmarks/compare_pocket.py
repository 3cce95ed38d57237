"""Which method brings a style, and what does it cost in words? All methods on pocket, on equal terms.

`impasto compare benchmarks/compare.toml` trains, draws and measures; what it found lies in `results/compare/`. Its
distances say how far drawings are from the artist's in all respects: what is drawn, how large, how well. So every
finished trial is judged by the artist as well (`artist_judge.py`), each picture by what was learnt from other subjects.
Methods are compared in pairs of the same style and seed, which share noise and prompts; six pairs, so that intervals
are wide.

Run: `python -m benchmarks.compare_pocket --workers 2`; run again to go on. `--only-report` trains nothing. Ablations:
`python -m benchmarks.compare_pocket benchmarks/ablations/aux.toml --against "human art" --workers 2`.
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

from benchmarks.artist_judge import HandJudge
from benchmarks.machine import RESULTS, save_result
from impasto.comparison.aggregate import half_interval
from impasto.comparison.compare import compare
from impasto.comparison.config import CompareOptions
from impasto.core.events import Progress
from impasto.data.held_out import read_held_out
from impasto.data.images import read_picture
from impasto.data.packs import find_pack
from impasto.reporting.grids import in_a_row, labelled_grid

RECIPE = Path(__file__).with_name("compare.toml")
ARTIST, FIRST = "artist", "StyleForge"
"""The number of the judge of artists, and the method that each other one is compared with."""
PAIRED = ("KID", "text alignment", ARTIST)
ACROSS, SIDE = 12, 128
STRIP = "strip.jpg"
"""Those pictures of a trial that the sheet shows, side by side: the others are not kept under version control."""

Trials = Sequence[Mapping[str, Any]]


def name_of(recipe: Path) -> str:
    """Return what the files of a comparison are called."""
    return recipe.stem if recipe == RECIPE else f"ablation-{recipe.stem.replace('_', '-')}"


def run(recipe: Path, out: Path, workers: int) -> None:
    """Run what is not done of the comparison; what was done is kept when it is stopped."""
    with closing(compare(CompareOptions(comparison=recipe, out=out, workers=workers))) as events:
        for event in events:
            if isinstance(event, Progress):
                print(event.what, event.done, "of", event.total, flush=True)


def finished(out: Path) -> list[dict[str, Any]]:
    """Return the finished trials of the table, with their folders."""
    listed = json.loads((out / "report.json").read_text("utf-8"))["trials"].values()
    folders = [out / "trials" / each["key"] for each in listed if each["done"]]
    return [json.loads((folder / "trial.json").read_text("utf-8")) | {"folder": folder} for folder in folders]


def judge_artists(trials: Trials, judge: HandJudge) -> None:
    """Write the number of the judge of artists beside the others of a trial; pictures are needed once."""
    for trial in trials:
        file, names = trial["folder"] / "artist.json", trial["pictures"]
        if not file.exists() and (pictures := _pictures(trial, names)):
            found = judge.artist(pictures, [trial["style"]] * len(names), names)
            file.write_text(json.dumps({ARTIST: round(float(found.mean()), 4)}) + "\n", "utf-8")


def _pictures(trial: Mapping[str, Any], names: Sequence[str]) -> list[Image.Image]:
    files = [trial["folder"] / f"{name}.png" for name in names]
    return [read_picture(file).image for file in files] if all(file.exists() for file in files) else []


def values_of(trial: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of one trial by name."""
    file = trial["folder"] / "artist.json"
    artists = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return {str(each["name"]): float(each["value"]) for each in trial["measured"]} | artists


def interval(values: Sequence[float]) -> dict[str, float | int | None]:
    """Return mean, half of the 95 % interval (Student's t), and number."""
    half = half_interval(values)
    told = round(half, 4) if math.isfinite(half) else None
    return {"mean": round(mean(values), 4), "half": told, "n": len(values)}


def entries_of(trials: Trials) -> list[dict[str, Any]]:
    """Return a row of the table for every style and method."""
    rows = []
    for style, name in dict.fromkeys((trial["style"], trial["row"]) for trial in trials):
        own = [values_of(trial) for trial in trials if (trial["style"], trial["row"]) == (style, name)]
        shared = [key for key in own[0] if all(key in each for each in own)]
        numbers = {key: interval([each[key] for each in own]) for key in shared}
        steps = next(
            trial["values"].get("steps") for trial in trials if (trial["style"], trial["row"]) == (style, name)
        )
        rows.append({"style": style, "method": name, "steps": steps} | numbers)
    return rows


def paired(trials: Trials, first: str) -> dict[str, dict[str, Any]]:
    """Return one method's numbers less those of every other, over pairs of the same style and seed."""
    of = {(trial["row"], trial["style"], trial["seed"]): values_of(trial) for trial in trials}
    found: dict[str, dict[str, Any]] = {}
    for other in dict.fromkeys(row for row, _, _ in of if row != first):
        pairs = [(of[first, *key], of[other, *key]) for row, *key in of if row == other and (first, *key) in of]
        for name in PAIRED:
            differences = [a[name] - b[name] for a, b in pairs if name in a and name in b]
            if differences:
                found.setdefault(other, {})[name] = interval(differences)
    return found


def shown(style: str, names: Sequence[str]) -> dict[str, Image.Image]:
    """Return the artist's drawings of the sheet's subjects, by name."""
    held_out = read_held_out(find_pack(style), demo_only=True)
    real = {each.name: each.picture.convert("RGB").resize((SIDE, SIDE)) for each in held_out if each.name in names}
    return {name: real[name] for name in [*real][:: max(1, len(real) // ACROSS)][:ACROSS]}


def keep_strips(trials: Trials) -> None:
    """Write the sheet's pictures of the first seed's trials where they are not kept yet."""
    first = min(trial["seed"] for trial in trials)
    for trial in trials:
        file = trial["folder"] / STRIP
        names = [*shown(trial["style"], trial["pictures"])]
        if trial["seed"] == first and not file.exists() and (pictures := _pictures(trial, names)):
            in_a_row(pictures).save(file, quality=90)


def sheet(trials: Trials) -> Image.Image:
    """Return drawings of the first seed, a row for each method below the artist's."""
    rows: dict[str, list[Image.Image]] = {}
    for style in dict.fromkeys(trial["style"] for trial in trials):
        own = [trial for trial in trials if trial["style"] == style and (trial["folder"] / STRIP).exists()]
        rows.setdefault("the artist", []).extend(shown(style, own[0]["pictures"]).values())
        for trial in own:
            rows.setdefault(trial["row"], []).extend(_apart(read_picture(trial["folder"] / STRIP).image))
    whole = len(rows["the artist"])
    return labelled_grid([row for row in rows.items() if len(row[1]) == whole], columns=ACROSS)


def _apart(strip: Image.Image) -> list[Image.Image]:
    return [strip.crop((left, 0, left + SIDE, SIDE)) for left in range(0, strip.width, SIDE)]


def main() -> None:
    """Compare, judge, and write JSON and sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", type=Path, default=RECIPE)
    parser.add_argument("--against", default=FIRST, metavar="METHOD", help="that each other one is compared with")
    parser.add_argument("--workers", type=int, default=1, help="trials at once")
    parser.add_argument("--only-report", action="store_true", help="of the trials that are done")
    chosen = parser.parse_args()
    name = name_of(chosen.recipe.resolve())
    out = RESULTS / name
    if not chosen.only_report:
        run(chosen.recipe, out, chosen.workers)
    trials, judge = finished(out), HandJudge()
    judge_artists(trials, judge)
    keep_strips(trials)
    sheet(trials).save(RESULTS / f"{name}.jpg", quality=88)
    told = json.loads((out / "report.json").read_text("utf-8"))
    search = told["recipe"]["search"]
    facts = {
        "question": (__doc__ or "").splitlines()[0],
        "partial": told["partial"],
        "searched_on": search["style"]["name"] if search else None,
        "prompts": {trial["style"]: len(trial["prompts"]) for trial in trials},
        "judge": judge.facts(),
        "search": told["search"],
        "rows": entries_of(trials),
        "against": chosen.against,
        "less_others": paired(trials, chosen.against),
    }
    print(save_result(name, facts))


if __name__ == "__main__":
    main()
