"""A random SDXL of middle size, about 300 million parameters, as a diffusers folder: for measuring speed, not pictures.

SDXL's topology with about 0.3 of its width; the autoencoder has SDXL's layers and half its width. Its tokenizers are
pocket's.
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from benchmarks.b_lora_speed import middle_sized_unet
from impasto.core.rng import generator
from impasto.models.open import open_base

SIDE = 512
"""Pixels along a side: 64 x 64 latents."""


def _text_config(width: int, layers: int, end: int, tokens: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=512,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        max_position_embeddings=tokens,
        eos_token_id=end,
    )


def _autoencoder() -> AutoencoderKL:
    made: AutoencoderKL = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(64, 128, 256, 256),
        layers_per_block=2,
        latent_channels=4,
        sample_size=SIDE,
        scaling_factor=0.13025,
    )
    return made


def _randomise(network: nn.Module) -> None:
    rng = generator(0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.02, generator=rng)
            else:
                parameter.fill_(1.0 if "norm" in name and name.endswith("weight") else 0.0)


def build(folder: Path) -> Path:
    """Write the base below `folder` and return where it is; one that is there already is kept."""
    target = folder / "mid-sdxl"
    if (target / "model_index.json").exists():
        return target
    pocket = open_base("pocket", device="cpu").pipe
    end, tokens = pocket.tokenizer.eos_token_id, pocket.tokenizer.model_max_length
    encoders = (
        CLIPTextModel(_text_config(192, 12, end, tokens)),
        CLIPTextModelWithProjection(_text_config(320, 24, end, tokens)),
    )
    unet, vae = middle_sized_unet(), _autoencoder()
    unet.register_to_config(sample_size=SIDE // 8)
    for network in (*encoders, unet, vae):
        _randomise(network)
    pipe = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=encoders[0],
        text_encoder_2=encoders[1],
        tokenizer=pocket.tokenizer,
        tokenizer_2=pocket.tokenizer_2,
        unet=unet,
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        add_watermarker=False,
    )
    pipe.save_pretrained(target, safe_serialization=True)
    return target
