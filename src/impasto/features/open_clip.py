"""Features of an OpenCLIP model with weights of yours: pictures and captions in one space. Needs `[metrics]`.

Paper: Reproducible Scaling Laws for Contrastive Language-Image Learning, arXiv:2212.07143.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn.functional import normalize

from impasto.core.errors import ConfigError, ResourceError
from impasto.features._pixels import CLIP_MEAN, CLIP_STD, standardised
from impasto.features._weights import optional, read_weights


class _Visual(Protocol):
    image_size: int | tuple[int, int]
    image_mean: tuple[float, ...] | None
    image_std: tuple[float, ...] | None


class _Model(Protocol):
    visual: _Visual

    def encode_image(self, pixels: Tensor) -> Tensor: ...
    def encode_text(self, ids: Tensor) -> Tensor: ...
    def load_state_dict(self, weights: Mapping[str, Tensor]) -> object: ...
    def to(self, device: torch.device) -> _Model: ...
    def eval(self) -> _Model: ...


class OpenCLIPFeatures:
    """Extracts features of pictures and captions.

    Args:
        model: OpenCLIP's name of the architecture, such as ViT-B-32.
        weights: Its weights, or nothing for random ones.
        device: Where to compute.

    Raises:
        PluginError: open-clip-torch is not installed.
        ConfigError: There is no such architecture.
        ResourceError: The weights are those of another network.
    """

    has_unit_length = True

    def __init__(self, model: str, weights: dict[str, Tensor] | None, device: torch.device) -> None:
        library = optional("open_clip", "open_clip")
        if model not in library.list_models():
            raise ConfigError(f"OpenCLIP has no model {model!r}: open_clip.list_models() lists them, such as ViT-B-32")
        self._model = cast(_Model, library.create_model(model))
        if weights is not None:
            try:
                self._model.load_state_dict(weights)
            except RuntimeError as error:
                raise ResourceError(f"the weights are not those of OpenCLIP's {model}: name the right file") from error
        self._model.to(device).eval()
        self._tokenizer = library.get_tokenizer(model)
        self._device = device
        self.token_limit = int(self._tokenizer.context_length)

    @classmethod
    def open(cls, checkpoint: str, device: torch.device) -> OpenCLIPFeatures:
        """Return the extractor for "MODEL@FILE.safetensors"."""
        model, _, file = checkpoint.partition("@")
        return cls(model, read_weights(file, "open_clip", "open_clip:ViT-B-32@FILE.safetensors"), device)

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image], batch: int = 32) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture; on the CPU."""
        visual = self._model.visual
        side = visual.image_size if isinstance(visual.image_size, int) else visual.image_size[0]
        pixels = standardised(pictures, side, visual.image_mean or CLIP_MEAN, visual.image_std or CLIP_STD)
        parts = [self._model.encode_image(part.to(self._device)) for part in torch.split(pixels, batch)]
        return normalize(torch.cat(parts).cpu(), dim=-1)

    @torch.no_grad()
    def text(self, captions: Sequence[str], batch: int = 256) -> Float[Tensor, "captions dim"]:
        """Return one unit-length feature for each caption; on the CPU."""
        ids: Tensor = self._tokenizer(list(captions))
        parts = [self._model.encode_text(part.to(self._device)) for part in torch.split(ids, batch)]
        return normalize(torch.cat(parts).cpu(), dim=-1)

    def tokens(self, captions: Sequence[str]) -> list[int]:
        """Return how many tokens each caption has, those of start and end included."""
        return [len(self._tokenizer.encode(caption)) + 2 for caption in captions]
