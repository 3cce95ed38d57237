"""Measure pocket and write its model card. All measured numbers in the card come from here.

Run: `python -m pretraining.evaluate` after `python -m pretraining.package`
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from benchmarks.machine import describe_machine
from PIL import Image
from torch import Tensor

from impasto.base.latent_diffusion import LatentDiffusion
from impasto.data.images import read_picture, to_tensor
from impasto.features.pocket import Features
from impasto.workflows.draw import Look, Request, draw
from impasto.workflows.open_base import open_base
from pretraining.checkpoint import STAGES
from pretraining.data.compose import GROUNDS, compose
from pretraining.data.render import render_set
from pretraining.data.sets import KEYWORDS_PACKAGE, KEYWORDS_VERSION, TRAINED
from pretraining.data.subjects import V0, spoken, with_article
from pretraining.package import PACKAGED

HELD_BACK = Path("src/impasto/pocket/packs/openmoji/held_back")


def reconstruction_psnr(base: LatentDiffusion) -> float:
    """Return the mean PSNR in dB of the autoencoder on drawings in a style it never saw."""
    values = []
    for path in sorted(HELD_BACK.glob("*.png")):
        x = to_tensor(read_picture(path).image)[None]
        error = ((base.decode(base.encode_images(x)[0]) - x) ** 2).mean() / 4  # range 2: peak² is 4
        values.append(float(-10 * error.log10()))
    return sum(values) / len(values)


def fresh_compositions(count: int) -> tuple[list[Image.Image], list[str]]:
    """Return new compositions of seen drawings (other grounds, sizes, places) with full captions."""
    rng = np.random.default_rng(12345)
    pictures, captions = [], []
    subjects = rng.permutation(list(V0))[:count]
    for subject in subjects:
        hand = TRAINED[int(rng.integers(len(TRAINED)))]
        drawings = render_set(hand, V0)
        if subject not in drawings:
            continue
        made = compose(str(subject), hand, drawings[str(subject)], rng)
        pictures.append(Image.fromarray(made.picture))
        where = with_article(made.ground)
        captions.append(f"{with_article(spoken(str(subject)))} on {where} background, {hand.phrase} style")
    return pictures, captions


def text_features(base: LatentDiffusion, captions: list[str]) -> Tensor:
    """Return unit-length text features in the shared space."""
    pooled = base.encode_prompts(captions).pooled
    assert pooled is not None
    return F.normalize(pooled, dim=-1)


def retrieval(base: LatentDiffusion, pictures: list[Image.Image], captions: list[str]) -> float:
    """Return recall@1 of finding each picture's caption among all of them."""
    scores = Features().extract(pictures) @ text_features(base, captions).T
    return float((scores.argmax(dim=1) == torch.arange(len(pictures))).float().mean())


def draw_prompts(base: LatentDiffusion, prompts: list[str]) -> list[Image.Image]:
    """Return one picture for each prompt."""
    look = Look(20, 5.0, 128, 128, batch=8)
    return [image for _, image in draw(base, [Request(prompt, 7) for prompt in prompts], look)]


def ground_of(picture: Image.Image) -> str:
    """Return the name of the ground whose colour is nearest to the picture's border."""
    pixels = np.asarray(picture, dtype=np.float64)
    border = np.concatenate([pixels[:4].reshape(-1, 3), pixels[:, :4].reshape(-1, 3), pixels[:, -4:].reshape(-1, 3)])
    middle = np.median(border, axis=0)
    return min(GROUNDS, key=lambda name: float(((np.array(GROUNDS[name]) - middle) ** 2).sum()))


