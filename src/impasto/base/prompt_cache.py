"""A base whose prompts are encoded once: for runs in which no text encoder learns."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from impasto.base.conditioning import Conditioning, Geometry, joined
from impasto.base.model import BaseModel


class CachedPrompts:
    """The same base, with encoded prompts kept by their words."""

    def __init__(self, base: BaseModel) -> None:
        self._base = base
        self._encoded: dict[str, Conditioning] = {}
        self.family = base.family
        self.schedule = base.schedule
        self.prediction = base.prediction

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks of the base."""
        return self._base.networks()

    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the latents."""
        return self._base.encode_images(images)

    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Return the encoded prompts, from the cache where their words were met before."""
        for prompt in prompts:
            if prompt not in self._encoded:
                with torch.no_grad():
                    self._encoded[prompt] = self._base.encode_prompts([prompt])
        return joined([self._encoded[prompt] for prompt in prompts])

    def predict(
        self,
        x_t: Float[Tensor, "batch c h w"],
        timesteps: Int[Tensor, " batch"],
        conditioning: Conditioning,
        geometry: Sequence[Geometry],
    ) -> Float[Tensor, "batch c h w"]:
        """Return the network's prediction."""
        return self._base.predict(x_t, timesteps, conditioning, geometry)
