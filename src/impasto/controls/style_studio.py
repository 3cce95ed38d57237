"""StyleStudio: draw in the style of a picture with the words in control, by three parts that learn nothing.

Paper: StyleStudio: Text-Driven Style Transfer with Selective Control of Style Elements, arXiv:2412.08503.
Official code: Westlake-AGI-Lab/StyleStudio.
Notation: T attention to words · S attention to the style picture, same query · Q, K, V of self-attention
Changes:
  Cross-modal AdaIN: out = σ(S) (T - μ(T)) / σ(T) + μ(S), before the output projection, over the tokens of each channel.
  Teacher: a branch of the same words and noise without the style picture. In the first part of the steps the stylised
    branches take their self-attention maps from it: softmax(Q_teacher K_teacherᵀ / √d) V_student.
  Style-based guidance: ε = (1 + w) ε(words⁺, style⁺) - w ε(words⁻, style⁻). It needs nothing here: an
    `ImageRequest` shows the negative picture to the unconditional branch, `diffusion/guidance.py` does the rest.
AdaIN of the sum: out = AdaIN(T, T + S), an addition to the paper for image prompts that were trained to be added to
words, as those of IP-Adapter are. Their S is a shift of T with statistics of its own; the mean of T, which AdaIN(T, S)
throws away, holds what the words say of the whole picture, such as its background. The statistics of the sum keep both,
and the layout of S still does not come in. Measured on pocket by
`benchmarks/style_studio_pocket.py`.
Roles: the authors show the picture, and apply AdaIN, in CSGO's up blocks, which are all that it has weights for, and
with IP-Adapter files in InstantStyle's one block, which is role "style" here.
Differs from the official code: AdaIN has a strength, (1 - a) T + a AdaIN(T, S), a window of steps, an epsilon, float32
statistics, and blended statistics for several pictures, where the code has none of these and ignores the scale. Maps
are shared by sharing Q and K, which is the same and materialises no map; stylised branches then compute no Q and K of
their own. The teacher is a branch with a name and leaves the batch when its window ends, where the code wants batches
of exactly four rows and keeps the teacher to the last step. The window is a fraction of the steps that are run and is
read from the loop, where the code counts its own calls, on some paths wrongly. One teacher serves all pictures of a
batch that share words, seed and start. Maps of cross-attention are not shared: the paper (Fig. 15) finds no use in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from impasto.controls._window import WindowOption
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.diffusion.adain import blended_adain
from impasto.diffusion.branches import TEACHER, Counterpart
from impasto.models.attention_layers import AttentionLayer
from impasto.models.control import Control
from impasto.models.forward_context import Attended, ForwardContext
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.roles import ALL, check_roles, plays


class StyleStudioSettings(config.Config):
    """What can be chosen about StyleStudio."""

    mix: Literal["adain", "adain_sum", "sum"] = "adain"
    """How the style picture joins the words: cross-modal AdaIN, AdaIN of the sum, or the plain weighted sum."""
    strength: float = Field(default=1.0, ge=0, le=1)
    """How much of the style picture is taken on; 0 draws what the words alone would."""
    roles: tuple[str, ...] = Field(default=(ALL,), min_length=1)
    """Which blocks see the style picture, e.g. style; all is every one that the adapter has weights for."""
    window: WindowOption = (0.0, 1.0)
    """In which part of the steps the style picture is shown, as fractions; the words are alone outside of it."""
    teacher: float = Field(default=0.4, ge=0, le=1)
    """For which part of the steps the layout is that of the words alone; 0.2 to 0.4 is recommended, 0 is never."""


class StyleStudio(Control, Configured[StyleStudioSettings]):
    """StyleStudio."""

    name: ClassVar[str] = "style_studio"
    paper: ClassVar[Paper] = Paper(
        "StyleStudio: Text-Driven Style Transfer with Selective Control of Style Elements",
        "2412.08503",
        "Westlake-AGI-Lab/StyleStudio",
    )
    Config: ClassVar[type[config.Config]] = StyleStudioSettings
    flags: ClassVar[Mapping[str, str]] = {"strength": "adain"}
    needs_images: ClassVar[bool] = True

    @property
    def teacher(self) -> float:
        """Fraction of the run with a teacher; none where there is no style that it could keep in order."""
        return self.settings.teacher if self.settings.strength else 0.0

    def check(self, base: LatentDiffusion) -> None:
        """Raise `ConfigError` when the base does not state a role."""
        check_roles(base.roles, self.settings.roles, base.denoiser)

    def counterpart(self, layer: AttentionLayer, context: ForwardContext) -> Counterpart | None:
        """Return the teacher's rows, at every self-attention while the teacher is in its window."""
        if layer.kind == "cross" or not context.step.is_within((0.0, self.teacher)):
            return None
        return context.branches.beside.get(TEACHER)

    def shows(self, layer: AttentionLayer, context: ForwardContext) -> bool:
        """Return whether the block plays a chosen role and the step lies in the window."""
        is_shown = self.settings.strength > 0 and context.step.is_within(self.settings.window)
        return is_shown and plays(layer.roles, self.settings.roles)

    def combine(
        self,
        layer: AttentionLayer,
        context: ForwardContext,
        text: Float[Tensor, "rows tokens channels"],
        styles: Sequence[Attended],
    ) -> Float[Tensor, "rows tokens channels"]:
        """Return what the setting `mix` says; a is the strength, s and m are scales and masks of the pictures.

        "adain": T + a Σ m s (AdaIN(T, S) - T); "adain_sum": T + a Σ m (AdaIN(T, T + s S) - T); "sum": T + a Σ m s S.
        """
        strength, masks = self.settings.strength, [each.mask for each in styles]
        if self.settings.mix == "adain":
            outputs, weights = [each.output for each in styles], [strength * each.scale for each in styles]
            return blended_adain(text, outputs, weights, masks)
        if self.settings.mix == "adain_sum":
            sums = [text + each.scale * each.output for each in styles]
            return blended_adain(text, sums, [strength if each.scale else 0.0 for each in styles], masks)
        weaker = [replace(each, scale=strength * each.scale) for each in styles]
        return super().combine(layer, context, text, weaker)
