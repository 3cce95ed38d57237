"""A negative style without a negative picture: keys and values of the reference with their singular values suppressed.

Paper: CleanStyle, arXiv:2602.20721 (its guidance for style). Differs from the official code: there every layer is
decomposed at every step; the strength of the unconditional branch does not change from step to step, so here all layers
are decomposed once, before drawing.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from impasto.diffusion.singular_values import AUTOMATIC, suppressed
from impasto.models.image_tokens import ImageTokens


@torch.no_grad()
def automatic_negative(image: ImageTokens, strength: float = AUTOMATIC) -> ImageTokens:
    """Return what the unconditional branch is shown to steer away from what is no style in `image`.

    Keys and values that are no longer a projection of tokens are told as a projection of one-hot tokens: token i is
    the i-th unit vector, and the i-th column of its "projection" holds key or value i.

    Args:
        image: One row.
        strength: a of `suppressed`.
    """
    count = image.tokens.shape[1]
    tokens = torch.eye(count, dtype=image.tokens.dtype, device=image.tokens.device)[None]
    projections = {
        path: (_written_out(to_k(image.tokens)[0], strength), _written_out(to_v(image.tokens)[0], strength))
        for path, (to_k, to_v) in image.projections.items()
    }
    return replace(image, tokens=tokens, projections=projections)


def _written_out(rows: Tensor, strength: float) -> nn.Linear:
    """Return the layer that maps unit vector i to row i of the suppressed matrix."""
    count, channels = rows.shape
    made = nn.Linear(count, channels, bias=False, device=rows.device, dtype=rows.dtype).requires_grad_(False)
    made.weight.copy_(suppressed(rows, strength).T)
    return made
