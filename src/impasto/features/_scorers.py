"""Which network judges pictures by words."""

from __future__ import annotations

import torch

from impasto.features._protocol import Scorer
from impasto.models.source import POCKET

CLIP = "openai/clip-vit-base-patch32"


def open_scorer(name: str, device: torch.device) -> Scorer:
    """Return the scorer called `name`: "pocket", or a CLIP checkpoint."""
    if name == POCKET:
        from impasto.features.pocket import PocketFeatures

        return PocketFeatures()
    from impasto.features.clip import CLIPFeatures

    return CLIPFeatures(name, device)
