"""What a run may use of the machine."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from impasto.core.config import Config
from impasto.core.option_groups import Group, listed_under
from impasto.core.paths import FileOrName


@listed_under(Group.MACHINE, first="device max_memory")
class HardwareConfig(Config):
    """Device, precision, and memory against speed."""

    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of the arithmetic; auto is fp32 on the CPU and bf16 elsewhere."""
    compile: bool = False
    """Compile the denoiser's repeated blocks: minutes at first, quicker steps after; the result differs by rounding."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: far less memory, steps take about 1.4 times as long."""
    max_memory: str | None = Field(default=None, pattern=r"^\d+(\.\d+)?\s*([GM]i?B|[GM])$")
    """Fit into this much memory, e.g. 12GB: chooses pictures at once, checkpointing, optimiser and precision."""
    cache: FileOrName = "auto"
    """Folder that keeps encoded pictures and prompts between runs, auto for the user's cache folder, or none."""
