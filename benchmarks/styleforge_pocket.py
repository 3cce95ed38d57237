"""Does StyleForge bring pocket's drawings nearer to an artist's own, and do captions or auxiliary pictures help?

Trains every variant on the shipped OpenMoji pack with the recipe's settings, draws all held-back subjects with the same
prompts and seeds before and after, and measures the kernel distance (KID) to the artist's drawings of these subjects on
pocket's own image features. Also measured: how well the pictures still match their captions (CLIP similarity), since a
style that drowns the subject is no success.

Run: `python -m benchmarks.styleforge_pocket` (about 4 minutes a variant on two cores)
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path

import torch
from PIL import Image

from benchmarks.machine import RESULTS, save_result
from impasto.core.events import TrainStep
from impasto.features.pocket import Features
from impasto.metrics.kernel import kernel_distance
from impasto.style.attach import attached
from impasto.style.file import load_style
from impasto.workflows.demo import recipe_options
from impasto.workflows.draw import Look, Request, draw
from impasto.workflows.grid import labelled_grid
from impasto.workflows.held_back import HeldBack, read_held_back
from impasto.workflows.open_base import open_base
from impasto.workflows.packs import find_pack
from impasto.workflows.train import train

VARIANTS: dict[str, dict[str, object]] = {
    "identifier alone": {"captions": False},
    "captions": {"captions": True},
    "captions, no auxiliary pictures": {"captions": True, "aux_images": None, "aux": "none"},
    "captions, low rank": {"captions": True, "learn": "lora", "rank": 16, "learning_rate": 2e-3},
}
"""What differs from the recipe; the first is the recipe itself, spelt out."""


def draw_all(subjects: list[HeldBack], words: str, style: Path | None) -> list[Image.Image]:
    """Return one picture of every subject."""
    base = open_base("pocket")
    look = Look(20, 5.0, base.resolution, base.resolution, batch=8)
    requests = [Request(f"{subject.caption}, {words}", 1000) for subject in subjects]
    with attached(base, [] if style is None else [(load_style(style), 1.0)]):
        return [image for _, image in draw(base, requests, look)]


def learn(variant: dict[str, object], folder: Path) -> tuple[Path, float]:
    """Train one variant; returns the style file and the seconds a step took."""
    out = folder / "style.safetensors"
    options, method = recipe_options("openmoji", out, sample_every=0, run_dir=folder / "run", **variant)
    with closing(train(options, method)) as events:
        seconds = [event.seconds for event in events if isinstance(event, TrainStep)]
    return out, sum(seconds) / len(seconds)


def text_similarity(features: torch.Tensor, captions: list[str]) -> float:
    """Return the mean cosine of pictures and their own captions, in pocket's shared space."""
    base = open_base("pocket")
    pooled = base.encode_prompts(captions).pooled
    assert pooled is not None  # pocket has a pooled embedding
    return float((features * torch.nn.functional.normalize(pooled, dim=-1)).sum(dim=-1).mean())


def main() -> None:
    """Measure the variants asked for and write JSON and a sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--learning-rate", type=float, default=None)
    parser.add_argument("--sheet", type=Path, default=RESULTS / "styleforge-pocket.png")
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    subjects = read_held_back(find_pack("openmoji"), demo_only=False)
    features = Features()
    real = features.extract([subject.picture for subject in subjects])
    captions = [subject.caption for subject in subjects]
    drawn = {"before": draw_all(subjects, "zwx style", None)}
    rows: list[dict[str, object]] = []
    speeds = {"before": 0.0}
    changes = {k: v for k, v in (("steps", chosen.steps), ("learning_rate", chosen.learning_rate)) if v is not None}
    for name in chosen.variants:
        with tempfile.TemporaryDirectory() as folder:
            style, speeds[name] = learn(changes | VARIANTS[name], Path(folder))
            drawn[name] = draw_all(subjects, "zwx style", style)
    for name, pictures in drawn.items():
        found = features.extract(pictures)
        distance = kernel_distance(found, real)
        row = {
            "variant": name,
            "kid": round(distance.value, 4),
            "kid_standard_error": round(distance.standard_error, 4),
            "text_similarity": round(text_similarity(found, captions), 4),
            "seconds_a_step": round(speeds[name], 3),
        }
        rows.append(row)
        print(row, flush=True)
    sheet = [("real", [subject.picture for subject in subjects]), *drawn.items()]
    labelled_grid([(name.replace(" ", "\n"), pictures[::4]) for name, pictures in sheet], columns=15).save(chosen.sheet)
    if not chosen.dry:
        result: dict[str, object] = {
            "question": (__doc__ or "").splitlines()[0],
            "pictures": len(subjects),
            "text_similarity_of_real_drawings": round(text_similarity(real, captions), 4),
            "rows": rows,
        }
        print(save_result("styleforge-pocket", result))


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s")
