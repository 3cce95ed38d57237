"""How adapter files number the attention layers of a denoiser.

They count all of them in the order of diffusers' `attn_processors`: down, up, and the middle last. Self-attention comes
before cross-attention in every transformer layer, so cross-attentions have the odd numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from diffusers import ModelMixin
from diffusers.models.attention_processor import Attention


@dataclass(frozen=True, slots=True)
class CrossAttention:
    """A layer that reads the words.

    Attributes:
        number: Its number in adapter files.
        path: Its path in the denoiser.
        words: Width of the words' states.
        channels: Width of its keys and values.
    """

    number: int
    path: str
    words: int
    channels: int


def cross_attentions(denoiser: ModelMixin) -> tuple[CrossAttention, ...]:
    """Return the cross-attentions of a denoiser, as adapter files number them."""
    found = []
    for number, processor in enumerate(denoiser.attn_processors):
        path = processor.removesuffix(".processor")
        layer = cast(Attention, denoiser.get_submodule(path))
        if layer.is_cross_attention:
            found.append(CrossAttention(number, path, layer.cross_attention_dim, layer.inner_kv_dim))
    return tuple(found)
