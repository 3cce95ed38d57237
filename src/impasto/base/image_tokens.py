"""An image prompt as the UNet is shown it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class ImageTokens:
    """What an image prompt adapter makes of a picture.

    Attributes:
        tokens: What the image prompt shows, one row per row of a branch.
        projections: The adapter's (to_k, to_v) by the name of the site. Sites that are not named see no picture.
        scale: Weight beside the words; with cross-modal AdaIN the share of this picture among several.
    """

    tokens: Float[Tensor, "rows num_tokens width"]
    projections: Mapping[str, tuple[nn.Linear, nn.Linear]]
    scale: float = 1.0

    def fits(self, other: ImageTokens) -> bool:
        """Return whether both can be shown as rows of one `ImageTokens`."""
        same_shape = self.tokens.shape[1:] == other.tokens.shape[1:]
        return self.projections is other.projections and self.scale == other.scale and same_shape


def joined_tokens(parts: Sequence[ImageTokens]) -> ImageTokens:
    """Return the rows of all `parts`, which fit each other, in order."""
    return replace(parts[0], tokens=torch.cat([part.tokens for part in parts]))
