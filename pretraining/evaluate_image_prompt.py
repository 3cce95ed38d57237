"""What an image prompt of another colour does to the colour that the words name: the effect that StyleStudio mends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from torch import Tensor

from impasto.metrics.named_colour import background_of
from impasto.models.loading import quiet_loading
from pretraining.evaluate_judge import MISSING
from pretraining.evaluate_prompts import Asked, Row, plain_prompts
from pretraining.image_prompt import FILE, FOLDER
from pretraining.measures import GUIDANCE, SIDE, STEPS

REFERENCES, WORDS = 24, 4
"""Reference pictures that image prompts are measured with, and backgrounds that are asked for with each."""


def _obeyed(
    pipe: StableDiffusionXLPipeline, asked: Sequence[Asked], reference: Image.Image, strength: float
) -> list[bool]:
    """Return for each prompt whether its background is obeyed when `reference` is the image prompt."""
    pipe.set_ip_adapter_scale(strength)
    drawn = pipe(
        [each.prompt for each in asked],
        ip_adapter_image=reference,
        height=SIDE,
        width=SIDE,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=[torch.Generator().manual_seed(number) for number in range(len(asked))],
    ).images
    return [background_of(picture) == each.background for picture, each in zip(drawn, asked, strict=True)]


def image_prompt_numbers(folder: Path, renders: Tensor, rows: Sequence[Row]) -> dict[str, float] | str:
    """Return how often the named background is obeyed with the image prompt at full strength and without it.

    The same words and seeds both times; the words ask for other subjects and backgrounds than the reference shows, and
    for its artist.

    Args:
        folder: Of the model.
        renders: Fresh ones, uint8 (count, 3, 128, 128).
        rows: What they show.
    """
    if not (folder / FOLDER / FILE).exists():
        return MISSING
    with quiet_loading():
        pipe = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32)
        pipe.load_ip_adapter(str(folder), subfolder=FOLDER, weight_name=FILE)
    pipe.set_progress_bar_config(disable=True)
    rng = np.random.default_rng(17)
    subjects, backgrounds = (sorted({row[name] for row in rows}) for name in ("subject", "background"))
    right: dict[float, list[bool]] = {1.0: [], 0.0: []}
    for shown in plain_prompts(rows, rng, each=1)[:REFERENCES]:
        reference = Image.fromarray(renders[shown.render].permute(1, 2, 0).numpy())
        colours = rng.choice([name for name in backgrounds if name != shown.background], WORDS, replace=False).tolist()
        named = rng.choice([name for name in subjects if name != shown.subject], WORDS, replace=False).tolist()
        asked = [Asked(*each, {}, "") for each in zip(named, [shown.artist] * WORDS, colours, strict=True)]
        for strength, found in right.items():
            found.extend(_obeyed(pipe, asked, reference, strength))
    full, without = (round(float(np.mean(found)), 3) for found in right.values())
    return {"at_full_strength": full, "without": without, "drawn": len(right[1.0])}
