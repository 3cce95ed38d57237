"""Features of pocket's own vision encoder and second text encoder: 128-dimensional, in one space.

Trained on emoji drawings only; made to compare pictures that pocket draws, and its captions, not photographs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionModelWithProjection

from impasto.base.loading import quiet_loading
from impasto.data.images import fit_square, to_tensor

_MODEL = Path(str(files("impasto"))) / "pocket" / "model"


class Features:
    """Extracts features of pictures and captions.

    Attributes:
        dimension: Of a feature.
    """

    dimension = 128

    def __init__(self) -> None:
        with quiet_loading():
            self._encoder = CLIPVisionModelWithProjection.from_pretrained(
                _MODEL / "image_encoder", dtype=torch.float32
            ).eval()

    @cached_property
    def _tokenizer(self) -> CLIPTokenizer:
        return CLIPTokenizer.from_pretrained(_MODEL / "tokenizer_2")

    @cached_property
    def _text_encoder(self) -> CLIPTextModelWithProjection:  # whoever compares pictures alone does not load it
        with quiet_loading():
            return CLIPTextModelWithProjection.from_pretrained(_MODEL / "text_encoder_2", dtype=torch.float32).eval()

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image], batch: int = 32) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture."""
        pixels = torch.stack([to_tensor(fit_square(picture.convert("RGB"), 128)[0]) for picture in pictures])
        parts = [self._encoder(pixel_values=part).image_embeds for part in torch.split(pixels, batch)]
        return normalize(torch.cat(parts), dim=-1)

    @torch.no_grad()
    def places(
        self, pictures: Sequence[Image.Image], layer: int, batch: int = 32
    ) -> Float[Tensor, "pictures places channels"]:
        """Return the hidden states of `layer` (0 is the embedding) at every patch: early layers see strokes."""
        pixels = torch.stack([to_tensor(fit_square(picture.convert("RGB"), 128)[0]) for picture in pictures])
        parts = [
            self._encoder(pixel_values=part, output_hidden_states=True).hidden_states[layer][:, 1:]
            for part in torch.split(pixels, batch)
        ]
        return torch.cat(parts)

    @torch.no_grad()
    def text(self, captions: Sequence[str], batch: int = 256) -> Float[Tensor, "captions dim"]:
        """Return one unit-length feature for each caption."""
        ids: Tensor = self._tokenizer(
            list(captions),
            padding="max_length",
            max_length=self._text_encoder.config.max_position_embeddings,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        parts = [self._text_encoder(input_ids=part).text_embeds for part in torch.split(ids, batch)]
        return normalize(torch.cat(parts), dim=-1)
