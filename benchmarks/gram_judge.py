"""Judges pictures by style, by cosines of Gram matrices on pocket's own vision encoder.

How well the judge tells hands apart on real drawings is measured before it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from impasto.data.images import read_picture
from impasto.features.pocket import Features
from impasto.metrics.gram import gram, gram_similarity
from impasto.workflows.held_back import read_held_back
from impasto.workflows.packs import find_pack

PACKS = ("openmoji", "emojione-v1", "fluent-emoji-high-contrast")
LAYERS = (1, 2)


@dataclass(frozen=True)
class Judge:
    """How pictures are judged: features, and what Gram matrices of real drawings share."""

    features: Features
    layer: int
    centre: Tensor
    hands_told_apart: float

    def directions(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Return unit-length centred Gram matrices, flat, one row for each picture."""
        centred = (gram(self.features.places(list(pictures), self.layer)) - self.centre).flatten(1)
        return normalize(centred, dim=1)

    def hands(self) -> dict[str, tuple[Tensor, int]]:
        """Return for every pack the sum of its held-back drawings' directions, and their number."""
        found = {}
        for pack in PACKS:
            drawings = [each.picture for each in read_held_back(find_pack(pack), demo_only=False)]
            directions = self.directions(drawings)
            found[pack] = directions.sum(dim=0), len(directions)
        return found


def make_judge() -> Judge:
    """Return the judge with the layer that tells the hands of real drawings apart best."""
    features = Features()
    folders = [find_pack(pack).folder / "held_back" for pack in PACKS]
    names = sorted(set.intersection(*({path.stem for path in folder.glob("*.png")} for folder in folders)))[:40]
    pictures = [[read_picture(folder / f"{name}.png").image for name in names] for folder in folders]
    found = []
    for layer in LAYERS:
        places = [features.places(each, layer) for each in pictures]
        centre = torch.cat([gram(each) for each in places]).mean(dim=0)
        same = torch.cat([gram_similarity(each, each.roll(1, 0), centre) for each in places])
        other = torch.cat([gram_similarity(a, b, centre) for a, b in combinations(places, 2)])
        told_apart = float((same[:, None] > other[None, :]).float().mean())
        found.append(Judge(features, layer, centre, told_apart))
    return max(found, key=lambda judge: judge.hands_told_apart)
