"""Does B-LoRA separate style from content on pocket better than adapters on all blocks do?

For every style pack one style picture, and ten content pictures by an artist that pocket knows, an adapter is trained
on each picture alone, with several seeds. Every content is then drawn in every style, "A [c] in [s] style": with B-LoRA
(content block of one, style block of the other), with the roles swapped, with adapters on all blocks of both (what the
paper calls DB-LoRA), each along strengths of the style, and with the untrained base. Variants of B-LoRA stand beside
them, at one strength and with the first seed.

Content: which places of a picture look alike (self-similarity), compared with the content picture; forms are content,
colours are style. Beside it the cosine in pocket's shared space, which follows colours, and whether pocket's towers
find the subject. Style: how much a picture looks drawn by the style picture's artist (`artist_judge.py`), learnt from
other drawings of that artist; how often the judge is right about real drawings is measured first and stated. More style
costs content, so ways are compared at equal content, between the strengths that were drawn; the interval is a bootstrap
over content pictures.

Run: `python -m benchmarks.b_lora_pocket`; run again to go on, adapters and pictures are kept in `runs/`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise, product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.artist_judge import LAYER, PACKS, HandJudge, standard_error
from benchmarks.b_lora_lessons import (
    ALL,
    FIRST,
    NOISY,
    SECOND,
    STYLE_ONLY,
    TWO,
    X_0,
    Lesson,
    adapters_folder,
    learn_all,
)
from benchmarks.machine import RESULTS, save_result
from impasto.data.colour import match_colours
from impasto.data.images import read_picture
from impasto.data.packs import find_pack
from impasto.features._pocket_subjects import SUBJECTS, SubjectJudge
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.metrics.layout import self_similarity_agreement
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import open_base
from impasto.models.roles import blocks_of
from impasto.registry.recipes import guidance_for
from impasto.reporting.grids import labelled_grid
from impasto.style.attach import attached
from impasto.style.file import Style, load_style
from impasto.style.select import select_role

STYLE_PICTURE = "castle"
CONTENTS = (
    *("guitar", "cat-face", "wolf", "skull", "airplane", "watermelon", "angry-face", "man", "tropical-fish"),
    "palm-tree",
)
STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)
"""Of the style: what more style costs in content is a curve."""
RESAMPLES = 2000
WORDS = "A [c] in [s] style"


@dataclass(frozen=True)
class Way:
    """A way to join content and style.

    Attributes:
        content: The kind of adapter whose content is taken, or "" for the untrained base.
        style: The kind whose style is taken.
        roles: The blocks taken of each; None takes all.
        keep_colour: Strength of the content's own style block.
        match: Whether the result is given the content picture's colour statistics.
        per_role: Whether the content block alone reads "A [c]".
    """

    content: str = TWO
    style: str = TWO
    roles: tuple[str, str] | None = ("content", "style")
    keep_colour: float = 0.0
    match: bool = False
    per_role: bool = False


BASE, B_LORA, SWAPPED, DB_LORA = "untrained base", "B-LoRA", "B-LoRA, roles swapped", "all blocks"
CURVES: Mapping[str, Way] = {B_LORA: Way(), SWAPPED: Way(roles=("style", "content")), DB_LORA: Way(ALL, ALL, None)}
VARIANTS: Mapping[str, Way] = {
    "x_0": Way(X_0, X_0),
    "style-friendly": Way(NOISY, NOISY),
    "style learnt alone": Way(TWO, STYLE_ONLY),
    "two stages": Way(FIRST, SECOND),
    "words for each role": Way(per_role=True),
    "keep colour 0.45": Way(keep_colour=0.45),
    "colour statistics": Way(match=True),
}
WAYS: Mapping[str, Way] = {BASE: Way(content=""), **CURVES, **VARIANTS}


@dataclass(frozen=True)
class Pair:
    """A content picture to be drawn in the style of another."""

    content: Path
    style: Path
    seed: int

    def lessons(self, way: Way) -> list[Lesson]:
        """Return what has to be learnt for it: content, then style."""
        if not way.content:
            return []
        return [Lesson(self.content, "[c]", way.content, self.seed), Lesson(self.style, "[s]", way.style, self.seed)]


def combine(way: Way, pair: Pair, strength: float, base: LatentDiffusion, folder: Path) -> list[tuple[Style, float]]:
    """Return what to attach: the content at full strength, the style at `strength`."""
    files = [load_style(each.file(folder)) for each in pair.lessons(way)]
    if way.roles is None or not files:
        return list(zip(files, (1.0, strength), strict=False))
    roles = blocks_of(base.roles, ["content", "style"], base.denoiser)
    parts = [(select_role(files[0], way.roles[0], roles, "content"), 1.0)]
    parts.append((select_role(files[1], way.roles[1], roles, "style"), strength))
    if way.keep_colour:
        parts.append((select_role(files[0], "style", roles, "content"), way.keep_colour))
    return parts


@dataclass(frozen=True)
class Row:
    """One row of the table: a way at a strength, for some pairs."""

    name: str
    strength: float
    pairs: tuple[Pair, ...]

    def sheet(self, folder: Path) -> Path:
        """Return where its pictures are kept, all on one sheet."""
        told = f"{self.name} {self.strength} {self.pairs} {WAYS[self.name]}"
        return folder / "drawn" / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.png"


def drawn(row: Row, folder: Path) -> list[Image.Image]:
    """Return a picture of each pair; draws only what is not kept yet."""
    path = row.sheet(folder)
    if not path.exists():
        pictures = [np.asarray(each) for each in _draw(row, folder)]
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.concatenate(pictures, axis=1)).save(path)
    sheet = read_picture(path).image
    side = sheet.height
    return [sheet.crop((x, 0, x + side, side)) for x in range(0, sheet.width, side)]


def _draw(row: Row, folder: Path) -> list[Image.Image]:
    base, way = open_base("pocket"), WAYS[row.name]
    params, pictures = SamplingParams(20, guidance_for("pocket"), base.resolution, base.resolution), []
    per_block = dict.fromkeys(base.roles["content"], "A [c]") if way.per_role else {}
    for pair in row.pairs:
        with attached(base, combine(way, pair, row.strength, base, folder)):
            request = ImageRequest(WORDS, 1000 + pair.seed, per_block=per_block)
            made = [image for _, image in draw(base, [request], params)]
        pictures += [match_colours(each, read_picture(pair.content).image) if way.match else each for each in made]
    return pictures


@dataclass(frozen=True)
class Scores:
    """Of the pictures of one row, in order; `subject` is NaN where the judge does not know it."""

    style: Tensor
    content: Tensor
    cosine: Tensor
    subject: Tensor


class Bench:
    """Judges rows."""

    def __init__(self) -> None:
        self.judge = HandJudge()
        self._subjects = SubjectJudge(self.judge.features)

    def scores(self, row: Row, pictures: Sequence[Image.Image]) -> Scores:
        """Return all scores of a row's pictures."""
        artists, subjects = zip(
            *((pair.style.parent.parent.name, pair.content.stem) for pair in row.pairs), strict=True
        )
        style = self.judge.artist(pictures, artists, subjects)
        given = [read_picture(pair.content).image for pair in row.pairs]
        features = self.judge.features
        content = self_similarity_agreement(*(features.places(list(each), LAYER) for each in (pictures, given)))
        found = self._subjects.found(pictures)
        right = [
            float(SUBJECTS[each] == name) if (name := subject.replace("-", " ")) in SUBJECTS else float("nan")
            for each, subject in zip(found, subjects, strict=True)
        ]
        return Scores(style, content, self.judge.content(pictures, given), torch.tensor(right))


