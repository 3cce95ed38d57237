"""Measurements of the base: autoencoder, towers, grounds, time and bytes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from impasto.data.images import read_picture, to_tensor
from impasto.features.pocket import PocketFeatures as Features
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.metrics.named_colour import background_of
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.registry.recipes import guidance_for
from pretraining.data.compose import GROUNDS, compose
from pretraining.data.nouns import name_of, noun
from pretraining.data.packs import PACKS, TITLES
from pretraining.data.render import render_set
from pretraining.data.sets import TRAINED
from pretraining.data.split import is_held_out
from pretraining.data.subjects import spoken, with_article
from pretraining.data.treatments import load_treatments

STEPS, GUIDANCE, SIDE = 20, guidance_for("pocket"), 128
"""How every measured picture is drawn."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one picture is asked to show.

    Attributes:
        subject: Slug.
        style: Phrase of a hand or of a treatment.
        ground: Name of a ground; empty when the style loses colours.
        words: For the subject, with their article.
    """

    subject: str
    style: str
    ground: str
    words: str

    @property
    def prompt(self) -> str:
        """The full prompt."""
        where = f" on {with_article(self.ground)} background" if self.ground else ""
        return f"{self.words}{where}, {self.style} style"


def words_for(subject: str, *, is_full: bool) -> str:
    """Return a subject with its article, as the grammar in use says it."""
    return noun(name_of(subject)) if is_full else with_article(spoken(subject))


def ask(pairs: Iterable[tuple[str, str]], rng: np.random.Generator, *, is_full: bool) -> list[Asked]:
    """Return a prompt for each (subject, style), on a ground drawn at random."""
    asked = []
    for subject, style in pairs:
        treatment = load_treatments().get(style)
        ground = list(GROUNDS)[int(rng.integers(len(GROUNDS)))]
        is_lost = treatment is not None and not treatment.coloured
        asked.append(Asked(subject, style, "" if is_lost else ground, words_for(subject, is_full=is_full)))
    return asked


def seen_pairs(
    subjects: Sequence[str], styles: Sequence[str], rng: np.random.Generator, *, is_full: bool
) -> Iterator[tuple[str, str]]:
    """Yield each subject with a style, one of those that training may show it in."""
    for subject in subjects:
        allowed = [style for style in styles if not (is_full and is_held_out(subject, style))]
        yield subject, allowed[int(rng.integers(len(allowed)))]


def draw_prompts(base: LatentDiffusion, prompts: Sequence[str]) -> list[Image.Image]:
    """Return one picture for each prompt."""
    look = SamplingParams(STEPS, GUIDANCE, SIDE, SIDE, batch=8)
    return [image for _, image in draw(base, [ImageRequest(prompt, 7) for prompt in prompts], look)]


def named_ground_right(pictures: Sequence[Image.Image], asked: Sequence[Asked]) -> float:
    """Return the share of pictures on the ground that was asked for, among those that were asked for one."""
    right = [
        background_of(picture) == each.ground for picture, each in zip(pictures, asked, strict=True) if each.ground
    ]
    return sum(right) / len(right)


def psnr(x: Tensor, drawn: Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB of pictures in [-1, 1]."""
    return float(-10 * (((drawn - x) ** 2).mean() / 4).log10())  # range 2: peak² is 4


def edge_error(x: Tensor, drawn: Tensor) -> float:
    """Return the mean absolute difference of Sobel magnitudes, of pictures (1, 3, h, w) in [-1, 1] taken to [0, 1]."""
    across = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]]) / 8
    kernels = torch.stack([across, across.T])[:, None].repeat(3, 1, 1, 1)

    def magnitude(pictures: Tensor) -> Tensor:
        slopes = F.conv2d((pictures + 1) / 2, kernels, groups=3)  # across and down, of each channel in turn
        return torch.hypot(slopes[:, ::2], slopes[:, 1::2])

    return float((magnitude(x) - magnitude(drawn)).abs().mean())


def reconstruction(base: LatentDiffusion) -> dict[str, dict[str, float]]:
    """Return mean PSNR and edge error of the autoencoder on the held-back drawings of each pack, by its title."""
    found = {}
    for pack, title in TITLES.items():
        values = []
        for path in sorted((PACKS / pack / "held_back").glob("*.png")):
            x = to_tensor(read_picture(path).image)[None]
            drawn = base.decode(base.encode_images(x)[0])
            values.append((psnr(x, drawn), edge_error(x, drawn)))
        if values:
            means = np.mean(values, axis=0)
            counted = {"psnr_db": round(float(means[0]), 2), "edge_error": round(float(means[1]), 4)}
            found[title] = {**counted, "drawings": len(values)}
    return found


def fresh_compositions(subjects: Sequence[str], count: int, *, is_full: bool) -> tuple[list[Image.Image], list[str]]:
    """Return up to `count` new compositions of seen drawings on plain grounds, with full captions."""
    rng = np.random.default_rng(12345)
    drawings = {hand.name: render_set(hand, tuple(subjects)) for hand in TRAINED}
    pictures: list[Image.Image] = []
    captions: list[str] = []
    for subject in rng.permutation(list(subjects)).tolist():
        hand = TRAINED[int(rng.integers(len(TRAINED)))]
        is_seen = subject in drawings[hand.name] and not (is_full and is_held_out(subject, hand.phrase))
        if not is_seen or len(pictures) == count:
            continue
        made = compose(subject, hand, drawings[hand.name][subject], rng)
        pictures.append(Image.fromarray(made.picture))
        captions.append(Asked(subject, hand.phrase, made.ground, words_for(subject, is_full=is_full)).prompt)
    return pictures, captions


def text_features(base: LatentDiffusion, captions: Sequence[str]) -> Tensor:
    """Return unit-length text features in the shared space."""
    pooled = base.encode_prompts(captions).pooled
    assert pooled is not None
    return F.normalize(pooled, dim=-1)


def retrieval(base: LatentDiffusion, pictures: Sequence[Image.Image], captions: Sequence[str]) -> float:
    """Return recall@1 of finding each picture's caption among all of them."""
    scores = Features().extract(pictures) @ text_features(base, captions).T
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
