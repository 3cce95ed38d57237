"""InstantStyle: show the style picture only to the blocks that decide style.

Paper: InstantStyle: Free Lunch towards Style-Preserving in Text-to-Image Generation, arXiv:2404.02733.
Official code: InstantStyle/InstantStyle.
Changes: the image prompt is attended to in the blocks of role "style" alone, or also in those of role "layout"
(Sec. 3.2). Before the projection, the content of the picture may be subtracted from its embedding (Sec. 3.1), see
`image_prompts/content_subtraction.py`.
Differs from the official code: blocks are roles that the base states (SDXL's are up_blocks.0.attentions.1 and
down_blocks.2.attentions.1, as there), so it is not tied to one network.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.models.attention_layers import AttentionLayer
from impasto.models.control import Control
from impasto.models.forward_context import ForwardContext
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.roles import check_roles, plays


class InstantStyleSettings(config.Config):
    """What can be chosen about InstantStyle."""

    roles: tuple[str, ...] = Field(default=("style",), min_length=1)
    """Which blocks see the picture; add "layout" for its composition."""


class InstantStyle(Control, Configured[InstantStyleSettings]):
    """InstantStyle."""

    name: ClassVar[str] = "instant_style"
    paper: ClassVar[Paper] = Paper(
        "InstantStyle: Free Lunch towards Style-Preserving in Text-to-Image Generation",
        "2404.02733",
        "InstantStyle/InstantStyle",
    )
    Config: ClassVar[type[config.Config]] = InstantStyleSettings
    needs_images: ClassVar[bool] = True

    def check(self, base: LatentDiffusion) -> None:
        """Raise `ConfigError` when the base does not state a role."""
        check_roles(base.roles, self.settings.roles, base.denoiser)

    def shows(self, layer: AttentionLayer, context: ForwardContext) -> bool:  # noqa: ARG002 - the same in every step
        """Return whether the block plays a chosen role."""
        return plays(layer.roles, self.settings.roles)