def style_at_equal_content(
    rows: Mapping[tuple[str, float], Scores], pairs: Sequence[Pair], one: str, other: str, measure: str = "content"
) -> dict[str, float]:
    """Return by how much the style of `one` exceeds that of `other` at equal content, with its 95 % interval.

    Compared is the most style that there is at so much content or more, at the content of each strength of `other` that
    `one` reaches: a strength that has less of both than another does not count against a way. Resampled are content
    pictures: pairs of one picture are not independent.
    """
    names = sorted({pair.content.name for pair in pairs})
    places = [[index for index, pair in enumerate(pairs) if pair.content.name == name] for name in names]
    curves = {
        way: np.array(
            [
                [
                    [float(each[place].mean()) for place in places]
                    for each in (getattr(rows[way, s], measure), rows[way, s].style)
                ]
                for s in STRENGTHS
            ]
        )
        for way in (one, other)
    }  # strengths, (content, style), content pictures
    rng = np.random.default_rng(0)
    drawn_again = [np.arange(len(names)), *rng.integers(0, len(names), (RESAMPLES, len(names)))]
    gains = [_gain(*(curves[way][:, :, chosen].mean(axis=2) for way in (one, other))) for chosen in drawn_again]
    found = [gain for gain in gains[1:] if not np.isnan(gain)]
    low, high = np.quantile(found, [0.025, 0.975]) if found else (np.nan, np.nan)
    return {"mean": round(gains[0], 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def _gain(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean difference of style at the contents of `other` that `one` reaches; NaN if it reaches none."""
    content = one[:, 0]
    within = [c for c, _ in other if content.min() <= c <= content.max()]
    return float(np.mean([_front(one, c) - _front(other, c) for c in within])) if within else float("nan")


def _front(curve: np.ndarray, content: float) -> float:
    """Return the most style that a curve along strengths, joined by lines, has at so much content or more."""
    share = np.linspace(0, 1, 101)[:, None]
    along = np.concatenate([start + share * (end - start) for start, end in pairwise(curve)])
    return float(along[along[:, 0] >= content - 1e-9, 1].max())


def told(row: Row, scores: Scores) -> dict[str, Any]:
    """Return one row of the table: means and their standard errors."""
    found: dict[str, Any] = {"way": row.name, "strength": row.strength, "pictures": len(row.pairs)}
    for name in ("style", "content", "cosine", "subject"):
        values: Tensor = getattr(scores, name)
        values = values[~values.isnan()]
        found |= {name: round(float(values.mean()), 4), f"{name}_error": round(standard_error(values), 4)}
    return found


def draw_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw style against content along strengths, and variants as points."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axis = figure.subplots()
    for way in WAYS:
        own = [row for row in rows if row["way"] == way]
        form = "o-" if way in CURVES else "x"
        axis.plot([row["content"] for row in own], [row["style"] for row in own], form, label=way)
        for row in own if way in CURVES else ():
            where = (row["content"], row["style"])
            axis.annotate(f"{row['strength']:g}", where, textcoords="offset points", xytext=(4, 4), fontsize=7)
    axis.set(xlabel="content similarity", ylabel="style similarity")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=120)


def plan(contents: Sequence[Path], styles: Sequence[Path], seeds: int) -> list[Row]:
    """Return all rows: curves with all seeds, variants with the first."""
    pairs = tuple(Pair(*each, seed) for seed in range(seeds) for each in product(contents, styles))
    first = tuple(pair for pair in pairs if pair.seed == 0)
    rows = [Row(BASE, 1.0, pairs), *(Row(*each, pairs) for each in product(CURVES, STRENGTHS))]
    return rows + [Row(name, 1.0, first) for name in VARIANTS]


def main() -> None:
    """Train, draw, judge and write JSON, curve and sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--contents", type=int, default=len(CONTENTS))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="trainings at once")
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    bench, folder = Bench(), adapters_folder()
    facts_of_judge = bench.judge.facts()
    print(f"the judge of artists on real drawings: {facts_of_judge}; adapters: {folder}")
    contents = [find_pack(PACKS[0]).folder / "auxiliary" / f"{name}.png" for name in CONTENTS[: chosen.contents]]
    styles = [find_pack(pack).folder / "style" / f"{STYLE_PICTURE}.png" for pack in PACKS]
    rows = plan(contents, styles, chosen.seeds)
    learn_all(
        [each for row in rows for pair in row.pairs for each in pair.lessons(WAYS[row.name])], folder, chosen.workers
    )
    scores: dict[tuple[str, float], Scores] = {}
    with ProcessPoolExecutor(chosen.workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        for row, pictures in zip(rows, pool.map(drawn, rows, [folder] * len(rows)), strict=True):
            scores[row.name, row.strength] = bench.scores(row, pictures)
            print(told(row, scores[row.name, row.strength]), flush=True)
    table = [told(row, scores[row.name, row.strength]) for row in rows]
    against = {
        measure: {
            name: found
            for name in (DB_LORA, SWAPPED)
            if np.isfinite((found := style_at_equal_content(scores, rows[0].pairs, B_LORA, name, measure))["mean"])
        }
        for measure in ("content", "cosine")
    }
    print(f"style of B-LoRA at equal content, less that of the others: {against}")
    if chosen.dry:
        return
    draw_curves(table, RESULTS / "b-lora-pocket-curve.png")
    _sheet(rows, folder).save(RESULTS / "b-lora-pocket.png")
    facts: dict[str, object] = {"seeds": chosen.seeds, "contents": len(contents), "packs": list(PACKS)}
    facts |= {"judge": facts_of_judge}
    facts |= {"style_won_at_equal": against}
    print(save_result("b-lora-pocket", {"question": (__doc__ or "").splitlines()[0], **facts, "rows": table}))


def _sheet(rows: Sequence[Row], folder: Path) -> Image.Image:
    """Return fifteen pairs of the first seed, a row for each way at strength 1, below contents and styles."""
    shown = [row for row in rows if row.strength == 1.0]
    first = [pair for pair in shown[0].pairs if pair.seed == 0]
    places = np.linspace(0, len(first) - 1, min(15, len(first))).astype(int)
    given = [(what, [read_picture(getattr(first[p], what)).image for p in places]) for what in ("content", "style")]
    return labelled_grid(
        [*given, *((row.name, [drawn(row, folder)[p] for p in places]) for row in shown)], columns=len(places)
    )


if __name__ == "__main__":
    main()
