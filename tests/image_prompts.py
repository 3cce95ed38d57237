"""Small random image prompts, and the latents that a draw ends with."""

from collections.abc import Mapping

import torch
from torch import nn

from impasto.core.rng import generator
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.attention_layers import attention_layers_of
from impasto.models.image_tokens import ImageTokens
from impasto.models.latent_diffusion import LatentDiffusion

WIDTH, TOKENS = 12, 3
Projections = Mapping[str, tuple[nn.Linear, nn.Linear]]


def linear(rows: int, columns: int, rng: torch.Generator, dtype: torch.dtype) -> nn.Linear:
    made = nn.Linear(columns, rows, bias=False, dtype=dtype)
    with torch.no_grad():
        made.weight.copy_(torch.randn((rows, columns), generator=rng) * columns**-0.5)
    return made.requires_grad_(False)


def projections(base: LatentDiffusion, seed: int = 0, width: int = WIDTH) -> Projections:
    """An adapter with weights at every cross-attention."""
    rng = generator(seed)
    made = {}
    for name, layer in attention_layers_of(base.denoiser, base.roles).items():
        if layer.kind == "cross":
            rows = base.denoiser.get_submodule(name).to_k.out_features
            made[name] = (linear(rows, width, rng, base.dtype), linear(rows, width, rng, base.dtype))
    return made


def image(
    base: LatentDiffusion, adapter: Projections, seed: int, scale: float = 1.0, width: int = WIDTH
) -> ImageTokens:
    tokens = torch.randn((1, TOKENS, width), generator=generator(seed)).to(base.dtype)
    return ImageTokens(2 * tokens, adapter, scale)


def double(base: LatentDiffusion) -> LatentDiffusion:
    """Take the networks to float64, where only defects are larger than rounding."""
    for network in base.networks().values():
        network.double()
    return base


def latents_of(
    base: LatentDiffusion, requests: list[ImageRequest], params: SamplingParams, control=None, **extra
) -> torch.Tensor:
    """Return the latents of all pictures, batch after batch as they are decoded."""
    seen: list[torch.Tensor] = []
    decode = base.decode
    base.decode = lambda latents: seen.append(latents.clone()) or decode(latents)
    try:
        list(draw(base, requests, params, control, **extra))
    finally:
        del base.decode
    return torch.cat(seen)
