"""Whether a training worked, told from its sample pictures: were the words kept, did the style come, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

_CLEARLY = 0.8
"""A step is worse than the best one if it reaches less than this share of its score."""


@dataclass(frozen=True, slots=True)
class Rated:
    """What was measured of the samples of one step.

    Attributes:
        step: 0 is the untrained base.
        distance: Mean distance of the samples to the style pictures, in features of strokes and colours.
        kept: Of how many samples the subject is recognised; None where nobody can tell.
        asked: How many samples ask for a subject that can be recognised.
    """

    step: int
    distance: float
    kept: int | None
    asked: int = 0


def distance_to_style(drawn: Float[Tensor, "drawn dim"], style: Float[Tensor, "style dim"]) -> float:
    """Return the mean distance of drawn pictures to the style pictures."""
    return float(torch.cdist(drawn, style).mean())


def distance_within(style: Float[Tensor, "style dim"]) -> float:
    """Return the mean distance of the style pictures among each other: that of perfect samples; 0 for a single one."""
    if len(style) < 2:
        return 0.0
    return float(torch.cdist(style, style).sum() / (len(style) * (len(style) - 1)))


def moved(rated: Rated, untrained: Rated, within: float) -> float:
    """Return how much of the way from the untrained base to the style pictures was gone: 0 is none, 1 all of it."""
    way = untrained.distance - within
    return (untrained.distance - rated.distance) / way if way > 0 else 0.0


def worse_since(rated: Sequence[Rated], within: float) -> int | None:
    """Return the step after the best one, if the last one is clearly worse; None otherwise.

    A step is as good as its share of the way to the style times the share of its samples whose words were kept.

    Args:
        rated: By step; the first is the untrained base.
        within: See `distance_within`.
    """
    untrained, *trained = rated
    scores = [max(moved(each, untrained, within), 0.0) * _kept_share(each, untrained) for each in trained]
    if not scores or scores[-1] >= _CLEARLY * max(scores):
        return None
    return trained[scores.index(max(scores)) + 1].step


def _kept_share(each: Rated, untrained: Rated) -> float:
    if each.kept is None or not untrained.kept:
        return 1.0
    return min(each.kept / untrained.kept, 1.0)
