"""How adapter files number the attention layers of a UNet.

They count all of them in the order of diffusers' `unet.attn_processors`: down, up, and the middle last. Self-attention
comes before cross-attention in every transformer layer, so cross-attentions have the odd numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from diffusers import UNet2DConditionModel


@dataclass(frozen=True, slots=True)
class CrossAttention:
    """A layer that reads the words.

    Attributes:
        number: Its number in adapter files.
        path: Its path in the UNet.
        words: Width of the words' states.
        channels: Width of its keys and values.
    """

    number: int
    path: str
    words: int
    channels: int


def cross_attentions(unet: UNet2DConditionModel) -> tuple[CrossAttention, ...]:
    """Return the cross-attentions of a UNet, as adapter files number them."""
    found = []
    for number, processor in enumerate(unet.attn_processors):
        path = processor.removesuffix(".processor")
        layer = unet.get_submodule(path)
        if layer.is_cross_attention:
            found.append(CrossAttention(number, path, layer.cross_attention_dim, layer.inner_kv_dim))
    return tuple(found)
