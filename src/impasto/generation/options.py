"""Options of drawing: from words (`generate`) and from a picture (`stylize`)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFile
from impasto.models.checks.base_facts import BaseFacts


@grouped(
    first="base num_images steps guidance_scale seed out",
    drawing="base negative_prompt num_images steps guidance_scale sampler seed prediction zero_snr vae",
    machine="batch device precision",
    run="out overwrite preview_every dry_run",
)
class DrawOptions(BaseFacts):
    """What all commands that draw share."""

    base: FileOrName = "pocket"
    """pocket, a diffusers folder, a .safetensors checkpoint, or a hub name."""
    negative_prompt: str | None = None
    """What to steer away from."""
    num_images: int = Field(default=1, ge=1, le=100_000)
    """Pictures of each prompt, with seeds SEED, SEED + 1, ..."""
    steps: int = Field(default=20, ge=1, le=1000)
    """Steps of the sampler."""
    guidance_scale: float = Field(default=5.0, ge=1)
    """How strictly to follow the words; 1 switches guidance off."""
    sampler: Literal["dpm++", "ddim", "euler", "lcm", "lightning", "hyper", "base"] = "dpm++"
    """The sampler; lcm, lightning and hyper for adapters that draw in few steps; base for the base's own."""
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Same seed, same picture, whatever the batch."""
    batch: int = Field(default=4, ge=1)
    """Pictures drawn at once: speed and memory, not the result."""
    out: OutputFile = Path("pictures")
    """Folder for the pictures, or a .png file for a single one."""
    overwrite: bool = False
    """Replace the .png file that --out names where it exists; folders keep what is in them."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Of the weights; auto is fp32 on the CPU and bf16 elsewhere."""
    preview_every: int = Field(default=0, ge=0)
    """Show in preview.png, small, how the pictures become, every so many steps; it goes when all is drawn. 0: never."""
    dry_run: bool = False
    """Print the plan and stop."""

    @property
    def is_one_file(self) -> bool:
        """Whether `out` names one picture, and not a folder; the names of folders may hold dots."""
        return self.out.suffix.lower() == ".png"


@grouped(first="style", drawing="style raw_prompt decompose")
class StyledOptions(DrawOptions):
    """What generate and stylize share."""

    style: tuple[FileOrName, ...] = ()
    """Style file, as FILE, FILE:SCALE or FILE@ROLE:SCALE (role: content or style); repeat the flag for several."""
    raw_prompt: bool = False
    """Draw the prompt as it is, without adding the words of the attached styles."""
    decompose: bool = False
    """With a style divided into people and backgrounds: put its words behind the clauses that they are for."""

    @model_validator(mode="after")
    def _decompose_has_an_effect(self) -> Self:
        if self.decompose and self.raw_prompt:
            raise ValueError("decompose has no effect with --raw-prompt: give one of them")
        return self


@grouped(first="prompt prompts sheet xy height width", pictures="height width", drawing="prompt prompts sheet xy")
class GenerateOptions(StyledOptions):
    """Draw pictures from words, in the styles given."""

    prompt: tuple[str, ...] = ()
    """What to draw; repeat the flag for several prompts. Of "a {fox|owl}" each picture gets one, by its seed."""
    prompts: Path | None = None
    """File of prompts, one a line; or .jsonl with {"prompt": ..., "seed": 3, "style": "a.safetensors:0.5"}."""
    sheet: bool = False
    """Write a labelled sheet of all pictures too."""
    xy: tuple[str, ...] = ()
    """Draw one labelled grid instead: one or two of scale, seed, steps, guidance, e.g. "scale=0.4,0.8 seed=1,2"."""
    height: int | None = Field(default=None, ge=8, le=8192)
    """In pixels; by default the base's own size."""
    width: int | None = Field(default=None, ge=8, le=8192)
    """In pixels; by default the base's own size."""


@grouped(first="picture prompt strength", pictures="picture", drawing="prompt strength")
class StylizeOptions(StyledOptions):
    """Redraw a picture of yours in a style (SDEdit)."""

    picture: Path
    """The picture, cut to the middle square."""
    prompt: str = ""
    """What the picture shows; the style's words are added."""
    strength: float = Field(default=0.6, gt=0, le=1)
    """How much is redrawn: small values keep the picture, 1 forgets it."""
