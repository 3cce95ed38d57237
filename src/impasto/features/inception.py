"""Features of Inception-v3 as torch-fidelity ports it: the 2048 dimensions of published FID and KID. Needs `[metrics]`.

Pictures are brought to 299 px here, antialiased, so that the network's own resizing, which is not, has nothing to do.
Numbers therefore equal torch-fidelity's for pictures of 299 px, and are those of clean-fid's practice for others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from impasto.core.errors import ResourceError
from impasto.features._pixels import as_bytes
from impasto.features._weights import optional, read_weights

_SIDE, _LAYER = 299, "2048"


class InceptionFeatures:
    """Extracts features of pictures. They have no unit length.

    Args:
        weights: Of the network, under torch-fidelity's names.
        device: Where to compute.

    Raises:
        PluginError: torch-fidelity is not installed.
        ResourceError: The weights are those of another network.
    """

    has_unit_length = False

    def __init__(self, weights: Mapping[str, Tensor], device: torch.device) -> None:
        module = optional("torch_fidelity.feature_extractor_inceptionv3", "inception")
        try:
            with _handing(module, weights):
                network: nn.Module = module.FeatureExtractorInceptionV3("inception", [_LAYER])
        except RuntimeError as error:
            raise ResourceError(
                "the weights are not those of torch-fidelity's Inception-v3: see docs/evaluate.md for the right file"
            ) from error
        self._network, self._device = network.to(device), device

    @classmethod
    def open(cls, checkpoint: str, device: torch.device) -> InceptionFeatures:
        """Return the extractor with the weights in a .safetensors file."""
        return cls(read_weights(checkpoint, "inception", "inception:FILE.safetensors"), device)

    @torch.no_grad()
    def extract(self, pictures: Sequence[Image.Image], batch: int = 16) -> Float[Tensor, "pictures 2048"]:
        """Return one feature for each picture; on the CPU."""
        parts = []
        for first in range(0, len(pictures), batch):
            pixels = as_bytes(pictures[first : first + batch], _SIDE)
            (features,) = self._network(pixels.to(self._device))
            parts.append(features.cpu())
        return torch.cat(parts)


@contextmanager
def _handing(module: ModuleType, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Give the network's constructor these weights where it would fetch and unpickle its own."""
    name = "load_state_dict_from_url"
    fetch = getattr(module, name)
    setattr(module, name, lambda *_, **__: weights)
    try:
        yield
    finally:
        setattr(module, name, fetch)
