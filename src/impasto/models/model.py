"""All that a method may know of a base model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jaxtyping import Float, Num
from torch import Tensor, nn

from impasto.diffusion.noise_process import NoiseProcess
from impasto.diffusion.objective import Objective
from impasto.models.conditioning import Conditioning, Geometry


class BaseModel(Protocol):
    """A text-to-image latent diffusion model, borrowed: whoever changes it puts it back."""

    @property
    def family(self) -> str:
        """Name of the family."""

    @property
    def process(self) -> NoiseProcess:
        """How noise was added in training, and what the network predicts."""

    @property
    def objective(self) -> Objective:
        """What a loss is given beside its own formula; `PLAIN` unless a training says otherwise."""

    def networks(self) -> dict[str, nn.Module]:
        """Return what can be learnt: the denoiser and the text encoders, by diffusers' names."""

    def encode_images(self, images: Float[Tensor, "batch 3 height width"]) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the latents of images in [-1, 1], scaled for the network."""

    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """Return the encoded prompts; carries gradients when text encoders are learnt."""

    def reads_whole(self, prompt: str) -> bool:
        """Return whether every text encoder reads all of a prompt at once."""

    def predict(
        self,
        x_t: Float[Tensor, "batch c h w"],
        timesteps: Num[Tensor, " batch"],
        conditioning: Conditioning,
        geometry: Sequence[Geometry],
    ) -> Float[Tensor, "batch c h w"]:
        """Return the network's prediction."""
