"""StyleAligned: pictures of one style, because all of them also attend to a reference.

Paper: Style Aligned Image Generation via Shared Attention, arXiv:2312.02133.
Official code: google/style-aligned.
Notation: Q, K, V of a target in self-attention · Q_r, K_r, V_r of the reference, same branch
Changes: in every self-attention a target computes Attention(AdaIN(Q, Q_r), [K_r; AdaIN(K, K_r)], [V_r; V]).
The reference is the first picture of the run, or a given picture by DDIM inversion (`diffusion/inversion.py`), whose
latents are then prescribed at every step. It is never touched itself.
Differs from the official code: the reference is not attended to twice by itself, which changes nothing but time; group
norms are not shared between reference and target, which the code does and the paper does not mention; inversion works
with every sampler, because the recorded latents are given to the network as they are. It needs no adapter.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.controls._window import WindowOption
from impasto.core import config
from impasto.core.configured import Configured
from impasto.core.paper import Paper
from impasto.diffusion.adain import adain
from impasto.diffusion.branches import FIRST, REFERENCE
from impasto.models.attention_layers import AttentionLayer
from impasto.models.control import Control
from impasto.models.forward_context import ForwardContext


class StyleAlignedSettings(config.Config):
    """What can be chosen about StyleAligned."""

    adain: bool = True
    """Whether queries and keys get the statistics of the reference's; without, the style follows it less."""
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
        beside = context.branches.beside
        reference = (beside.get(REFERENCE) or beside[FIRST]).rows()
        is_target = reference != torch.arange(len(reference), device=reference.device)
        targets, of = is_target.nonzero()[:, 0], reference[is_target]
        q_t, k_t = q[targets], k[targets]
        if self.settings.adain:
            q_t, k_t = adain(q_t, q[of]), adain(k_t, k[of])
        keys, values = torch.cat([k[of], k_t], dim=-2), torch.cat([v[of], v[targets]], dim=-2)
        sources = (~is_target).nonzero()[:, 0]
        out = torch.empty_like(v)
        out[targets] = torch.nn.functional.scaled_dot_product_attention(q_t, keys, values)
        out[sources] = torch.nn.functional.scaled_dot_product_attention(q[sources], k[sources], v[sources])
        return out
