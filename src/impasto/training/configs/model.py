"""The base that learns."""

from __future__ import annotations

from impasto.core.option_groups import Group, listed_under
from impasto.core.paths import FileOrName
from impasto.models.checks.base_facts import BaseFacts


@listed_under(Group.LEARNING, first="base")
class ModelConfig(BaseFacts):
    """Which base learns, and what is known of it."""

    base: FileOrName = "pocket"
    """pocket, a diffusers folder, a .safetensors checkpoint, or a hub name."""
    attach: tuple[FileOrName, ...] = ()
    """Style file to keep attached, unchanged, while learning: FILE, FILE@ROLE:SCALE; repeat the flag for several."""
