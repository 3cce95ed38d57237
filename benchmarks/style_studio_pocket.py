"""Do AdaIN, teacher and negative style let the words win, at no loss of style? Ways to draw, on pocket.

References are held-out drawings of the three packs, which no training saw. Prompts ask for another subject than the
reference shows, on a background that it does not have; every prompt meets some of the references, and all have their
turns. Half of the prompts are for choosing: on them every way is drawn at several strengths (the curve), and each is
given the strength at which it has as much style as the plain image prompt at full strength, or comes nearest to it. The
table is of the other half, at these strengths: where style is equal, words can be compared. Beside the ways stand the
base without any reference, and the presets of `impasto transfer`. Intervals are percentiles of the bootstrap over
prompts; differences to the plain image prompt are paired by prompt.

Run: `python -m benchmarks.style_studio_pocket`; run again to go on, for every row is kept in `runs/` once it is there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.artist_judge import HandJudge
from benchmarks.machine import RESULTS, save_result
from benchmarks.style_studio_bench import (
    IMAGE_PROMPT,
    WAYS,
    WORDS_ALONE,
    Bench,
    Scores,
    Way,
    interval,
    make_prompts,
    pairs_of,
    read_references,
)
from impasto.generation.requests import SamplingParams
from impasto.generation.transfer_presets import PRESETS, preset
from impasto.image_prompts.image_prompt import OWN
from impasto.models.open import open_base
from impasto.models.source import find_base
from impasto.registry.recipes import guidance_for
from impasto.reporting.grids import labelled_grid

ACROSS = 12
KEPT = Path("runs") / "style-studio-pocket"


@dataclass(frozen=True)
class Task:
    """One row: a way at a strength, on one half of the prompts."""

    name: str
    way: Way
    strength: float
    is_for_choosing: bool
    references: int
    per_prompt: int
    prompts: int
    seeds: int
    steps: int

    def folder(self, known: str) -> Path:
        """Return where the row is kept: `known` stands for base and adapter."""
        told = json.dumps(asdict(replace(self, name=""))) + known
        return KEPT / hashlib.sha256(told.encode()).hexdigest()[:16]


_BENCHES: dict[tuple[int, int], Bench] = {}
"""Of this process, by references of each pack and steps."""


def bench_of(task: Task) -> Bench:
    """Return this process's bench for a task."""
    key = task.references, task.steps
    if key not in _BENCHES:
        params = SamplingParams(task.steps, guidance_for("pocket"), 128, 128, batch=8)
        _BENCHES[key] = Bench(read_references(task.references), params)
    return _BENCHES[key]


def run(task: Task, known: str) -> dict[str, list[float]]:
    """Return what was measured, by prompt; draws only what is not kept yet."""
    folder = task.folder(known)
    if not (folder / "scores.json").exists():
        _draw_and_score(task, folder)
    found: dict[str, list[float]] = json.loads((folder / "scores.json").read_text("utf-8"))
    return found


def _draw_and_score(task: Task, folder: Path) -> None:
    torch.set_num_threads(1)
    bench = bench_of(task)
    prompts = make_prompts(task.prompts)[0 if task.is_for_choosing else 1 :: 2]
    pairs = pairs_of(prompts, bench.references, task.per_prompt)
    runs: list[Scores] = []
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(task.seeds):
        pictures = bench.draw(task.way, task.strength, prompts, pairs, seed)
        runs.append(bench.scores(pictures, prompts, pairs))
        if seed == 0:
            for r in dict.fromkeys(r for _, r in pairs):
                first = next(index for index, pair in enumerate(pairs) if pair[1] == r)
                pictures[first].save(folder / f"{r}.png")
    means = {name: [float(np.mean([each[name][p] for each in runs])) for p in runs[0][name]] for name in runs[0]}
    (folder / "scores.json").write_text(json.dumps(means), "utf-8")


def matched(curve: Mapping[float, float], target: float) -> float:
    """Return the strength at which the style on `curve` is that of `target`, between measured ones; at most the last.

    Example:
        >>> matched({0.5: 0.1, 1.0: 0.3}, 0.2)
        0.75
    """
    strengths = sorted(curve)
    for low, high in pairwise(strengths):
        if min(curve[low], curve[high]) <= target <= max(curve[low], curve[high]) and curve[low] != curve[high]:
            share = (target - curve[low]) / (curve[high] - curve[low])
            return round(low + share * (high - low), 2)
    return min(strengths, key=lambda strength: abs(curve[strength] - target))


