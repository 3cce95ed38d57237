"""Features of a CLIP checkpoint: pictures and captions in one space.

Paper: Learning Transferable Visual Models From Natural Language Supervision, arXiv:2103.00020.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.functional import normalize
from transformers import CLIPModel, CLIPTextConfig, CLIPTokenizer, CLIPVisionConfig

from impasto.core.errors import ResourceError, first_line
from impasto.features._pixels import CLIP_MEAN, CLIP_STD, standardised
from impasto.models.loading import quiet_loading

_DEFAULT = "openai/clip-vit-base-patch32"


class CLIPFeatures:
    """Extracts features of pictures and captions.

    Args:
        checkpoint: Hub name or folder of a CLIP checkpoint of transformers.
        device: Where to compute.

    Raises:
        ResourceError: The checkpoint is not there or could not be fetched.
    """

    has_unit_length = True

    def __init__(self, checkpoint: str, device: torch.device) -> None:
        try:
            with quiet_loading():
                self._tokenizer = CLIPTokenizer.from_pretrained(checkpoint)
                self._model = CLIPModel.from_pretrained(checkpoint, dtype=torch.float32, use_safetensors=True)
        except (OSError, ValueError, TypeError, SafetensorError) as error:  # a missing vocabulary is a TypeError
            raise ResourceError(
                f"scorer {checkpoint} could not be loaded ({first_line(error)}): check the name and the network, or "
                "name the folder of a CLIP checkpoint"
            ) from error
        self._model.to(device).eval()  # type: ignore[arg-type]  # transformers wraps to() without its self
        self._device = device
        self.token_limit = cast(CLIPTextConfig, self._model.config.text_config).max_position_embeddings

    @classmethod
    def open(cls, checkpoint: str, device: torch.device) -> CLIPFeatures:
        """Return the extractor of a checkpoint, by default CLIP ViT-B/32."""
        return cls(checkpoint or _DEFAULT, device)

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image], batch: int = 32) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture, cut to its middle square; on the CPU."""
        side = cast(int, cast(CLIPVisionConfig, self._model.config.vision_config).image_size)
        pixels = standardised(pictures, side, CLIP_MEAN, CLIP_STD)
        parts = [
            self._model.get_image_features(pixel_values=part.to(self._device)).pooler_output
            for part in torch.split(pixels, batch)
        ]
        return normalize(torch.cat(parts).cpu(), dim=-1)

    @torch.no_grad()
    def text(self, captions: Sequence[str], batch: int = 256) -> Float[Tensor, "captions dim"]:
        """Return one unit-length feature for each caption; on the CPU."""
        encoded = self._tokenizer(
            list(captions),
            padding="max_length",
            max_length=self.token_limit,
            truncation=True,
            return_tensors="pt",
        )
        rows = zip(torch.split(encoded.input_ids, batch), torch.split(encoded.attention_mask, batch), strict=True)
        parts = [
            self._model.get_text_features(
                input_ids=ids.to(self._device), attention_mask=mask.to(self._device)
            ).pooler_output
            for ids, mask in rows
        ]
        return normalize(torch.cat(parts).cpu(), dim=-1)

    def tokens(self, captions: Sequence[str]) -> list[int]:
        """Return how many tokens each caption has, those of start and end included."""
        return [len(ids) for ids in self._tokenizer(list(captions)).input_ids]
