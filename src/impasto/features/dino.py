"""Features of a DINO or DINOv2 checkpoint: the class token of the last layer. Fine appearance, and content.

Papers: Emerging Properties in Self-Supervised Vision Transformers, arXiv:2104.14294; DINOv2, arXiv:2304.07193.
Results depend on the checkpoint: name it beside the number.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.functional import normalize
from transformers import AutoModel

from impasto.core.errors import ResourceError, first_line
from impasto.features._pixels import IMAGENET_MEAN, IMAGENET_STD, standardised
from impasto.models.loading import quiet_loading

_DEFAULT = "facebook/dinov2-base"
_LARGEST_SIDE = 224
_KINDS = ("vit", "dinov2", "dinov2_with_registers", "dinov3_vit")


class DINOFeatures:
    """Extracts features of pictures.

    Args:
        checkpoint: Hub name or folder of a checkpoint of transformers.
        device: Where to compute.

    Raises:
        ResourceError: The checkpoint is not there, could not be fetched or is no vision transformer.
    """

    has_unit_length = True

    def __init__(self, checkpoint: str, device: torch.device) -> None:
        try:
            with quiet_loading():
                self._model = AutoModel.from_pretrained(checkpoint, dtype=torch.float32, use_safetensors=True)
        except (OSError, ValueError, SafetensorError) as error:
            raise ResourceError(
                f"features dino:{checkpoint} could not be loaded ({first_line(error)}): check the name and the "
                "network, or name the folder of a DINO checkpoint"
            ) from error
        if self._model.config.model_type not in _KINDS:
            raise ResourceError(
                f"features dino:{checkpoint} are a {self._model.config.model_type}: use one of {', '.join(_KINDS)}"
            )
        self._model.to(device).eval()
        self._device = device

    @classmethod
    def open(cls, checkpoint: str, device: torch.device) -> DINOFeatures:
        """Return the extractor of a checkpoint, by default DINOv2 ViT-B/14."""
        return cls(checkpoint or _DEFAULT, device)

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image], batch: int = 32) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture; on the CPU."""
        side = min(int(self._model.config.image_size), _LARGEST_SIDE)
        pixels = standardised(pictures, side, IMAGENET_MEAN, IMAGENET_STD)
        parts = [
            self._model(pixel_values=part.to(self._device)).last_hidden_state[:, 0]
            for part in torch.split(pixels, batch)
        ]
        return normalize(torch.cat(parts).cpu(), dim=-1)
