"""Content similarity: the mean cosine of each drawn picture to the one picture that shows the same. Higher is better.

That picture is the one that was redrawn (SDEdit), or a real drawing of the same subject. Features of CLIP and DINO see
content above all.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch.nn.functional import cosine_similarity

from impasto.metrics._errors import grouped_mean
from impasto.metrics._protocol import FeatureSets, Measurement


def measure(sets: FeatureSets) -> Iterator[Measurement]:
    """Yield the mean cosine over pairs; its error is over the reference's pictures."""
    if sets.real is None or not sets.pairs:
        return
    drawn, real = map(list, zip(*sets.pairs, strict=True))
    values = cosine_similarity(sets.drawn[drawn].double(), sets.real[real].double(), dim=1)
    mean, error = grouped_mean(values, [str(index) for index in real])
    yield Measurement("content similarity", mean, error, (len(drawn), len(set(real))), "higher")
