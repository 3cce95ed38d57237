"""Features of pocket's own vision encoder: 128-dimensional, in the space that it shares with the text encoders.

Trained on emoji drawings only; made to compare pictures that pocket draws, not photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from impasto.data.images import fit_square, to_tensor


class Features:
    """Extracts features of pictures.

    Attributes:
        dimension: Of a feature.
    """

    dimension = 128

    def __init__(self) -> None:
        folder = Path(str(files("impasto"))) / "pocket" / "model" / "image_encoder"
        self._encoder = CLIPVisionModelWithProjection.from_pretrained(folder, dtype=torch.float32).eval()

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image], batch: int = 32) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture."""
        pixels = torch.stack([to_tensor(fit_square(picture.convert("RGB"), 128)[0]) for picture in pictures])
        parts = [self._encoder(pixel_values=part).image_embeds for part in torch.split(pixels, batch)]
        return torch.nn.functional.normalize(torch.cat(parts), dim=-1)
