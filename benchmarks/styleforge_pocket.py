"""Does StyleForge bring pocket's drawings nearer to an artist's own, and do captions or auxiliary pictures help?

Trains every variant on a shipped pack with the recipe's settings and several seeds, draws all held-out subjects with
the same prompts and seeds before and after, and measures the kernel distance (KID) to the artist's drawings of these
subjects on pocket's own image features. Also measured: how well the pictures still match their captions (CLIP
similarity), since a style that drowns the subject is no success. The change is paired: its error leaves each subject
out before and after alike (jackknife), and adds the spread between training seeds.

The recipe's settings were chosen on another pack, by eye from the sheet of `--choose` and by the distance; alone, it
prefers settings whose subjects fall apart. How far other artists' drawings are says what a distance means.

Run: `python -m benchmarks.styleforge_pocket` (about 4 minutes a variant on two cores)
     `python -m benchmarks.styleforge_pocket --choose` for the choice of settings
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, variance
from typing import TypeAlias

import torch
from PIL import Image

from benchmarks.machine import RESULTS, save_result
from impasto.data.held_out import HeldOut, read_held_out
from impasto.data.packs import find_pack
from impasto.demo.demo import recipe_options
from impasto.features.pocket import PocketFeatures
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.metrics.kernel import KernelDistance, kernel_distance, kernel_distance_change
from impasto.models.open import open_base
from impasto.registry.recipes import guidance_for
from impasto.reporting.grids import labelled_grid
from impasto.style.attach import attached
from impasto.style.file import load_style
from impasto.training.train import train

Sheet: TypeAlias = dict[str, list[Image.Image]]
WORDS = "zwx style"

REPORT_PACK, CHOICE_PACK = "openmoji", "fluent-emoji-high-contrast"
NO_AUX: dict[str, object] = {"aux": "none", "aux_images": None}

VARIANTS: dict[str, dict[str, object]] = {
    "recipe": {},
    "without auxiliary pictures": NO_AUX | {"batch_size": 4},
    "captions on auxiliary pictures": {"aux_captions": True},
    "identifier alone": {"captions": False},
    "low rank": {"learn": "lora", "rank": 16},
}
"""What differs from the recipe."""

CANDIDATES: dict[str, dict[str, object]] = {
    "4 + 4 pictures a step, prior weight 1": {"batch_size": 4, "prior_weight": 1.0},
    "4 + 4 pictures a step, prior weight 0.3": {"batch_size": 4, "prior_weight": 0.3},
    "2 + 2 pictures a step, prior weight 1": {"batch_size": 2, "prior_weight": 1.0},
    "4 pictures a step, no auxiliary ones": NO_AUX | {"batch_size": 4},
    "4 + 4 pictures a step, captions on auxiliary ones": {"batch_size": 4, "aux_captions": True},
}
"""Settings to choose from, on the pack `CHOICE_PACK`."""
PACKS = ("openmoji", "emojione-v1", "fluent-emoji-high-contrast")


def draw_all(subjects: list[HeldOut], style: Path | None, seed: int) -> list[Image.Image]:
    """Return one picture of every subject."""
    base = open_base("pocket")
    params = SamplingParams(20, guidance_for("pocket"), base.resolution, base.resolution, batch=8)
    requests = [ImageRequest(f"{subject.caption}, {WORDS}", 1000 + seed) for subject in subjects]
    with attached(base, [] if style is None else [(load_style(style), 1.0)]):
        return [image for _, image in draw(base, requests, params)]


def learn_and_draw(pack: str, variant: dict[str, object], seed: int) -> list[Image.Image]:
    """Train one variant with one seed; returns one picture of every held-out subject."""
    subjects = read_held_out(find_pack(pack), demo_only=False)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "style.safetensors"
        options, method = recipe_options(pack, out, sample_every=0, seed=seed, run_dir=Path(folder) / "run", **variant)
        with closing(train(options, method)) as events:
            list(events)
        return draw_all(subjects, out, seed)


@dataclass(frozen=True)
class Judge:
    """The held-out drawings of a pack and their features."""

    subjects: list[HeldOut]
    features: PocketFeatures
    real: torch.Tensor
    words: torch.Tensor

    @classmethod
    def of(cls, pack: str) -> Judge:
        """Return the judge for a pack."""
        subjects, features = read_held_out(find_pack(pack), demo_only=False), PocketFeatures()
        real = features.extract([subject.picture for subject in subjects])
        return cls(subjects, features, real, features.text([subject.caption for subject in subjects]))

    def match(self, found: torch.Tensor) -> float:
        """Return the mean cosine of pictures and their own captions, in pocket's shared space."""
        return float((found * self.words).sum(dim=-1).mean())

    def row(self, name: str, before: list[torch.Tensor], after: list[torch.Tensor]) -> dict[str, object]:
        """Return the measurements of one variant; one set of features for each seed."""
        distances = [kernel_distance(each, self.real) for each in after]
        changes = [kernel_distance_change(*pair, self.real) for pair in zip(before, after, strict=True)]
        return {
            "variant": name,
            "kid": round(mean(each.value for each in distances), 4),
            "kid_standard_error": round(mean(each.standard_error for each in distances), 4),
            "kid_by_seed": [round(each.value, 4) for each in distances],
            "change": round(mean(each.value for each in changes), 4),
            "change_standard_error": round(_error(changes), 4),
            "text_similarity": round(mean(self.match(each) for each in after), 4),
        }


