"""Does B-LoRA separate style from content on pocket better than adapters on all blocks do?

For every style pack one style picture, and ten content pictures by a hand that pocket knows, an adapter is trained on
each picture alone, with several seeds. Every content is then drawn in every style, "A [c] in [s] style", four ways:
B-LoRA (content block of one, style block of the other), the same with the roles swapped, adapters on all blocks of both
(what the paper calls DB-LoRA), and the untrained base. Content: cosine to the content picture in pocket's shared space.
Style: cosine of centred Gram matrices with the style picture, on an early layer of pocket's vision encoder; how well
that tells hands apart on real drawings is measured first and stated.

Run: `python -m benchmarks.b_lora_pocket`
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from benchmarks.gram_judge import PACKS, make_judge, standard_error
from benchmarks.machine import RESULTS, save_result
from impasto.adapters.low_rank import LowRank
from impasto.base.latent_diffusion import LatentDiffusion
from impasto.base.roles import blocks_of
from impasto.core.config import validated
from impasto.data.images import read_picture
from impasto.methods.b_lora import Method, Settings
from impasto.style.attach import attached
from impasto.style.file import Style, load_style
from impasto.style.select import select_role
from impasto.workflows.draw import Look, Request, draw
from impasto.workflows.grid import labelled_grid
from impasto.workflows.open_base import open_base
from impasto.workflows.packs import find_pack
from impasto.workflows.recipes import guidance_for, recipe_for
from impasto.workflows.train import train
from impasto.workflows.train_options import TrainOptions

STYLE_PICTURE = "castle"
CONTENTS = (
    *("guitar", "cat-face", "wolf", "skull", "airplane", "watermelon", "angry-face", "man", "tropical-fish"),
    "palm-tree",
)
BASE, TWO, SWAPPED, ALL = "untrained base", "B-LoRA", "B-LoRA, roles swapped", "all blocks"
STRENGTHS = (0.5, 1.0, 1.5)
"""Of the style: what more style costs in content is a curve, and two ways are compared along it."""


class OnAllBlocks(Method):
    """The same training with adapters on every attention layer of the UNet."""

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> LowRank:
        """Return adapters everywhere."""
        return LowRank(base.networks(), ["unet"], self.settings.rank, rng)


KINDS: dict[str, type[Method]] = {"two": Method, "all": OnAllBlocks}


def settings_for(placeholder: str) -> Settings:
    """Return the recipe's settings with a placeholder."""
    values = {name: value for name, value in recipe_for("b_lora", "pocket").items() if name in Settings.model_fields}
    return validated(Settings, values | {"placeholder": placeholder}, source="recipe")


@dataclass(frozen=True)
class Lesson:
    """One adapter to learn from one picture."""

    picture: Path
    placeholder: str
    blocks: str
    seed: int

    def file(self, folder: Path) -> Path:
        """Return where the adapter is kept."""
        pack = self.picture.parent.parent.name
        return folder / f"{pack}-{self.picture.parent.name}-{self.picture.stem}-{self.blocks}-{self.seed}.safetensors"


def learn(lesson: Lesson, folder: Path) -> float:
    """Learn an adapter into `folder`, unless it is there; returns seconds, 0 if it was there."""
    if lesson.file(folder).exists():
        return 0.0
    own, started = Settings.model_fields, time.monotonic()
    values = {name: value for name, value in recipe_for("b_lora", "pocket").items() if name not in own}
    with tempfile.TemporaryDirectory() as run:
        values |= {"style_images": str(lesson.picture), "out": lesson.file(folder), "seed": lesson.seed}
        values |= {"sample_every": 0, "run_dir": Path(run)}
        method = KINDS[lesson.blocks](settings_for(lesson.placeholder))
        with closing(train(validated(TrainOptions, values, source="recipe"), method)) as events:
            list(events)
    return time.monotonic() - started


