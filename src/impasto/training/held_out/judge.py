"""What is measured of a step: distance to the held-out pictures, match with the words, nearness to training pictures.

Three numbers, because each alone is blind: a distance between sets rewards copies, a match with words rewards a style
that is not there yet, and a step that copies can match both. The distance decides; the others are shown beside it.

Every measurement draws the same prompts from the same seeds, so steps differ by what was learnt and not by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from impasto.core.finite import require_finite
from impasto.data.duplicates import small_copy
from impasto.data.images import to_tensor
from impasto.evaluation.feature_sets import text_in_windows
from impasto.features._protocol import Extractor, Reader
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.metrics.kernel import kernel_distance
from impasto.metrics.nearest import nearer_than, nearest
from impasto.metrics.text_alignment import text_alignment
from impasto.models.latent_diffusion import LatentDiffusion


@dataclass(frozen=True, slots=True)
class Judged:
    """What was measured of one step.

    Attributes:
        distance: Kernel distance to the held-out pictures; lower is better.
        standard_error: Of the distance, over pictures.
        match: 100 times the cosine of pictures and their captions; None where nothing reads the words.
        copying: How often a drawn picture is nearer to a training picture than a held-out one is: ½ is usual.
    """

    distance: float
    standard_error: float
    match: float | None
    copying: float


@dataclass(frozen=True)
class Judge:
    """What stays the same from measurement to measurement.

    Attributes:
        requests: The pictures that are drawn.
        look: How they are drawn.
        extractor: Makes the features between which the distance is taken.
        has_unit_length: Whether these features have length 1.
        real: Features of the held-out pictures.
        reader: Reads the words; None where nothing does.
        words: Features of the captions of `requests`.
        training: Small copies of the training pictures, centred and of unit length.
        unseen: How near each held-out picture comes to a training picture.
    """

    requests: tuple[ImageRequest, ...]
    look: SamplingParams
    extractor: Extractor
    has_unit_length: bool
    real: Float[Tensor, "held_out dim"]
    reader: Reader | None
    words: Float[Tensor, "drawn dim"] | None
    training: Float[Tensor, "training pixels"]
    unseen: Float[Tensor, " held_out"]

    def judge(self, base: LatentDiffusion) -> tuple[Judged, list[Image.Image]]:
        """Return what is measured of the base as it is now, and the pictures.

        Raises:
            NotFinite: A picture or a feature is not finite.
        """
        drawn = [image for _, image in draw(base, self.requests, self.look)]
        features = require_finite(
            self.extractor.extract(drawn), "a feature of a drawn picture", "take other --held-out-features"
        )
        distance = kernel_distance(features, self.real, has_unit_length=self.has_unit_length)
        match = None
        if self.reader is not None and self.words is not None:
            match = float(text_alignment(self.reader.extract(drawn), self.words).mean())
        near, _ = nearest(centred_copies_of(drawn), self.training)
        copying = float(nearer_than(near, self.unseen).mean())
        return Judged(distance.value, distance.standard_error, match, copying), drawn


def words_of(reader: Reader | None, captions: Sequence[str]) -> Float[Tensor, "captions dim"] | None:
    """Return the features of captions; None where nothing reads them or one is empty."""
    return None if reader is None or not all(captions) else text_in_windows(reader, captions)


def centred_copies_of(pictures: Sequence[Image.Image]) -> Float[Tensor, "pictures pixels"]:
    """Return what copying is told by: small copies less their mean colour, at unit length; a blank one is all zeros."""
    pixels = torch.stack([to_tensor(small_copy(each)) for each in pictures]).flatten(2)
    return normalize((pixels - pixels.mean(dim=2, keepdim=True)).flatten(1), dim=1)
