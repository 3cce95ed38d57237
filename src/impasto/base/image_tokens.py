"""What an image prompt says to a base: tokens beside those of the words, and each layer's keys and values for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ImageTokens:
    """Tokens of reference pictures.

    Attributes:
        tokens: (rows, num_tokens, width).
        projections: Site name -> (to_k, to_v); a site is the path of an attention layer of the UNet, for example
            "up_blocks.0.attentions.1.transformer_blocks.0.attn2". Layers that are absent take no part.
        scale: Of the attention to these tokens, where it is added to that to the words.
    """

    tokens: Tensor
    projections: Mapping[str, tuple[nn.Linear, nn.Linear]]
    scale: float = 1.0
