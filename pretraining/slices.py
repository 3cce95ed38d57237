"""One graph for all steps: three caption states side by side, of which every attention layer reads its slice.

Blocks that are told different captions (`block_captions.py`) would each need a hook, and a compiled network would be
compiled anew for every hook. Here the states of the caption of content, of style and of all others lie behind each
other, (batch, 3 tokens, channels), in every step; where nothing is shuffled they are the same three times.
"""

from __future__ import annotations

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor, AttnProcessor2_0
from torch import Tensor

from pretraining.block_captions import CONTENT, STYLE
from pretraining.tokenizer import LENGTH

SLICES = 3


def attention_for(device: torch.device) -> type[AttnProcessor] | type[AttnProcessor2_0]:
    """Return how to attend while training: torch's fused attention is slow backwards in bfloat16 on CPUs."""
    chosen: type[AttnProcessor] | type[AttnProcessor2_0] = AttnProcessor if device.type == "cpu" else AttnProcessor2_0
    return chosen


class SlicedAttention:
    """Attention that shows its layer one slice of the caption states.

    Args:
        attend: Computes attention.
        place: Of the slice, from 0.
        tokens: Length of a slice.
    """

    def __init__(self, attend: AttnProcessor | AttnProcessor2_0, place: int, tokens: int) -> None:
        self._attend = attend
        self._slice = slice(place * tokens, (place + 1) * tokens)

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """Return what the layer `attn` attends to; self-attention has no caption and stays as it is."""
        if encoder_hidden_states is not None:
            encoder_hidden_states = encoder_hidden_states[:, self._slice]
        attended: Tensor = self._attend(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        return attended


def place_of(layer: str) -> int:
    """Return which slice the attention layer of that name reads: 0 of content, 1 of style, 2 of all others."""
    return next((place for place, block in enumerate((CONTENT, STYLE)) if layer.startswith(f"{block}.")), SLICES - 1)


def read_slices(unet: UNet2DConditionModel, device: torch.device, tokens: int = LENGTH) -> None:
    """Let every layer of `unet` read its slice from now on."""
    attend = attention_for(device)()
    slices = {name: SlicedAttention(attend, place_of(name), tokens) for name in unet.attn_processors}
    unet.set_attn_processor(slices)  # type: ignore[arg-type]  # takes any
