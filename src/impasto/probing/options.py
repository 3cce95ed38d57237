"""Options of the block analysis."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFolder
from impasto.features._scorers import CLIP
from impasto.models.checks.base_facts import BaseFacts
from impasto.models.source import POCKET

FAMILIES = ("subject", "style", "colour")
"""The kinds of change that can be injected."""


@grouped(
    drawing="base pairs families steps guidance_scale seed prediction zero_snr vae",
    machine="scorer batch device precision",
    run="out dry_run",
)
class ProbeOptions(BaseFacts):
    """Measure which blocks of a base decide on subject, style and colour; proposes roles for B-LoRA."""

    base: FileOrName = POCKET
    """pocket, a diffusers folder, a .safetensors checkpoint, or a hub name."""
    pairs: int = Field(default=400, ge=2, le=100_000)
    """Pairs of prompts in each family; each costs two pictures and one for every block."""
    families: str = ",".join(FAMILIES)
    """What to measure, separated by commas: subject, style, colour."""
    steps: int = Field(default=20, ge=1, le=1000)
    """Steps of the sampler."""
    guidance_scale: float = Field(default=5.0, ge=1)
    """How strictly to follow the words; 1 switches guidance off."""
    seed: int = Field(default=0, ge=0, le=2**62)
    """Draws the pairs; pair i is drawn with seed SEED + i."""
    scorer: FileOrName | None = None
    """pocket, a CLIP checkpoint (hub name or folder), or the folder of a base with an image encoder; by default the
    base's own encoders where it has an image encoder that fits its words, else a CLIP from the hub."""
    batch: int = Field(default=9, ge=1)
    """Pictures drawn at once: speed and memory, not the result."""
    out: OutputFolder = Path("probe")
    """Folder for scores, tables and pictures; a run that was stopped goes on there."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Of the weights; auto is fp32 on the CPU and bf16 elsewhere."""
    dry_run: bool = False
    """Print the plan and stop."""

    @field_validator("families")
    @classmethod
    def _known_families(cls, given: str) -> str:
        names = [name.strip() for name in given.split(",")]
        unknown = [name for name in names if name not in FAMILIES]
        if unknown or len(set(names)) < len(names):
            raise ValueError(f"must name some of {', '.join(FAMILIES)}, each once, separated by commas")
        return ",".join(name for name in FAMILIES if name in names)

    def family_names(self) -> tuple[str, ...]:
        """Return the families to measure, in the usual order."""
        return tuple(self.families.split(","))

    def scorer_name(self) -> str:
        """Return the scorer that is used."""
        if self.scorer is not None or self.base == POCKET:
            return self.scorer or POCKET
        from impasto.features._own_encoders import has_own_encoders

        return self.base if has_own_encoders(self.base) else CLIP
