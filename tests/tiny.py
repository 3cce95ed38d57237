"""Small random bases of the real classes: SD 1.5 and SDXL topology, a few thousand weights each."""

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

LEVELS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}


TOKENS = 77
"""Letters that the tiny text encoders read at once, start and end included; as many as the published ones' tokens."""


def tokenizer() -> CLIPTokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={piece: index for index, piece in enumerate(pieces)}, merges=[], model_max_length=TOKENS)


def text_config(width: int, *, eos_token_id: int) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=514,
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        bos_token_id=512,
        eos_token_id=eos_token_id,
        pad_token_id=513,
    )


def autoencoder(*, force_upcast: bool) -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 16),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=32,
        scaling_factor=0.18215,
        force_upcast=force_upcast,
    )


def _unet(cross_attention_dim: int, **extra: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross_attention_dim,
        norm_num_groups=8,
        **extra,
    )


def sd15() -> StableDiffusionPipeline:
    """SD 1.x topology; its text encoder says eos_token_id = 2, as the published ones do."""
    return StableDiffusionPipeline(
        vae=autoencoder(force_upcast=False),
        text_encoder=CLIPTextModel(text_config(16, eos_token_id=2)),
        tokenizer=tokenizer(),
        unet=_unet(16, attention_head_dim=2),
        scheduler=DDIMScheduler(**LEVELS, steps_offset=1, set_alpha_to_one=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl(*, prediction: str = "epsilon", zeros: bool = True) -> StableDiffusionXLPipeline:
    """SDXL topology: two text encoders, pooled embedding, size conditioning."""
    levels = {key: value for key, value in LEVELS.items() if key != "clip_sample"}
    return StableDiffusionXLPipeline(
        vae=autoencoder(force_upcast=True),
        text_encoder=CLIPTextModel(text_config(16, eos_token_id=513)),
        text_encoder_2=CLIPTextModelWithProjection(text_config(24, eos_token_id=513)),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=_unet(
            40,
            attention_head_dim=[2, 4],
            transformer_layers_per_block=[1, 2],
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=24 + 6 * 8,
        ),
        scheduler=EulerDiscreteScheduler(**levels, steps_offset=1, prediction_type=prediction),
        force_zeros_for_empty_prompt=zeros,
        add_watermarker=False,
    )


def save(pipe: StableDiffusionPipeline | StableDiffusionXLPipeline, folder: Path) -> Path:
    pipe.save_pretrained(folder, safe_serialization=True)
    return folder


def seeded(seed: int = 0) -> None:
    """Fix the random weights of what is built next, in this thread only."""
    torch.random.default_generator.manual_seed(seed)
