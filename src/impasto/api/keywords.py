"""Keywords of the Python face: options of the same names on the command line, where their help says what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from impasto.api.desk import Picture
    from impasto.models.control import Control


class SamplingKeywords(TypedDict, total=False):
    """How pictures are drawn; see `DrawOptions`."""

    negative_prompt: str | None
    steps: int
    guidance_scale: float
    sampler: Literal["dpm++", "ddim", "euler", "lcm", "lightning", "hyper", "base"]
    seed: int
    batch: int


class PromptKeywords(SamplingKeywords, total=False):
    """What else drawing takes that adds a style's words to prompts; see `StyledOptions`."""

    raw_prompt: bool
    decompose: bool


class GenerateKeywords(PromptKeywords, total=False):
    """See `GenerateOptions`."""

    num_images: int
    height: int
    width: int


class MixKeywords(SamplingKeywords, total=False):
    """See `MixOptions`."""

    subject: str
    words: str
    prompt: str
    prompts_per_role: bool
    keep_colour: float
    colour_of: Path
    reference_scale: bool
    height: int
    width: int


class TransferKeywords(GenerateKeywords, total=False):
    """See `TransferOptions`."""

    adapter: str
    encoder: str
    adapter_scale: float
    fit: Literal["pad", "tile"]
    join: Literal["mean", "concat"]
    without: str
    without_scale: float
    negative_style: str
    style_guidance_scale: float
    empty_prompt: Literal["auto", "encoded", "base"]
    together: bool
    reference_prompt: str
    inversion_guidance: float
    inversion_offset: float
    control: Control | None
    start: Picture
    strength: float
    structure: Picture
    mask: tuple[Picture, ...]
    controlnet: str
    conditioning_scale: float
    edges: tuple[int, int]


class TrainKeywords(TypedDict, total=False):
    """See `TrainOptions`."""

    concepts_csv: Path
    num_aux: int
    steps: int
    batch_size: int
    accumulate: int
    learning_rate: float
    weight_decay: float
    text_learning_rate: float
    optimizer: Literal["adamw", "adamw-8bit", "prodigy", "adafactor"]
    ema: float
    lr_schedule: Literal["constant", "linear", "cosine", "cosine-with-restarts", "polynomial"]
    lr_cycles: int
    lr_power: float
    lr_warmup: int
    max_grad_norm: float
    loss_weights: Literal["none", "min-snr", "debiased"]
    snr_gamma: float
    noise_offset: float
    resolution: int
    buckets: bool
    attach: tuple[str, ...]
    captions: bool
    caption_source: Literal["auto", "files", "names", "base"]
    aux_captions: bool
    caption_dropout: float
    shuffle_tags: bool
    flips: bool
    seed: int
    sample_every: int
    sample_prompts: tuple[str, ...]
    held_out: str
    hold_out: int
    held_out_every: int
    held_out_features: str
    stop_early: int
    save_every: int
    precision: Literal["auto", "fp32", "bf16"]
    compile: bool
    gradient_checkpointing: bool
    max_memory: str
    run_dir: Path
    track: Literal["none", "tensorboard", "wandb"]
    cache: str
    checkpoint_every: int
    resume: bool
    overwrite: bool
