"""A data set and stages of pocket that fit a test: noise for pictures, networks of a few thousand weights."""

import json
from pathlib import Path

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from pretraining.autoencoder import CHANNELS, make_autoencoder
from pretraining.checkpoint import write_weights
from pretraining.latents import normalised_marker
from pretraining.pictures import read_rows
from pretraining.tokenizer import train_tokenizer
from pretraining.towers import SHARED, WIDTH, Towers

BUILT, STAGES = Path("pretraining/built"), Path("pretraining/stages")
SUBJECTS, BACKGROUNDS = ("fox", "castle", "guitar"), ("green", "blue")


def write_built(count: int = 12) -> None:
    """Write a data set below the working directory: every other row is styled."""
    BUILT.mkdir(parents=True)
    rng = np.random.default_rng(0)
    np.save(BUILT / "pictures.npy", rng.integers(0, 256, (count, 128, 128, 3), dtype=np.uint8))
    rows = []
    for place in range(count):
        subject, background = SUBJECTS[place % 3], BACKGROUNDS[place % 2]
        words = "bold dark blue outlines, wobbly" if place % 4 > 1 else ""
        caption = ", ".join(filter(None, (f"a {subject} on a {background} background", "noto style", words)))
        short = f"a {subject} on a {background} background"
        row = {"subject": subject, "artist": "noto", "background": background, "style": {}, "words": words}
        rows.append(row | {"caption_0": caption, "caption_1": short, "caption_2": f"a {subject}, noto style"})
    (BUILT / "rows.json").write_text(json.dumps(rows))
    (BUILT / "digest.txt").write_text("of a test")


def write_first_stages(*, normalised: bool = True) -> None:
    """Write an untrained tokenizer, towers and autoencoder; normalised latents need no statistics."""
    captions = [row[f"caption_{column}"] for row in read_rows() for column in range(3)]
    tokenizer = train_tokenizer(captions, merges=30)
    tokenizer.save_pretrained(STAGES / "tokenizer")
    write_weights("towers", {"towers": Towers(tokenizer)})
    write_weights("autoencoder", {"vae": make_autoencoder()})
    if normalised:
        normalised_marker().touch()


def small_denoiser() -> UNet2DConditionModel:
    """Return a UNet with the denoiser's blocks at a small size."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(32, 32),
        layers_per_block=1,
        transformer_layers_per_block=[1, 1],
        attention_head_dim=[2, 2],
        cross_attention_dim=2 * WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=SHARED + 6 * 32,
        resnet_time_scale_shift="scale_shift",
    ).train(False)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return normal noise."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
