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
import tempfile
from contextlib import closing
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from benchmarks.machine import RESULTS, save_result
from impasto.adapters.low_rank import LowRank
from impasto.base.latent_diffusion import LatentDiffusion
from impasto.base.roles import blocks_of
from impasto.core.config import validated
from impasto.core.events import TrainStep
from impasto.data.images import read_picture
from impasto.features.pocket import Features
from impasto.methods.b_lora import Method, Settings
from impasto.metrics.gram import gram, gram_similarity
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

PACKS = ("openmoji", "emojione-v1", "fluent-emoji-high-contrast")
STYLE_PICTURE = "castle"
CONTENTS = (
    *("guitar", "cat-face", "wolf", "skull", "airplane", "watermelon", "angry-face", "man", "tropical-fish"),
    "palm-tree",
)
LAYERS = (1, 2)
WAYS = ("untrained base", "B-LoRA", "B-LoRA, roles swapped", "all blocks")


class OnAllBlocks(Method):
    """The same training with adapters on every attention layer of the UNet."""

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> LowRank:
        """Return adapters everywhere."""
        return LowRank(base.networks(), ["unet"], self.settings.rank, rng)


@dataclass(frozen=True)
class Judge:
    """How pictures are judged: features, and what Gram matrices of real drawings share."""

    features: Features
    layer: int
    centre: Tensor
    hands_told_apart: float

    def style(self, drawn: list[Image.Image], wanted: list[Image.Image]) -> Tensor:
        """Return style similarities, pair by pair."""
        x, y = self.features.places(drawn, self.layer), self.features.places(wanted, self.layer)
        return gram_similarity(x, y, self.centre)

    def content(self, drawn: list[Image.Image], wanted: list[Image.Image]) -> Tensor:
        """Return content similarities, pair by pair."""
        return (self.features.extract(drawn) * self.features.extract(wanted)).sum(dim=-1)


def make_judge() -> Judge:
    """Return the judge with the layer that tells the hands of real drawings apart best."""
    features = Features()
    folders = [find_pack(pack).folder / "held_back" for pack in PACKS]
    names = sorted(set.intersection(*({path.stem for path in folder.glob("*.png")} for folder in folders)))[:40]
    pictures = [[read_picture(folder / f"{name}.png").image for name in names] for folder in folders]
    found = []
    for layer in LAYERS:
        places = [features.places(each, layer) for each in pictures]
        centre = torch.cat([gram(each) for each in places]).mean(dim=0)
        same = torch.cat([gram_similarity(each, each.roll(1, 0), centre) for each in places])
        other = torch.cat([gram_similarity(a, b, centre) for a, b in combinations(places, 2)])
        told_apart = float((same[:, None] > other[None, :]).float().mean())
        found.append(Judge(features, layer, centre, told_apart))
    return max(found, key=lambda judge: judge.hands_told_apart)


def learn(method: Method, picture: Path, seed: int, folder: Path) -> Style:
    """Return an adapter learnt from one picture."""
    own = Settings.model_fields
    values = {name: value for name, value in recipe_for("b_lora", "pocket").items() if name not in own}
    out = folder / "style.safetensors"
    changes = {"style_images": str(picture), "out": out, "seed": seed, "sample_every": 0, "run_dir": folder / "run"}
    with closing(train(validated(TrainOptions, values | changes, source="recipe"), method)) as events:
        seconds = [event.seconds for event in events if isinstance(event, TrainStep)]
    print(f"{picture.stem} {type(method).__name__} seed {seed}: {sum(seconds):.0f} s", flush=True)
    return load_style(out)


def settings_for(placeholder: str) -> Settings:
    """Return the recipe's settings with a placeholder."""
    values = {name: value for name, value in recipe_for("b_lora", "pocket").items() if name in Settings.model_fields}
    return validated(Settings, values | {"placeholder": placeholder}, source="recipe")


def learn_both(picture: Path, placeholder: str, seed: int) -> dict[str, Style]:
    """Return the adapters of one picture, on two blocks and on all."""
    found = {}
    for name, kind in (("two", Method), ("all", OnAllBlocks)):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = learn(kind(settings_for(placeholder)), picture, seed, Path(folder))
    return found


def combine(way: str, content: dict[str, Style], style: dict[str, Style], base: LatentDiffusion) -> list[Style]:
    """Return what to attach."""
    if way == "untrained base":
        return []
    if way == "all blocks":
        return [content["all"], style["all"]]
    roles = blocks_of(base.roles, ["content", "style"], base.unet)
    first, second = ("content", "style") if way == "B-LoRA" else ("style", "content")
    return [select_role(content["two"], first, roles, "content"), select_role(style["two"], second, roles, "style")]


def main() -> None:
    """Train, draw, judge and write JSON and a sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--contents", type=int, default=len(CONTENTS))
    parser.add_argument("--dry", action="store_true", help="do not write results")
    chosen = parser.parse_args()
    judge, base = make_judge(), open_base("pocket")
    print(f"layer {judge.layer} tells hands apart in {judge.hands_told_apart:.0%} of comparisons")
    look = Look(20, guidance_for("pocket"), base.resolution, base.resolution)
    pictures = [find_pack(PACKS[0]).folder / "auxiliary" / f"{name}.png" for name in CONTENTS[: chosen.contents]]
    styles = [find_pack(pack).folder / "style" / f"{STYLE_PICTURE}.png" for pack in PACKS]
    drawn: dict[str, list[Image.Image]] = {way: [] for way in WAYS}
    wanted: list[tuple[Path, Path]] = []
    for seed in range(chosen.seeds):
        contents = {path: learn_both(path, "[c]", seed) for path in pictures}
        for style_path in styles:
            style = learn_both(style_path, "[s]", seed)
            for content_path in pictures:
                wanted.append((content_path, style_path))
                for way in WAYS:
                    parts = combine(way, contents[content_path], style, base)
                    with attached(base, [(part, 1.0) for part in parts]):
                        request = Request("A [c] in [s] style", 1000 + seed)
                        drawn[way] += [image for _, image in draw(base, [request], look)]
    content_pictures = [read_picture(path).image for path, _ in wanted]
    style_pictures = [read_picture(path).image for _, path in wanted]
    rows: list[dict[str, object]] = []
    for way in WAYS:
        style_scores, content_scores = (
            judge.style(drawn[way], style_pictures),
            judge.content(drawn[way], content_pictures),
        )
        row: dict[str, object] = {"way": way}
        for name, scores in (("style", style_scores), ("content", content_scores)):
            row |= {name: round(float(scores.mean()), 4), f"{name}_error": round(standard_error(scores), 4)}
        rows.append(row)
        print(row, flush=True)
    step = max(1, len(wanted) // 15)
    sheet = [("content", content_pictures), ("style", style_pictures), *drawn.items()]
    grid = labelled_grid([(name.replace(" ", "\n"), each[::step][:15]) for name, each in sheet], columns=15)
    if not chosen.dry:
        grid.save(RESULTS / "b-lora-pocket.png")
        facts: dict[str, object] = {"seeds": chosen.seeds, "contents": len(pictures), "packs": list(PACKS)}
        facts |= {"judge_layer": judge.layer, "hands_told_apart": round(judge.hands_told_apart, 3)}
        print(save_result("b-lora-pocket", {"question": (__doc__ or "").splitlines()[0], **facts, "rows": rows}))
    else:
        grid.save("b-lora-pocket.png")


def standard_error(scores: Tensor) -> float:
    """Return the standard error of the mean."""
    return float(scores.std() / len(scores) ** 0.5)


if __name__ == "__main__":
    main()
