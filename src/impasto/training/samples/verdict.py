"""Whether a training worked, told from its sample pictures: were the words kept, did the style come, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

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

    Args:
        rated: By step; the first is the untrained base.
        within: See `distance_within`.
    """
    scores = _scores(rated, within)
    if not scores or scores[-1] >= _CLEARLY * max(scores):
        return None
    return rated[scores.index(max(scores)) + 2].step


def words_lost_since(rated: Sequence[Rated]) -> int | None:
    """Return the step since which clearly fewer subjects are recognised than of the untrained base; None if they are.

    Args:
        rated: By step; the first is the untrained base.
    """
    untrained, *trained = rated
    lost = takewhile(lambda each: _kept_share(each, untrained) < _CLEARLY, reversed(trained))
    return min((each.step for each in lost), default=None)


def best_step(rated: Sequence[Rated], within: float) -> int | None:
    """Return the trained step with the best samples, of those before words were lost; None where none came nearer.

    Args:
        rated: By step; the first is the untrained base.
        within: See `distance_within`.
    """
    until = words_lost_since(rated)
    steps = [each.step for each in rated[1:]]
    scores = {
        step: score
        for step, score in zip(steps, _scores(rated, within), strict=True)
        if score > 0 and (until is None or step < until)
    }
    return max(scores, key=lambda step: scores[step], default=None)


def _scores(rated: Sequence[Rated], within: float) -> list[float]:
    """Return how good each trained step is: its share of the way to the style times the share of its words kept."""
    untrained, *trained = rated
    return [max(moved(each, untrained, within), 0.0) * _kept_share(each, untrained) for each in trained]


def _kept_share(each: Rated, untrained: Rated) -> float:
    if each.kept is None or not untrained.kept:
        return 1.0
    return min(each.kept / untrained.kept, 1.0)
