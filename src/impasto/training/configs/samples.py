"""Sample pictures that show how training goes."""

from __future__ import annotations

from pydantic import Field

from impasto.core.config import Config
from impasto.core.option_groups import Group, listed_under


@listed_under(Group.DRAWING)
class SamplesConfig(Config):
    """When sample pictures are drawn, and of what."""

    sample_every: int = Field(default=100, ge=0)
    """Draw sample pictures every so many steps; 0 draws none."""
    sample_prompts: tuple[str, ...] = ("a fox", "a castle", "an old woman", "a red apple")
    """What samples show, with the style words added; repeat the flag for several, which replace these."""
