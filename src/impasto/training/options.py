"""Options that every method's training shares. The CLI adds the method's own to them; recipes and TOML fill both."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from impasto.core.config import Config
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFile, OutputFolder, is_safetensors
from impasto.data.streams import AUX, kind_and_concept

_LONGEST_STEM = 50


@grouped(
    first="style_images out base aux_images aux steps batch_size captions seed device resume dry_run max_memory",
    pictures="style_images aux_images aux concepts_csv num_aux resolution buckets captions aux_captions flips",
    learning="base steps batch_size accumulate learning_rate weight_decay optimizer ema lr_schedule max_grad_norm "
    "attach seed prediction zero_snr",
    drawing="sample_every sample_prompts",
    machine="device precision compile gradient_checkpointing max_memory cache",
    run="out run_dir checkpoint_every resume dry_run",
)
class TrainOptions(Config):
    """What is trained on what, for how long, and where it goes."""

    style_images: FileOrName
    """Folder of style pictures, one picture file, or pack:NAME for shipped ones (a part: pack:NAME/people)."""
    out: OutputFile
    """The style file to write, ending in .safetensors."""
    base: FileOrName = "pocket"
    """pocket, a diffusers folder, a .safetensors checkpoint, or a hub name."""
    aux_images: FileOrName | None = None
    """Folder of about 20 auxiliary pictures, or pack:NAME as above."""
    aux: Literal["folder", "generate", "none"] = "folder"
    """Where auxiliary pictures come from: a folder, drawn by the base itself (as DreamBooth does), or nowhere."""
    concepts_csv: Path | None = None
    """CSV of impasto subdivide, corrected where needed: which style picture shows which concept."""
    num_aux: int | None = Field(default=None, ge=1)
    """How many to draw with --aux generate; 20 unless given."""
    steps: int = Field(default=500, ge=1)
    """Optimiser steps."""
    batch_size: int = Field(default=1, ge=1)
    """Pictures of each stream in a batch."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients make one step; several processes take as many each."""
    learning_rate: float = Field(default=1e-6, gt=0)
    """Of AdamW."""
    weight_decay: float = Field(default=1e-2, ge=0)
    """Of AdamW."""
    optimizer: Literal["adamw", "adamw-8bit"] = "adamw"
    """adamw, or adamw-8bit (bitsandbytes, CUDA): a quarter of the memory for moments, slightly other numbers."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Save and sample a moving average of what is learnt, with this decay, e.g. 0.99."""
    lr_schedule: Literal["constant", "cosine"] = "constant"
    """Keep the learning rate, or let it fall to nothing."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Clip gradients to this norm; 0 leaves them."""
    resolution: int | None = Field(default=None, ge=32, le=4096)
    """Side of the training pictures in pixels; by default the base's own."""
    buckets: bool = False
    """Keep the pictures' shapes: sizes of about the same area (aspect-ratio buckets) instead of middle squares."""
    attach: tuple[FileOrName, ...] = ()
    """Style file to keep attached, unchanged, while learning: FILE, FILE@ROLE:SCALE; repeat the flag for several."""
    captions: bool = False
    """Put the caption in NAME.txt beside NAME.png before the style words."""
    aux_captions: bool = False
    """Put captions before the words of auxiliary pictures too; the paper shows them with "style" alone."""
    flips: bool = False
    """Show mirrored copies too; mirrors brush strokes and lettering as well."""
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
    """Same seed, same machine, same style."""
    sample_every: int = Field(default=100, ge=0)
    """Draw sample pictures every so many steps; 0 draws none."""
    sample_prompts: tuple[str, ...] = ("a fox", "a castle", "an old woman", "a red apple")
    """What samples show, with the style words added; repeat the flag to show more."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the arithmetic; auto is fp32 on the CPU and bf16 elsewhere."""
    prediction: Literal["auto", "epsilon", "v"] = "auto"
    """What the base predicts, where it says something wrong; auto believes it."""
    zero_snr: Literal["auto", "yes", "no"] = "auto"
    """Whether the base's last timestep is pure noise (zero terminal SNR); auto believes it."""
    compile: bool = False
    """Compile the UNet's repeated blocks: minutes at first, quicker steps after; the result differs by rounding."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: far less memory, steps take about 1.4 times as long."""
    max_memory: str | None = Field(default=None, pattern=r"^\d+(\.\d+)?\s*([GM]i?B|[GM])$")
    """Fit into this much memory, e.g. 12GB: chooses pictures at once, checkpointing, optimiser and precision."""
    run_dir: OutputFolder | None = None
    """Folder for samples, log and loss plot; by default a new one below runs/."""
    cache: FileOrName = "auto"
    """Folder that keeps encoded pictures and prompts between runs, auto for the user's cache folder, or none."""
    checkpoint_every: int = Field(default=0, ge=0)
    """Write all that is needed to go on every so many steps; 0 does so only when the run is stopped or paused."""
    resume: bool = False
    """Go on with the run in --run-dir where it was stopped; the other options must be those it began with."""
    dry_run: bool = False
    """Print the plan and stop."""

    @field_validator("out")
    @classmethod
    def _is_safetensors(cls, out: Path) -> Path:
        if not is_safetensors(out):
            raise ValueError(f"must end in .safetensors, for example {out.with_suffix('.safetensors').name}")
        return out

    def aux_count(self) -> int:
        """Return how many auxiliary pictures to draw."""
        return self.num_aux or 20

    def shows_captions(self, stream: str) -> bool:
        """Return whether pictures of a stream are shown with their captions."""
        return self.aux_captions if kind_and_concept(stream)[0] == AUX else self.captions

    def run_folder(self) -> Path:
        """Return the run folder: the chosen one, or a new one named after style and time."""
        if self.run_dir is not None:
            return self.run_dir
        return Path("runs") / f"{self.out.stem[:_LONGEST_STEM]}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
