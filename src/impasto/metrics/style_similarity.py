"""Style similarity: the mean cosine of drawn pictures to pictures of the style. Higher is better.

What "style" means is up to the features: those of CSD (arXiv:2404.01292) are trained for it, those of CLIP and DINO
carry content too, so reference and drawn pictures should show the same subjects. A method that optimises features may
not be judged by them.
"""

from __future__ import annotations

from collections.abc import Iterator

from impasto.metrics._cosines import cosines
from impasto.metrics._errors import two_sample_mean
from impasto.metrics._protocol import FeatureSets, Measurement


def measure(sets: FeatureSets) -> Iterator[Measurement]:
    """Yield the mean cosine to the reference; its error is over drawn pictures and over the reference."""
    if sets.real is None:
        return
    mean, error = two_sample_mean(cosines(sets.drawn, sets.real))
    yield Measurement("style similarity", mean, error, (len(sets.drawn), len(sets.real)), "higher")