def other_artists(pack: str, judge: Judge) -> list[dict[str, object]]:
    """Return how far the real drawings of the other packs are from those of `pack`: a yardstick for the distances."""
    found: list[dict[str, object]] = []
    for other in (each for each in PACKS if each != pack):
        drawings = [subject.picture for subject in read_held_out(find_pack(other), demo_only=False)]
        distance = kernel_distance(judge.features.extract(drawings), judge.real)
        error = round(distance.standard_error, 4)
        found.append({"artist": find_pack(other).title, "kid": round(distance.value, 4), "kid_standard_error": error})
    return found


def _error(changes: list[KernelDistance]) -> float:
    """Return the error of a mean over seeds: that of the subjects, and that of the seeds."""
    of_subjects = mean(each.standard_error**2 for each in changes)
    of_seeds = variance(each.value for each in changes) / len(changes) if len(changes) > 1 else 0.0
    return float((of_subjects + of_seeds) ** 0.5)


def measure(
    pack: str, variants: dict[str, dict[str, object]], seeds: int, workers: int
) -> tuple[Judge, list[dict[str, object]], Sheet]:
    """Return the judge, a row for every variant and the pictures of the first seed."""
    judge = Judge.of(pack)
    sheet: Sheet = {"real": [subject.picture for subject in judge.subjects]}
    context = get_context("spawn")  # one thread each: two trainings at once are quicker than one with two threads
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) as pool:
        plain = [pool.submit(draw_all, judge.subjects, None, seed) for seed in range(seeds)]
        runs = {
            name: [pool.submit(learn_and_draw, pack, variant, seed) for seed in range(seeds)]
            for name, variant in variants.items()
        }
        drawn = [each.result() for each in plain]
        before = [judge.features.extract(pictures) for pictures in drawn]
        sheet["before"] = drawn[0]
        rows = [judge.row("before", before, before)]
        print(rows[-1], flush=True)
        for name, of_seeds in runs.items():
            drawn = [each.result() for each in of_seeds]
            sheet[name] = drawn[0]
            rows.append(judge.row(name, before, [judge.features.extract(pictures) for pictures in drawn]))
            print(rows[-1], flush=True)
    return judge, rows, sheet


def main() -> None:
    """Measure the variants asked for and write JSON and a sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--choose", action="store_true", help="measure candidates for the recipe, on another pack")
    parser.add_argument("--variants", nargs="*", default=None)
    parser.add_argument("--seeds", type=int, default=None, help="3, or 1 with --choose")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="trainings at once")
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    known, pack = (CANDIDATES, CHOICE_PACK) if chosen.choose else (VARIANTS, REPORT_PACK)
    variants = {name: known[name] for name in chosen.variants or known}
    seeds = chosen.seeds or (1 if chosen.choose else 3)
    judge, rows, sheet = measure(pack, variants, seeds, chosen.workers)
    name = "styleforge-pocket-choice" if chosen.choose else "styleforge-pocket"
    grid = labelled_grid([(name, each[::4]) for name, each in sheet.items()], columns=15)
    grid.save(f"{name}.png" if chosen.dry else RESULTS / f"{name}.png")
    if not chosen.dry:
        result: dict[str, object] = {
            "question": (__doc__ or "").splitlines()[0],
            "pack": pack,
            "pictures": len(judge.subjects),
            "seeds": seeds,
            "variants": list(variants) if chosen.variants else [],
            "text_similarity_of_real_drawings": round(judge.match(judge.real), 4),
            "other_artists": other_artists(pack, judge),
            "rows": rows,
        }
        print(save_result(name, result))


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s")
