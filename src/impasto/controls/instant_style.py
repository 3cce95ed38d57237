"""InstantStyle: show the style picture only to the blocks that decide style.

Paper: InstantStyle: Free Lunch towards Style-Preserving in Text-to-Image Generation, arXiv:2404.02733.
Official code: InstantStyle/InstantStyle.
Changes: the image prompt is attended to in the blocks of role "style" alone, or also in those of role "layout"
(Sec. 3.2). Before the projection, the content of the picture may be subtracted from its embedding (Sec. 3.1), see
`without_content`.
Differs from the official code: blocks are roles that the base states (SDXL's are up_blocks.0.attentions.1 and
down_blocks.2.attentions.1, as there), so it is not tied to one network. Subtraction is refused where the spaces differ:
it needs one vector per picture from an encoder that was trained with the text encoder (bigG with SDXL). The code's own
argument for it is inverted and discards it.
"""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from impasto.base import control
from impasto.base.control import Pass
from impasto.base.latent_diffusion import LatentDiffusion
from impasto.base.roles import blocks_of
from impasto.base.sites import Site
from impasto.core import config
from impasto.core.errors import ConfigError
from impasto.core.paper import Paper


class Settings(config.Config):
    """What can be chosen about InstantStyle."""

    roles: tuple[str, ...] = Field(default=("style",), min_length=1)
    """Which blocks see the picture; add "layout" for its composition."""


class Control(control.Control):
    """InstantStyle."""

    name: ClassVar[str] = "instant_style"
    paper: ClassVar[Paper] = Paper(
        "InstantStyle: Free Lunch towards Style-Preserving in Text-to-Image Generation",
        "2404.02733",
        "InstantStyle/InstantStyle",
    )
    Config: ClassVar[type[config.Config]] = Settings
    needs_images: ClassVar[bool] = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def check(self, base: LatentDiffusion) -> None:
        """Raise `ConfigError` when the base does not state a role."""
        blocks_of(base.roles, self.settings.roles, base.unet)

    def shows(self, site: Site, seen: Pass) -> bool:  # noqa: ARG002 - the same in every step
        """Return whether the block plays a chosen role."""
        return any(role in self.settings.roles for role in site.roles)


def without_content(
    image: Float[Tensor, "pictures dim"], words: Float[Tensor, "pictures dim"], scale: float = 1.0
) -> Float[Tensor, "pictures dim"]:
    """Return the embedding of a picture less that of the words for its content (Sec. 3.1).

    Args:
        image: One vector per picture, of an image encoder in the space of the text encoder; not normalised.
        words: What the pictures show, pooled by the text encoder (`Conditioning.pooled`).
        scale: How much is taken off.

    Raises:
        ConfigError: The two are not vectors of one space.
    """
    if image.ndim != 2 or words.ndim != 2 or image.shape[-1] != words.shape[-1]:
        raise ConfigError(
            f"content cannot be subtracted: the picture is {tuple(image.shape)} and the words {tuple(words.shape)}; "
            "both must be one vector per picture, of one width: use an adapter of global features whose image encoder "
            "belongs to the text encoder (for SDXL: ip-adapter_sdxl with ViT-bigG)"
        )
    return image - scale * words
