"""What the judge says of drawn pictures, beside what it says of the very renders that they were to be like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from impasto.data.images import to_tensor
from impasto.models.latent_diffusion import LatentDiffusion
from pretraining.data.split import unseen_pairs
from pretraining.evaluate_prompts import Asked
from pretraining.judge import Judge, Verdict
from pretraining.judge_classes import Row
from pretraining.measures import draw_prompts, through_autoencoder

MISSING = "not trained yet"
ALL_SHOWN = "all pairs were shown"
UNSEEN = 400
"""How many pictures of pairs never shown are drawn at most."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Pictures, and what each was asked to show."""

    asked: Sequence[Asked]
    pictures: Sequence[Image.Image]

    def tensors(self) -> Tensor:
        """Return the pictures in [-1, 1], shape (count, 3, 128, 128)."""
        return torch.stack([to_tensor(picture) for picture in self.pictures])

    def verdict(self, judge: Judge) -> Verdict:
        """Return what the judge says of them."""
        return judge.verdict(self.tensors(), [each.row() for each in self.asked])


def share_of(drawn: float, renders: float) -> float:
    """Return a score as a share of what renders reach."""
    return round(drawn / renders, 3) if renders else 0.0


def judge_numbers(base: LatentDiffusion, judge: Judge, drawn: Sequence[Drawn], renders: Tensor) -> dict[str, object]:
    """Return what the judge says.

    Args:
        base: Its autoencoder softens the renders that drawn pictures are compared with.
        judge: Asked.
        drawn: Pictures by plain prompts, then by prompts with a style of drawing.
        renders: All fresh ones, uint8 (count, 3, 128, 128); the prompts say which of them they ask for.
    """
    plain, styled = drawn
    everything = Drawn([*plain.asked, *styled.asked], [*plain.pictures, *styled.pictures])
    softened = through_autoencoder(base, renders[[each.render for each in everything.asked]])
    of_drawn = everything.verdict(judge).shares()
    of_renders = judge.verdict(softened, [each.row() for each in everything.asked]).shares()
    by_kind, of_plain = styled.verdict(judge), plain.verdict(judge)
    plain_renders = judge.verdict(softened[: len(plain.asked)], [each.row() for each in plain.asked])
    styled_renders = judge.verdict(softened[len(plain.asked) :], [each.row() for each in styled.asked])
    kinds = judge.classes.kinds
    return {
        "subject": {
            name: {
                "drawn": of_drawn[score],
                "renders": of_renders[score],
                "share": share_of(of_drawn[score], of_renders[score]),
            }
            for name, score in (("top_5", "subject_top_5"), ("top_1", "subject"))
        },
        "subject_by_plain_prompts": {
            "top_5": of_plain.shares()["subject_top_5"],
            "top_1": of_plain.shares()["subject"],
        },
        "artist": {
            "drawn": of_plain.shares()["artist"],
            "renders": plain_renders.shares()["artist"],
            "prompts": len(plain.asked),
        },
        "styles": {
            kind: {
                "drawn": by_kind.shares()[kind],
                "renders": styled_renders.shares()[kind],
                "prompts": by_kind.counts()[kind],
            }
            for kind in kinds
            if kind in by_kind.counts()
        },
    }


def judge_itself(judge: Judge, renders: Tensor, rows: Sequence[Row]) -> dict[str, object]:
    """Return how well the judge judges fresh renders as they are."""
    verdict = judge.verdict(renders, rows)
    return {"shares": verdict.shares(), "pictures": verdict.counts()}


def unseen_numbers(
    base: LatentDiffusion, judge: Judge, rows: Sequence[Row], of_renders: float
) -> dict[str, object] | str:
    """Return the subjects' scores on pairs of subject and artist that the base was never shown.

    Args:
        base: Draws.
        judge: Asked.
        rows: Of the fresh renders; their subjects, artists and backgrounds are asked for.
        of_renders: Share of renders through the autoencoder whose subject is in the judge's top 5.

    Returns:
        `ALL_SHOWN` where no pair of these subjects is held out.
    """
    rng = np.random.default_rng(7)
    subjects, artists = (sorted({row[name] for row in rows}) for name in ("subject", "artist"))
    pairs = unseen_pairs(subjects, artists)
    if not pairs:
        return ALL_SHOWN
    backgrounds = sorted({row["background"] for row in rows})
    asked = [
        Asked(*pairs[int(place)], background=str(rng.choice(backgrounds)), style={}, words="")
        for place in rng.permutation(len(pairs))[:UNSEEN]
    ]
    shares = Drawn(asked, draw_prompts(base, [each.prompt for each in asked])).verdict(judge).shares()
    top_5 = shares["subject_top_5"]
    return {"top_5": top_5, "top_1": shares["subject"], "share": share_of(top_5, of_renders), "drawn": len(asked)}
