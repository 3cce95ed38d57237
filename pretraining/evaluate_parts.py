"""Measurements by the judge, and of what the image prompt does to the words; each only if its stage is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from impasto.data.images import to_tensor
from impasto.metrics.named_colour import background_of
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.loading import quiet_loading
from pretraining.data.compose import GROUNDS, on_ground
from pretraining.data.render import render_set
from pretraining.data.sets import TRAINED
from pretraining.data.split import unseen_pairs
from pretraining.image_prompt import FILE, FOLDER
from pretraining.judge import Judge, held_back_accuracies, load_judge
from pretraining.measures import GUIDANCE, SIDE, STEPS, Asked, ask, draw_prompts, words_for
from pretraining.package import PACKAGED

MISSING = "not trained yet"
NO_SPLIT = "the data set holds no pairs out"
UNSEEN = 400
"""How many pictures of unseen pairs are drawn at most."""
REFERENCES, WORDS = 24, 4
"""Reference pictures that image prompts are measured with, and grounds that are asked for with each."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Shares of pictures whose subject is in the judge's top 5, and whose style is its first."""

    subject: float
    style: float


def judged(judge: Judge, pictures: Sequence[Image.Image], asked: Sequence[Asked]) -> Verdict:
    """Return how well the pictures show what they were asked to."""
    subject_logits, style_logits = judge.judge_pictures(torch.stack([to_tensor(picture) for picture in pictures]))
    top_5 = subject_logits.topk(min(5, subject_logits.shape[1]), dim=1).indices.tolist()
    first = style_logits.argmax(dim=1).tolist()
    classes = judge.classes
    right_subject = [classes.subjects.index(each.subject) in found for each, found in zip(asked, top_5, strict=True)]
    right_style = [classes.styles[found] == each.style for each, found in zip(asked, first, strict=True)]
    return Verdict(float(np.mean(right_subject)), float(np.mean(right_style)))


def judge_numbers(
    base: LatentDiffusion, pictures: Sequence[Image.Image], asked: Sequence[Asked], *, is_full: bool
) -> dict[str, object]:
    """Return what the judge says.

    Args:
        base: Draws the pictures of unseen pairs.
        pictures: Drawn already, one of every subject.
        asked: What they should show.
        is_full: Whether the base was trained with the full grammar, which holds pairs out.
    """
    try:
        judge = load_judge()
    except FileNotFoundError:
        return {"judge": MISSING}
    itself = held_back_accuracies(judge, 4000)
    shown = judged(judge, pictures, asked)
    numbers: dict[str, object] = {
        "judge": {name.replace(" ", "_"): found.rounded() for name, found in itself.items()},
        "subject_in_top_5_by_judge": round(shown.subject, 3),
        "style_right_by_judge": round(shown.style, 3),
    }
    if not is_full:
        return numbers | {"unseen_pairs": NO_SPLIT}
    rng = np.random.default_rng(7)
    pairs = unseen_pairs(judge.classes.subjects, judge.classes.styles)
    kept = ask([pairs[int(place)] for place in rng.permutation(len(pairs))[:UNSEEN]], rng, is_full=True)
    unseen = judged(judge, draw_prompts(base, [each.prompt for each in kept]), kept)
    counted = {"subject_in_top_5": round(unseen.subject, 3), "style_right": round(unseen.style, 3), "drawn": len(kept)}
    return numbers | {"unseen_pairs": counted}


def _references(subjects: Sequence[str], rng: np.random.Generator) -> list[tuple[Image.Image, str, str]]:
    """Return reference pictures on grounds drawn at random, each with the phrase of its hand and its ground's name."""
    drawings = [(hand, drawing) for hand in TRAINED for drawing in render_set(hand, tuple(subjects)).values()]
    made = []
    for place in rng.choice(len(drawings), min(REFERENCES, len(drawings)), replace=False):
        hand, drawing = drawings[int(place)]
        ground = list(GROUNDS)[int(rng.integers(len(GROUNDS)))]
        picture = on_ground(drawing, GROUNDS[ground], side=104, offset=(0, 0))
        made.append((Image.fromarray(picture), hand.phrase, ground))
    return made


def _obeyed(
    pipe: StableDiffusionXLPipeline, asked: Sequence[Asked], reference: Image.Image, strength: float
) -> list[bool]:
    """Return for each prompt whether its ground is obeyed when `reference` is the image prompt."""
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
    return [background_of(picture) == each.ground for picture, each in zip(drawn, asked, strict=True)]


def image_prompt_numbers(subjects: Sequence[str], *, is_full: bool) -> dict[str, object]:
    """Return how often the named ground is obeyed with the image prompt at full strength and without it.

    The same words and seeds both times; the words ask for other subjects and other grounds than the reference shows.
    """
    if not (PACKAGED / FOLDER / FILE).exists():
        return {"ground_with_image_prompt": MISSING}
    with quiet_loading():
        pipe = StableDiffusionXLPipeline.from_pretrained(PACKAGED, dtype=torch.float32)
        pipe.load_ip_adapter(str(PACKAGED), subfolder=FOLDER, weight_name=FILE)
    pipe.set_progress_bar_config(disable=True)
    rng = np.random.default_rng(17)
    right: dict[float, list[bool]] = {1.0: [], 0.0: []}
    for reference, phrase, shown in _references(subjects, rng):
        grounds = rng.choice([name for name in GROUNDS if name != shown], WORDS, replace=False).tolist()
        named = rng.choice(list(subjects), WORDS, replace=False).tolist()
        asked = [
            Asked(subject, phrase, ground, words_for(subject, is_full=is_full))
            for subject, ground in zip(named, grounds, strict=True)
        ]
        for strength, found in right.items():
            found.extend(_obeyed(pipe, asked, reference, strength))
    full, without = (round(float(np.mean(found)), 3) for found in right.values())
    counted = {"at_full_strength": full, "without": without, "drawn": len(right[1.0])}
    return {"ground_with_image_prompt": counted}
