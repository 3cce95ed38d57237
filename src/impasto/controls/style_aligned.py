"""StyleAligned: pictures of one style, because all of them also attend to a reference.

Paper: Style Aligned Image Generation via Shared Attention, arXiv:2312.02133.
Official code: google/style-aligned.
Notation: Q, K, V of a target in self-attention · Q_r, K_r, V_r of the reference, same branch
Changes: in every self-attention a target computes Attention(AdaIN(Q, Q_r), [s K_r; AdaIN(K, K_r)], [V_r; V]), and the
scores of the reference's keys are raised by a shift. The reference is the first picture of the run, or a given picture
by DDIM inversion (`diffusion/inversion.py`), whose latents are then prescribed at every step. It is never touched.
With a given picture the shift is log 2 and group norms share their statistics between target and reference, as in the
authors' notebook for given pictures; with the first picture neither, as in their notebook for sets. The paper does not
mention them. The factor s is 1 in both; for very famous pictures they advise 0.5 and a shift of 0.
Differs from the official code: the reference is not attended to twice by itself, and layer norms, whose statistics are
those of single tokens, are not computed over both, which changes nothing but time; inversion works with every sampler,
because the recorded latents are given to the network as they are, and begins at ᾱ = 1. It needs no adapter.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from impasto.controls._window import WindowOption
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.diffusion.adain import adain
from impasto.diffusion.branches import FIRST, REFERENCE, Counterpart
from impasto.models.attention_layers import AttentionLayer
from impasto.models.control import Control
from impasto.models.forward_context import ForwardContext


class StyleAlignedSettings(config.Config):
    """What can be chosen about StyleAligned."""

    adain: bool = True
    """Whether queries and keys get the statistics of the reference's; without, the style follows it less."""
    score_shift: float | None = Field(default=None, ge=-20, le=20)
    """Added to the scores of the reference, more follows it more; by default log 2 = 0.69 with a picture, else 0."""
    score_scale: float = Field(default=1.0, ge=0, le=10)
    """Factor of the reference's keys; below 1 it is followed less, as very famous pictures need it."""
    share_norms: Literal["auto", "yes", "no"] = "auto"
    """Whether group norms take the reference into their statistics; auto: with a given picture alone."""
    window: WindowOption = (0.0, 1.0)
    """In which part of the steps attention is shared, as fractions."""


class StyleAligned(Control, Configured[StyleAlignedSettings]):
    """StyleAligned."""

    name: ClassVar[str] = "style_aligned"
    paper: ClassVar[Paper] = Paper(
        "Style Aligned Image Generation via Shared Attention", "2312.02133", "google/style-aligned"
    )
    Config: ClassVar[type[config.Config]] = StyleAlignedSettings
    needs_reference: ClassVar[bool] = True
    may_join_norms: ClassVar[bool] = True

    def joins_norms(self, context: ForwardContext) -> Counterpart | None:
        """Return the reference of every row, where norms are shared in the window."""
        share = self.settings.share_norms
        is_shared = share == "yes" or (share == "auto" and _has_picture(context))
        return _references(context) if is_shared and context.step.is_within(self.settings.window) else None

    def touches(self, layer: AttentionLayer, context: ForwardContext) -> bool:
        """Return whether this is self-attention in the window."""
        return layer.kind == "self" and context.step.is_within(self.settings.window)

    def attend(
        self,
        layer: AttentionLayer,  # noqa: ARG002 - the same everywhere
        context: ForwardContext,
        q: Float[Tensor, "rows heads tokens dim"],
        k: Float[Tensor, "rows heads tokens dim"],
        v: Float[Tensor, "rows heads tokens dim"],
    ) -> Float[Tensor, "rows heads tokens dim"]:
        """Return shared attention for targets and plain attention for references."""
        reference = _references(context).rows()
        is_target = reference != torch.arange(len(reference), device=reference.device)
        targets, of = is_target.nonzero()[:, 0], reference[is_target]
        q_t, k_t = q[targets], k[targets]
        if self.settings.adain:
            q_t, k_t = adain(q_t, q[of]), adain(k_t, k[of])
        keys = torch.cat([self.settings.score_scale * k[of], k_t], dim=-2)
        values, shifts = torch.cat([v[of], v[targets]], dim=-2), self._shifts(context, k)
        sources = (~is_target).nonzero()[:, 0]
        out = torch.empty_like(v)
        out[targets] = torch.nn.functional.scaled_dot_product_attention(q_t, keys, values, shifts)
        out[sources] = torch.nn.functional.scaled_dot_product_attention(q[sources], k[sources], v[sources])
        return out

    def _shifts(
        self, context: ForwardContext, k: Float[Tensor, "rows heads tokens dim"]
    ) -> Float[Tensor, "1 keys"] | None:
        """Return what is added to the scores of [K_r; K]; None for nothing."""
        given = self.settings.score_shift
        shift = (math.log(2) if _has_picture(context) else 0.0) if given is None else given
        own = k.new_zeros((1, k.shape[-2]))
        return torch.cat([own + shift, own], dim=-1) if shift else None


def _has_picture(context: ForwardContext) -> bool:
    """Return whether the reference is a given picture."""
    return REFERENCE in context.branches.beside


def _references(context: ForwardContext) -> Counterpart:
    beside = context.branches.beside
    return beside.get(REFERENCE) or beside[FIRST]
