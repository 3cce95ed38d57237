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

from impasto.core.errors import ConfigError
from impasto.data.images import fit_square, to_tensor
from impasto.models.loading import quiet_loading

_STROKES = 2
"""The layer whose Gram matrices are compared by default."""
_MODEL = Path(str(files("impasto"))) / "pocket" / "model"


class PocketFeatures:
    """Extracts features of pictures and captions.

    Attributes:
        dimension: Of a feature.
        has_unit_length: All features are scaled to length 1.
    """

    dimension = 128
    has_unit_length = True

    def __init__(self) -> None:
        with quiet_loading():
            self._encoder = CLIPVisionModelWithProjection.from_pretrained(
                _MODEL / "image_encoder", dtype=torch.float32
            ).eval()

    @classmethod
    def open(cls, checkpoint: str, device: torch.device) -> PocketFeatures:
        """Return the extractor; it ships with the package and is small enough for the CPU."""
        if checkpoint:
            raise ConfigError(f"features pocket:{checkpoint}: pocket has one checkpoint, its own; write pocket")
        if device.type != "cpu":
            raise ConfigError(f"features pocket run on the CPU, not on {device}: leave --device out")
        return cls()

    @cached_property
    def _tokenizer(self) -> CLIPTokenizer:
        tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(_MODEL / "tokenizer_2")
        return tokenizer

    @cached_property
    def _text_encoder(self) -> CLIPTextModelWithProjection:  # whoever compares pictures alone does not load it
        with quiet_loading():
            encoder = CLIPTextModelWithProjection.from_pretrained(_MODEL / "text_encoder_2", dtype=torch.float32)
        encoder.eval()
        return encoder

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image], batch: int = 32) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture."""
        pixels = torch.stack([to_tensor(fit_square(picture.convert("RGB"), 128)[0]) for picture in pictures])
        parts = [self._encoder(pixel_values=part).image_embeds for part in torch.split(pixels, batch)]
        return normalize(torch.cat(parts), dim=-1)

    @torch.no_grad()
    def places(
        self, pictures: Sequence[Image.Image], layer: int = _STROKES, batch: int = 32
    ) -> Float[Tensor, "pictures places channels"]:
        """Return the hidden states of `layer` (0 is the embedding) at every patch: early layers see strokes."""
        pixels = torch.stack([to_tensor(fit_square(picture.convert("RGB"), 128)[0]) for picture in pictures])
        parts = [
            self._encoder(pixel_values=part, output_hidden_states=True).hidden_states[layer][:, 1:]
            for part in torch.split(pixels, batch)
        ]
        return torch.cat(parts)

    @cached_property
    def token_limit(self) -> int:
        """Tokens that are read, those of start and end included."""
        return int(self._text_encoder.config.max_position_embeddings)

    def tokens(self, captions: Sequence[str]) -> list[int]:
        """Return how many tokens each caption has, those of start and end included."""
        return [len(ids) for ids in self._tokenizer(list(captions)).input_ids]

    @torch.no_grad()
    def text(self, captions: Sequence[str], batch: int = 256) -> Float[Tensor, "captions dim"]:
        """Return one unit-length feature for each caption."""
        ids: Tensor = self._tokenizer(
            list(captions),
            padding="max_length",
            max_length=self.token_limit,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        parts = [self._text_encoder(input_ids=part).text_embeds for part in torch.split(ids, batch)]
        return normalize(torch.cat(parts), dim=-1)