def measure() -> dict[str, object]:
    """Return all numbers of the card."""
    base = open_base("pocket")
    rng = np.random.default_rng(99)
    asked = []
    for subject in V0:
        hand = TRAINED[int(rng.integers(len(TRAINED)))]
        ground = list(GROUNDS)[int(rng.integers(len(GROUNDS)))]
        asked.append((subject, hand, ground))
    prompts = [
        f"{with_article(spoken(subject))} on {with_article(ground)} background, {hand.phrase} style"
        for subject, hand, ground in asked
    ]
    drawn = draw_prompts(base, prompts)
    found = Features().extract(drawn)
    names = text_features(base, [with_article(spoken(subject)) for subject in V0])
    top_5 = (found @ names.T).topk(5, dim=1).indices
    right_ground = [ground_of(picture) == ground for picture, (_, _, ground) in zip(drawn, asked, strict=True)]
    compositions, captions = fresh_compositions(100)
    return {
        "autoencoder_psnr_db_on_openmoji": round(reconstruction_psnr(base), 2),
        "retrieval_recall_at_1": round(retrieval(base, compositions, captions), 3),
        "retrieval_candidates": len(compositions),
        "named_ground_right": round(sum(right_ground) / len(right_ground), 3),
        "subject_in_top_5_by_own_towers": round(
            float((top_5 == torch.arange(len(V0))[:, None]).any(1).float().mean()), 3
        ),
        "prompts_drawn": len(prompts),
        "steps": {
            stage: json.loads((STAGES / stage / "counters.json").read_text())
            for stage in ("autoencoder", "towers", "denoiser")
        },
        "machine": describe_machine(),
    }


def card(numbers: dict[str, object]) -> str:
    """Return the model card."""
    weights = sum(path.stat().st_size for path in PACKAGED.rglob("*.safetensors")) / 2**20
    sets = "\n".join(
        f"| {each.name} {each.version} | {each.author} | {each.licence} | {each.phrase} style |" for each in TRAINED
    )
    steps = numbers["steps"]
    assert isinstance(steps, dict)
    trained = ", ".join(
        f"{stage} {counts['step']} steps in {counts['seconds'] // 60} min" for stage, counts in steps.items()
    )
    return f"""# pocket v0

A small latent text-to-image diffusion model in SDXL's topology, for learning and testing styles without a GPU: two CLIP
text encoders, a UNet of 14 M parameters, an autoencoder of factor 8, a CLIP image encoder; 128x128 pictures; predicts v
on a schedule with zero terminal signal. {weights:.1f} MiB in half precision. Opens with
`StableDiffusionXLPipeline.from_pretrained`.

It draws {len(V0)} subjects (people and faces, animals and objects, places and scenes) on {len(GROUNDS)} named grounds in
seven hands: "a fox on a green background, twemoji style". It knows nothing else.

## Data and licences

| set | author | licence | called |
|---|---|---|---|
{sets}

Subject names: {KEYWORDS_PACKAGE} {KEYWORDS_VERSION} (MIT). Never trained on OpenMoji, EmojiOne v1, Fluent high contrast,
FxEmoji, Streamline or any blob set: these are the styles to be learnt later. The weights are Apache-2.0; attribution in
`NOTICE`.

## Training

On two CPU cores: {trained}. Code: `pretraining/`.

## Measured (`python -m pretraining.evaluate`)

| what | value |
|---|---|
| autoencoder, PSNR on {len(list(HELD_BACK.glob("*.png")))} OpenMoji drawings (never seen) | {numbers["autoencoder_psnr_db_on_openmoji"]} dB |
| caption found among {numbers["retrieval_candidates"]} for fresh compositions of seen drawings, recall@1 | {numbers["retrieval_recall_at_1"]} |
| named ground right, {numbers["prompts_drawn"]} drawn prompts | {numbers["named_ground_right"]} |
| subject in the top 5 of {len(V0)}, judged by pocket's own encoders (lenient: they were trained with it) | {numbers["subject_in_top_5_by_own_towers"]} |

## Limits

Trained for hours, not days: fine features (eyes, windows, lettering) come out soft or misplaced, some subjects are hard to
recognise, and prompts beyond the taught form are ignored. Not for photographs.
"""


def main() -> None:
    """Measure, and write `measured.json` and the card beside the weights."""
    numbers = measure()
    (PACKAGED / "measured.json").write_text(json.dumps(numbers, indent=2) + "\n", "utf-8")
    (PACKAGED / "README.md").write_text(card(numbers), "utf-8")
    print(json.dumps(numbers, indent=2))


if __name__ == "__main__":
    main()
