"""Which network judges pictures by words."""

from __future__ import annotations

from pathlib import Path

import torch

from impasto.features._protocol import Scorer
from impasto.models.source import POCKET

CLIP = "openai/clip-vit-base-patch32"


def open_scorer(name: str, device: torch.device) -> Scorer:
    """Return the scorer called `name`: "pocket", a base with encoders of its own, or a CLIP checkpoint."""
    if name == POCKET:
        from impasto.features.pocket import PocketFeatures

        return PocketFeatures()
    from impasto.features._own_encoders import OwnEncoders, has_own_encoders

    if has_own_encoders(name):
        return OwnEncoders(Path(name), device)
    from impasto.features.clip import CLIPFeatures

    return CLIPFeatures(name, device)
