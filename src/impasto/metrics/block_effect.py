"""How much of a change of words one block brings into the picture, with its bootstrap interval.

The block analysis of B-LoRA (arXiv:2403.14572, Sec. 4.1) as numbers: the paper averages the match with the injected
words; here the average is put between that of the plain pictures, so that 0 is "as if nothing had been injected" and 1
"as if all words had been changed".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

_RESAMPLES = 4000
_TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def is_apart_from(self, other: Interval) -> bool:
        """Return whether the two intervals do not overlap."""
        return self.low > other.high or self.high < other.low


@dataclass(frozen=True, slots=True)
class Effects:
    """What was measured of one kind of change.

    Attributes:
        span: How far the scores of the two plain pictures are apart.
        blocks: Effect of each block, as a share of the span.
    """

    span: Interval
    blocks: tuple[Interval, ...]

    @property
    def is_measurable(self) -> bool:
        """Whether the plain pictures differ in the score at all; if not, shares of the span say nothing."""
        return self.span.low > 0


def block_effects(
    plain: Float[Tensor, " pairs"],
    changed: Float[Tensor, " pairs"],
    injected: Float[Tensor, "pairs blocks"],
    rng: torch.Generator,
) -> Effects:
    """Return the effect of each block, E[sᵢ - s] / E[ŝ - s]: a ratio of means, since single spans may be near zero.

    Intervals are percentiles of the bootstrap over pairs; numerator and denominator share the drawn pairs.

    Args:
        plain: s, scores of the pictures of the original prompts.
        changed: ŝ, scores of the pictures of the injected prompts.
        injected: sᵢ, scores of the pictures in which block i alone is shown the injected prompt.
        rng: Draws the pairs.
    """
    count = len(plain)
    span = (changed - plain).double()
    shift = (injected - plain[:, None]).double()
    drawn = torch.randint(count, (_RESAMPLES, count), generator=rng)
    times = torch.zeros(drawn.shape, dtype=torch.double)  # how often each pair was drawn
    times.scatter_add_(1, drawn, torch.ones_like(times))
    spans, shifts = times @ span, times @ shift
    shares = shifts / spans[:, None]
    means = shift.sum(dim=0) / span.sum()
    return Effects(
        _interval(span.mean(), spans / count),
        tuple(_interval(mean, column) for mean, column in zip(means, shares.T, strict=True)),
    )


def _interval(mean: Tensor, resampled: Float[Tensor, " resamples"]) -> Interval:
    low, high = torch.quantile(resampled, torch.tensor([_TAIL, 1 - _TAIL], dtype=torch.double)).tolist()
    return Interval(float(mean), low, high)
