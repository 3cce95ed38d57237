"""The base that learns."""

from __future__ import annotations

from typing import Literal

from impasto.core.config import Config
from impasto.core.option_groups import Group, listed_under
from impasto.core.paths import FileOrName


@listed_under(Group.LEARNING, first="base")
class ModelConfig(Config):
    """Which base learns, and what is known of it."""

    base: FileOrName = "pocket"
    """pocket, a diffusers folder, a .safetensors checkpoint, or a hub name."""
    attach: tuple[FileOrName, ...] = ()
    """Style file to keep attached, unchanged, while learning: FILE, FILE@ROLE:SCALE; repeat the flag for several."""
    prediction: Literal["auto", "epsilon", "v"] = "auto"
    """What the base predicts, where it says something wrong; auto believes it."""
    zero_snr: Literal["auto", "yes", "no"] = "auto"
    """Whether the base's last timestep is pure noise (zero terminal SNR); auto believes it."""
