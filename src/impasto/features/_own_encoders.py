"""Features of a base's own image encoder and text encoder, where the two are one CLIP: no other scorer is needed.

SDXL's second text encoder and the image encoder that adapters for it bring are such a pair.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

from impasto.features._pixels import CLIP_MEAN, CLIP_STD, standardised
from impasto.models.loading import quiet_loading

_IMAGE, _TEXT, _TOKENIZER = "image_encoder", "text_encoder_2", "tokenizer_2"


def has_own_encoders(base: str) -> bool:
    """Return whether `base` is a folder with an image encoder and a text encoder that project to one width."""
    return len(found := _projections(Path(base))) == 2 and len(set(found)) == 1


def _projections(folder: Path) -> list[object]:
    """Return the widths that the two encoders of a folder project to, of those that are there."""
    files = [folder / part / "config.json" for part in (_IMAGE, _TEXT)]
    read = [json.loads(file.read_text("utf-8")) for file in files if file.is_file()]
    return [each["projection_dim"] for each in read if "projection_dim" in each]


class OwnEncoders:
    """Places pictures and captions in the space of a base's own encoders.

    Args:
        base: A diffusers folder, see `has_own_encoders`.
        device: Where to compute.
    """

    has_unit_length = True

    def __init__(self, base: Path, device: torch.device) -> None:
        with quiet_loading():
            self._vision = CLIPVisionModelWithProjection.from_pretrained(base / _IMAGE, dtype=torch.float32)
            self._words = CLIPTextModelWithProjection.from_pretrained(base / _TEXT, dtype=torch.float32)
            self._tokenizer = CLIPTokenizer.from_pretrained(base / _TOKENIZER)
        for encoder in (self._vision, self._words):
            encoder.to(device).eval()  # type: ignore[arg-type]  # transformers wraps to() without its self
        self._device = device
        told = base / "feature_extractor" / "preprocessor_config.json"
        stated = json.loads(told.read_text("utf-8")) if told.is_file() else {}
        self._mean = stated.get("image_mean", CLIP_MEAN)
        self._std = stated.get("image_std", CLIP_STD)

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image], batch: int = 32) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture, cut to its middle square; on the CPU."""
        pixels = standardised(pictures, cast(int, self._vision.config.image_size), self._mean, self._std)
        parts = [
            self._vision(pixel_values=part.to(self._device)).image_embeds.cpu() for part in torch.split(pixels, batch)
        ]
        return normalize(torch.cat(parts), dim=-1)

    @torch.no_grad()
    def text(self, captions: Sequence[str], batch: int = 256) -> Float[Tensor, "captions dim"]:
        """Return one unit-length feature for each caption; on the CPU."""
        ids: Tensor = self._tokenizer(
            list(captions),
            padding="max_length",
            max_length=int(self._words.config.max_position_embeddings),
            truncation=True,
            return_tensors="pt",
        ).input_ids
        parts = [self._words(input_ids=part.to(self._device)).text_embeds.cpu() for part in torch.split(ids, batch)]
        return normalize(torch.cat(parts), dim=-1)
