"""Measurements of the base: autoencoder, towers, backgrounds, time and bytes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from impasto.data.images import read_picture, to_tensor
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.metrics.named_colour import background_of
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.registry.recipes import guidance_for
from pretraining.data.packs import PACKS, TITLES
from pretraining.evaluate_prompts import Asked
from pretraining.held_out import psnr
from pretraining.pictures import to_unit

STEPS, GUIDANCE, SIDE, SEED = 20, guidance_for("pocket"), 128, 7
"""How every measured picture is drawn."""


def draw_prompts(base: LatentDiffusion, prompts: Sequence[str]) -> list[Image.Image]:
    """Return one picture for each prompt."""
    look = SamplingParams(STEPS, GUIDANCE, SIDE, SIDE, batch=8)
    return [image for _, image in draw(base, [ImageRequest(prompt, SEED) for prompt in prompts], look)]


def named_background_right(pictures: Sequence[Image.Image], asked: Sequence[Asked]) -> float:
    """Return the share of pictures on the background that was asked for."""
    return float(
        np.mean([background_of(image) == each.background for image, each in zip(pictures, asked, strict=True)])
    )


def edge_error(x: Tensor, drawn: Tensor) -> float:
    """Return the mean absolute difference of Sobel magnitudes, of pictures (1, 3, h, w) in [-1, 1] taken to [0, 1]."""
    across = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]) / 8
    kernels = torch.stack([across, across.T])[:, None].repeat(3, 1, 1, 1)

    def magnitude(pictures: Tensor) -> Tensor:
        slopes = F.conv2d((pictures + 1) / 2, kernels, groups=3)  # across and down, of each channel in turn
        return torch.hypot(slopes[:, ::2], slopes[:, 1::2])

    return float((magnitude(x) - magnitude(drawn)).abs().mean())


@torch.no_grad()
def through_autoencoder(base: LatentDiffusion, pictures: Tensor, batch: int = 16) -> Tensor:
    """Return uint8 pictures (count, 3, 128, 128) as the autoencoder leaves them, float32 in [-1, 1]."""
    parts = [base.decode(base.encode_images(to_unit(part))[0]) for part in torch.split(pictures, batch)]
    return torch.cat(parts).float().clamp(-1, 1)


@torch.no_grad()
def reconstruction(base: LatentDiffusion) -> dict[str, dict[str, float]]:
    """Return mean PSNR and edge error of the autoencoder on the held-out drawings of each pack, by its title."""
    found = {}
    for pack, title in TITLES.items():
        values = []
        for path in sorted((PACKS / pack / "held_out").glob("*.png")):
            x = to_tensor(read_picture(path).image)[None]
            drawn = base.decode(base.encode_images(x)[0]).float()
            values.append((float(psnr(x, drawn)), edge_error(x, drawn)))
        if values:
            means = np.mean(values, axis=0)
            counted = {"psnr_db": round(float(means[0]), 2), "edge_error": round(float(means[1]), 4)}
            found[title] = {**counted, "drawings": len(values)}
    return found


@torch.no_grad()
def retrieval(base: LatentDiffusion, pictures: Tensor, captions: Sequence[str]) -> float:
    """Return recall@1 of finding each picture's caption among all of them, by the base's own encoders.

    Args:
        base: Its pipeline has an image encoder in the space of the pooled states of words.
        pictures: uint8 (count, 3, 128, 128).
        captions: As many, all different.
    """
    words = base.encode_prompts(captions).pooled
    assert words is not None
    parts = [base.pipe.image_encoder(to_unit(part)).image_embeds for part in torch.split(pictures, 32)]
    scores = F.normalize(torch.cat(parts), dim=-1) @ F.normalize(words, dim=-1).T
    return float((scores.argmax(dim=1) == torch.arange(len(pictures))).float().mean())


def seconds_for_four(base: LatentDiffusion) -> float:
    """Return the median time of three draws of four pictures."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        draw_prompts(base, ["a fox on a green background, twemoji style"] * 4)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def total_bytes(folder: Path) -> int:
    """Return the bytes of all files in `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