def learn_all(lessons: list[Lesson], folder: Path, workers: int) -> None:
    """Learn all adapters that `folder` does not hold yet, several at once, with one thread each."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        seconds = pool.map(learn, lessons, [folder] * len(lessons))
        for number, (lesson, each) in enumerate(zip(lessons, seconds, strict=True), 1):
            print(f"{number} of {len(lessons)}: {lesson.file(folder).stem}, {each:.0f} s", flush=True)


@dataclass(frozen=True)
class Pair:
    """A content picture to be drawn in the style of another."""

    content: Path
    style: Path
    seed: int

    def lessons(self, blocks: str) -> tuple[Lesson, Lesson]:
        """Return what has to be learnt for it."""
        return Lesson(self.content, "[c]", blocks, self.seed), Lesson(self.style, "[s]", blocks, self.seed)


def combine(way: str, pair: Pair, strength: float, base: LatentDiffusion, folder: Path) -> list[tuple[Style, float]]:
    """Return what to attach: the content at full strength, the style at `strength`."""
    if way == BASE:
        return []
    content, style = (load_style(each.file(folder)) for each in pair.lessons("all" if way == ALL else "two"))
    if way != ALL:
        roles = blocks_of(base.roles, ["content", "style"], base.unet)
        first, second = ("content", "style") if way == TWO else ("style", "content")
        content, style = select_role(content, first, roles, "content"), select_role(style, second, roles, "style")
    return [(content, 1.0), (style, strength)]


def draw_pairs(way: str, strength: float, pairs: list[Pair], folder: Path) -> list[Image.Image]:
    """Return a picture of each pair."""
    base = open_base("pocket")
    look, drawn = Look(20, guidance_for("pocket"), base.resolution, base.resolution), []
    for pair in pairs:
        with attached(base, combine(way, pair, strength, base, folder)):
            request = Request("A [c] in [s] style", 1000 + pair.seed)
            drawn += [image for _, image in draw(base, [request], look)]
    return drawn


def adapters_folder() -> Path:
    """Return where adapters are kept: one folder for each recipe and base."""
    base = open_base("pocket")
    known = f"{sorted(recipe_for('b_lora', 'pocket').items())} {base.fingerprint()} {base.roles}"
    return Path("runs") / "b-lora-pocket" / hashlib.sha256(known.encode()).hexdigest()[:12]


def row_of(way: str, strength: float, style: Tensor, content: Tensor) -> dict[str, object]:
    """Return one row of the table: means and their standard errors."""
    row: dict[str, object] = {"way": way, "strength": strength}
    for name, scores in (("style", style), ("content", content)):
        row |= {name: round(float(scores.mean()), 4), f"{name}_error": round(standard_error(scores), 4)}
    return row


def main() -> None:
    """Train, draw, judge and write JSON and a sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--contents", type=int, default=len(CONTENTS))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="trainings at once")
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    judge, folder = make_judge(), adapters_folder()
    print(f"layer {judge.layer} tells hands apart in {judge.hands_told_apart:.0%} of comparisons; adapters: {folder}")
    contents = [find_pack(PACKS[0]).folder / "auxiliary" / f"{name}.png" for name in CONTENTS[: chosen.contents]]
    styles = [find_pack(pack).folder / "style" / f"{STYLE_PICTURE}.png" for pack in PACKS]
    pairs = [Pair(*each, seed) for seed in range(chosen.seeds) for each in product(contents, styles)]
    lessons = {lesson for pair in pairs for blocks in KINDS for lesson in pair.lessons(blocks)}
    learn_all(sorted(lessons, key=lambda lesson: (lesson.seed, lesson.file(folder))), folder, chosen.workers)
    wanted = {"content": [read_picture(pair.content).image for pair in pairs]}
    wanted["style"] = [read_picture(pair.style).image for pair in pairs]
    ways = [(BASE, 1.0), *product((TWO, SWAPPED, ALL), STRENGTHS)]
    rows, sheet = [], dict(wanted)
    with ProcessPoolExecutor(chosen.workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        drawn = [pool.submit(draw_pairs, *way, pairs, folder) for way in ways]
        for (way, strength), pictures in zip(ways, (each.result() for each in drawn), strict=True):
            scores = judge.style(pictures, wanted["style"]), judge.content(pictures, wanted["content"])
            rows.append(row_of(way, strength, *scores))
            print(rows[-1], flush=True)
            if strength == 1.0:
                sheet[way] = pictures
    step = max(1, len(pairs) // 15)
    grid = labelled_grid([(name, each[::step][:15]) for name, each in sheet.items()], columns=15)
    grid.save("b-lora-pocket.png" if chosen.dry else RESULTS / "b-lora-pocket.png")
    if not chosen.dry:
        facts: dict[str, object] = {"seeds": chosen.seeds, "contents": len(contents), "packs": list(PACKS)}
        facts |= {"judge_layer": judge.layer, "hands_told_apart": round(judge.hands_told_apart, 3)}
        print(save_result("b-lora-pocket", {"question": (__doc__ or "").splitlines()[0], **facts, "rows": rows}))


if __name__ == "__main__":
    main()
