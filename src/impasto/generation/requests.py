"""What is wanted of a drawing: requests, how they look, what guides them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from impasto.diffusion.guidance import Guidance
from impasto.generation.auxiliary_branches import Reference
from impasto.generation.denoiser import Hook
from impasto.models.control import Control
from impasto.models.image_tokens import ImageTokens
from impasto.models.samplers import Sampler


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One picture that is wanted.

    Attributes:
        prompt: The words.
        seed: Fixes the picture, whatever else is in its batch.
        start: A picture to start from (SDEdit), or None.
        per_block: Other words for single blocks of the UNet, by the block's path.
        images: Style pictures, one row of tokens each; several are shown together.
        negative_images: What the unconditional branch is shown beside them: the adapter's null tokens, or those of a
            picture to steer away from (style-based guidance of StyleStudio).
    """

    prompt: str
    seed: int
    start: Image.Image | None = None
    per_block: Mapping[str, str] = field(default_factory=dict)
    images: tuple[ImageTokens, ...] = ()
    negative_images: tuple[ImageTokens, ...] = ()


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How pictures are drawn.

    Attributes:
        steps: Steps of the sampler.
        guidance_scale: Classifier-free guidance.
        height: In pixels.
        width: In pixels.
        negative_prompt: What to steer away from.
        strength: With a start picture: how much of it is redrawn, from 0 (nothing) to 1 (all).
        sampler: Which one.
        batch: Pictures drawn at once; changes speed and memory, not the pictures. Teachers and references come on top.
        style_guidance_scale: A guidance scale of its own for style pictures; None for that of the words.
    """

    steps: int
    guidance_scale: float
    height: int
    width: int
    negative_prompt: str | None = None
    strength: float = 1.0
    sampler: Sampler = "dpm++"
    batch: int = 4
    style_guidance_scale: float | None = None

    def guidance(self) -> Guidance:
        """Return which branches are computed and how they are joined."""
        return Guidance(self.guidance_scale, self.style_guidance_scale)


@dataclass(frozen=True, slots=True)
class Guides:
    """What decides a drawing beside words and parameters.

    Attributes:
        control: Decides attention; without one, style pictures join the words as a weighted sum.
        reference: For controls that look at a reference: this picture instead of the first that is drawn.
        hook: A ControlNet.
    """

    control: Control | None = None
    reference: Reference | None = None
    hook: Hook | None = None
