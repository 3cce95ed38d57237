"""What SDXL's UNet is told beside the noised latents: words and sizes."""

from __future__ import annotations

import torch
from torch import Tensor

from pretraining.towers import Towers

SIDE = 128.0


@torch.no_grad()
def encode_captions(towers: Towers, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return what SDXL shows the UNet: penultimate states of both towers side by side, and the pooled embedding.

    Args:
        towers: The text encoders.
        ids: Shape (batch, tokens).

    Returns:
        States of shape (batch, tokens, channels) and embeddings of shape (batch, shared).
    """
    first = towers.text_encoder(ids, output_hidden_states=True)
    second = towers.text_encoder_2(ids, output_hidden_states=True)
    return torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1), second.text_embeds


def encode_slices(towers: Towers, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return caption states side by side, as `slices.py` reads them, and the pooled embedding of the last caption.

    Args:
        towers: The text encoders.
        ids: Shape (3, batch, tokens), or (1, batch, tokens) where all are the same.

    Returns:
        States of shape (batch, 3 tokens, channels) and embeddings of shape (batch, shared).
    """
    captions, batch = ids.shape[:2]
    states, pooled = encode_captions(towers, ids.flatten(0, 1))
    parts = list(torch.split(states, batch))
    return torch.cat(parts * (3 // captions), dim=1), pooled[-batch:]


def size_conditions(count: int, device: torch.device) -> Tensor:
    """Return SDXL's sizes of whole pictures of 128 px: original, where the crop begins, and target; (count, 6)."""
    return torch.tensor([SIDE, SIDE, 0, 0, SIDE, SIDE], device=device).expand(count, 6)