def row(
    name: str, strength: float | None, found: Mapping[str, Sequence[float]], plain: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """Return a row of the table, with paired differences to the plain image prompt."""
    told: dict[str, Any] = {"way": name, "strength": strength} | {key: interval(each) for key, each in found.items()}
    for key in ("text_alignment", "style_similarity"):
        told[f"{key}_difference"] = interval([a - b for a, b in zip(found[key], plain[key], strict=True)])
    return told


def presets() -> dict[str, tuple[Way, float]]:
    """Return the presets of `impasto transfer` on pocket, with their strengths."""
    found = {}
    for name in PRESETS:
        values = preset(name, "pocket")
        window = values.get("window")
        way = Way(
            mix=str(values.get("mix", "adain")),
            teacher=float(str(values["teacher"])),
            negative=str(values.get("negative_style", "")),
            until=float(window[1]) if isinstance(window, list) else 1.0,
        )
        found[f"preset {name}"] = way, float(str(values["adain"])) * float(str(values.get("adapter_scale", 1.0)))
    return found


def draw_curve(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw what each strength of each way costs in words and gives in style."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots(1, 2, sharex=True)
    for axis, name in zip(axes, ("text_alignment", "named_colour"), strict=True):
        for way in dict.fromkeys(each["way"] for each in rows):
            own = [each for each in rows if each["way"] == way]
            x, y = ([each[key]["mean"] for each in own] for key in ("style_similarity", name))
            axis.plot(x, y, marker="o", label=way)
            for each, right, up in zip(own, x, y, strict=True):
                if each["strength"] >= 1:  # below they lie on one another
                    axis.annotate(
                        f"{each['strength']:g}", (right, up), textcoords="offset points", xytext=(4, 4), fontsize=7
                    )
        axis.set(xlabel="style similarity", ylabel=name.replace("_", " "))
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120)


def sheet(tasks: Sequence[Task], known: str) -> Image.Image:
    """Return the first prompt of some references, a row for each way, below the references."""
    references = read_references(tasks[0].references)
    there = [each for each in range(len(references)) if (tasks[0].folder(known) / f"{each}.png").exists()]
    shown = [there[index] for index in np.linspace(0, len(there) - 1, min(ACROSS, len(there))).astype(int)]
    rows = [("reference", [references[each].picture.convert("RGB").resize((128, 128)) for each in shown])]
    rows += [
        (task.name, [Image.open(task.folder(known) / f"{each}.png").convert("RGB") for each in shown]) for task in tasks
    ]
    return labelled_grid(rows, columns=len(shown))


def main() -> None:
    """Measure, and write JSON, curve and sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--references", type=int, default=30, help="of each pack")
    parser.add_argument("--per-prompt", type=int, default=3, help="of each pack; half as many for choosing")
    parser.add_argument("--prompts", type=int, default=40, help="half of them for choosing, half for the table")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    base = open_base("pocket", device="cpu")
    adapter = (Path(find_base("pocket").location) / OWN).read_bytes()
    known = f"{base.fingerprint()} {hashlib.sha256(adapter).hexdigest()}"
    numbers = chosen.references, chosen.per_prompt, chosen.prompts, chosen.seeds, chosen.steps
    table = Task("", WAYS[WORDS_ALONE], 1.0, False, *numbers)
    choosing = replace(table, is_for_choosing=True, per_prompt=max(1, chosen.per_prompt // 2))
    with ProcessPoolExecutor(chosen.workers, get_context("spawn")) as pool:
        measure = _measuring(pool, known)
        with_strength = {name: way for name, way in WAYS.items() if way.has_strength}
        tried = [
            replace(choosing, name=name, way=way, strength=strength)
            for name, way in with_strength.items()
            for strength in way.strengths
        ]
        on_curve = dict(zip(tried, measure(tried), strict=True))
        style = {task: float(np.mean(found["style_similarity"])) for task, found in on_curve.items()}
        target = next(style[task] for task in tried if task.name == IMAGE_PROMPT and task.strength == 1.0)
        strengths = {
            name: matched({task.strength: style[task] for task in tried if task.name == name}, target)
            for name in with_strength
        }
        strengths[IMAGE_PROMPT] = 1.0
        rows_of = [replace(table, name=name, way=way, strength=strengths.get(name, 1.0)) for name, way in WAYS.items()]
        rows_of += [replace(table, name=name, way=way, strength=each) for name, (way, each) in presets().items()]
        found = measure(rows_of)
    plain = next(each for task, each in zip(rows_of, found, strict=True) if task.name == IMAGE_PROMPT)
    rows = [
        row(task.name, task.strength if task.way.has_strength else None, each, plain)
        for task, each in zip(rows_of, found, strict=True)
    ]
    curve = [
        {"way": task.name, "strength": task.strength} | {key: interval(each) for key, each in scores.items()}
        for task, scores in on_curve.items()
    ]
    if not chosen.dry:
        draw_curve(curve, RESULTS / "style-studio-pocket-curve.png")
        sheet(rows_of, known).save(RESULTS / "style-studio-pocket.png")
        facts = {
            "references": 3 * chosen.references,
            "references_for_each_prompt": 3 * chosen.per_prompt,
            "prompts": len(range(1, chosen.prompts, 2)),
            "seeds": chosen.seeds,
            "judge": HandJudge().facts(),
        }
        question = (__doc__ or "").splitlines()[0]
        print(save_result("style-studio-pocket", {"question": question, **facts, "rows": rows, "curve": curve}))


def _measuring(pool: ProcessPoolExecutor, known: str) -> Callable[[Sequence[Task]], list[dict[str, list[float]]]]:
    def measure(tasks: Sequence[Task]) -> list[dict[str, list[float]]]:
        futures = [pool.submit(run, task, known) for task in tasks]
        found = []
        for task, future in zip(tasks, futures, strict=True):
            found.append(future.result())
            means = {key: round(float(np.mean(each)), 3) for key, each in found[-1].items()}
            print(
                f"{'choosing' if task.is_for_choosing else 'table'}: {task.name} at {task.strength:g}: {means}",
                flush=True,
            )
        return found

    return measure


if __name__ == "__main__":
    main()
