"""Redrawing a picture in a learnt style (SDEdit): what each strength gains in style and costs in content.

StyleForge learns every style pack with the recipe's settings. Twenty drawings by an artist that pocket knows are then
redrawn, "{caption}, [V] style", at every strength, with the style and without: what the style adds is the difference.
Style: the judge of artists (`artist_judge.py`), each picture by what was learnt from other subjects. Content: cosine to
the drawing that was given, in pocket's shared space; between two artists' drawings of one subject it is stated too, as
what may be expected of a picture that is wholly in the style.

Run: `python -m benchmarks.stylize_pocket` (about a quarter of an hour on two cores)
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from benchmarks.artist_judge import PACKS, HandJudge, standard_error
from benchmarks.machine import RESULTS, save_result
from impasto.data.captions import caption_of, styled_prompt
from impasto.data.images import read_picture
from impasto.data.packs import find_pack
from impasto.demo.demo import recipe_options
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.open import open_base
from impasto.registry.recipes import guidance_for
from impasto.reporting.grids import labelled_grid
from impasto.style.attach import attached
from impasto.style.file import load_style
from impasto.training.train import train

STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
WORDS = "zwx style"
WITH, WITHOUT = "learnt style", "base alone"
SHOWN = 5
"""Drawings on the sheet."""


def learn(pack: str, seed: int) -> bytes:
    """Return the style file learnt from a pack."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "style.safetensors"
        options, method = recipe_options(pack, out, sample_every=0, seed=seed, run_dir=Path(folder) / "run")
        with closing(train(options, method)) as events:
            list(events)
        return out.read_bytes()


def contents() -> list[Path]:
    """Return the drawings that are redrawn; the packs have the same ones."""
    return sorted((find_pack(PACKS[0]).folder / "auxiliary").glob("*.png"))


def redraw(style: bytes | None, strength: float, seed: int) -> list[Image.Image]:
    """Return every drawing, redrawn."""
    base = open_base("pocket")
    params = SamplingParams(20, guidance_for("pocket"), base.resolution, base.resolution, strength=strength, batch=8)
    requests = [
        ImageRequest(styled_prompt(caption_of(path), WORDS), 1000 + seed, start=read_picture(path).image)
        for path in contents()
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "style.safetensors"
        if style is not None:
            file.write_bytes(style)
        with attached(base, [] if style is None else [(load_style(file), 1.0)]):
            return [image for _, image in draw(base, requests, params)]


def across_artists(judge: HandJudge) -> float:
    """Return the content similarity of two artists' drawings of the same subjects."""
    first, second = (find_pack(pack).part("held_out") for pack in PACKS[:2])
    names = sorted({path.name for path in first.glob("*.png")} & {path.name for path in second.glob("*.png")})
    pictures = [[read_picture(folder / name).image for name in names] for folder in (first, second)]
    return float(judge.content(*pictures).mean())


def main() -> None:
    """Learn, redraw, judge and write JSON and a sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="trainings at once")
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    judge, names = HandJudge(), [path.stem for path in contents()]
    given = [read_picture(path).image for path in contents()]
    sheet: dict[str, list[Image.Image]] = {"given": given[:SHOWN] * len(PACKS)}
    scores: dict[tuple[str, float], list[tuple[Tensor, Tensor]]] = defaultdict(list)
    with ProcessPoolExecutor(chosen.workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        plain = {(s, seed): pool.submit(redraw, None, s, seed) for s, seed in product(STRENGTHS, range(chosen.seeds))}
        styles = {(p, seed): pool.submit(learn, p, seed) for p, seed in product(PACKS, range(chosen.seeds))}
        for (pack, seed), learnt in styles.items():
            style = learnt.result()
            redrawn = {strength: pool.submit(redraw, style, strength, seed) for strength in STRENGTHS}
            for strength, drawing in redrawn.items():
                for way, pictures in ((WITH, drawing.result()), (WITHOUT, plain[strength, seed].result())):
                    found = judge.artist(pictures, [pack] * len(names), names), judge.content(pictures, given)
                    scores[way, strength].append(found)
                if seed == 0:
                    sheet.setdefault(f"{strength:g}", []).extend(drawing.result()[:SHOWN])
            print(f"{pack}, seed {seed}: drawn", flush=True)
    rows = [row_of(way, strength, found) for (way, strength), found in sorted(scores.items())]
    grid = labelled_grid(list(sheet.items()), columns=SHOWN * len(PACKS))
    grid.save("stylize-pocket.jpg" if chosen.dry else RESULTS / "stylize-pocket.jpg", quality=88)
    facts: dict[str, object] = {"seeds": chosen.seeds, "pictures": len(given), "packs": list(PACKS)}
    facts["content_across_artists"] = round(across_artists(judge), 4)
    facts["judge"] = judge.facts()
    print(facts)
    if not chosen.dry:
        print(save_result("stylize-pocket", {"question": (__doc__ or "").splitlines()[0], **facts, "rows": rows}))


def row_of(way: str, strength: float, found: Sequence[tuple[Tensor, Tensor]]) -> dict[str, object]:
    """Return one row of the table: means over packs, seeds and pictures, with standard errors over pictures."""
    row: dict[str, object] = {"way": way, "strength": strength}
    for name, of_cells in zip(("style", "content"), zip(*found, strict=True), strict=True):
        by_picture = torch.stack(list(of_cells)).mean(dim=0)
        row |= {name: round(float(by_picture.mean()), 4), f"{name}_error": round(standard_error(by_picture), 4)}
    print(row, flush=True)
    return row


if __name__ == "__main__":
    main()
