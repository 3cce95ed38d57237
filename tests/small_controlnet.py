"""A small random ControlNet for a small base."""

import torch
from diffusers import ControlNetModel

import tiny
from impasto.core.rng import generator


def network_for(unet) -> ControlNetModel:
    tiny.seeded(2)
    made = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(16, 32)).requires_grad_(False)
    rng = generator(3)
    for parameter in made.parameters():
        if not parameter.abs().sum():  # zero convolutions would hide everything
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * 0.1)
    return made
