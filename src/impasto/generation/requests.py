"""What is wanted of a drawing: requests, how they look, what guides them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from PIL import Image
from torch import Tensor

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
        prompt: The words as the text encoders are told them.
        seed: Fixes the picture, whatever else is in its batch.
        start: A picture to start from (SDEdit), or None.
        per_block: Other words for single blocks of the denoiser, by the block's path.
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

    @property
    def is_styled(self) -> bool:
        """Whether style pictures are shown beside the words."""
        return bool(self.images or self.negative_images)


EmptyPrompt: TypeAlias = Literal["auto", "encoded", "base"]
"""What the unconditional branch is told without a negative prompt.

"encoded" is the encoded empty prompt, "base" what the base was trained with, which is zeros on many SDXL bases. "auto"
is "encoded" beside style pictures and "base" elsewhere: with zeros, attention to words is exactly 0 at every place, so
that what mixes the style with it, such as cross-modal AdaIN, keeps the style's mean alone. All authors of image prompts
encode the empty prompt.
"""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How pictures are drawn.

    Attributes:
        steps: Steps of the sampler.
        guidance_scale: Classifier-free guidance.
        height: Height in pixels, a multiple of the base's latents.
        width: Width in pixels, a multiple of the base's latents.
        negative_prompt: What to steer away from.
        empty_prompt: What the unconditional branch is told instead when `negative_prompt` is None.
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
    empty_prompt: EmptyPrompt = "auto"
    strength: float = 1.0
    sampler: Sampler = "dpm++"
    batch: int = 4
    style_guidance_scale: float | None = None

    def negative_words(self, *, is_styled: bool) -> str | None:
        """Return what `encode_nothing` is to encode for a picture that is shown style pictures, or is not."""
        if self.negative_prompt is not None or self.empty_prompt == "base":
            return self.negative_prompt
        return "" if is_styled or self.empty_prompt == "encoded" else None

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
        changes: Of the denoiser itself while it draws, ΔW by name: `Contents.changes` of an image prompt adapter.
    """

    control: Control | None = None
    reference: Reference | None = None
    hook: Hook | None = None
    changes: Mapping[str, Tensor] = field(default_factory=dict)
