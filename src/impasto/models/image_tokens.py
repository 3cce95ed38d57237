"""An image prompt as the denoiser is shown it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Gating:
    """What StyleCrafter does to the attention S to a picture before it joins the words: gates · norms(S).

    Attributes:
        norms: A layer norm for each attention layer, by its path.
        gates: By the path of the attention layer, one for each row.
    """

    norms: Mapping[str, nn.LayerNorm]
    gates: Mapping[str, Float[Tensor, "rows 1 1"]]

    def __call__(self, path: str, attended: Float[Tensor, "rows tokens channels"]) -> Tensor:
        """Return what joins the words at `path`."""
        gated: Tensor = self.gates[path] * self.norms[path](attended)
        return gated


@dataclass(frozen=True, slots=True)
class ImageTokens:
    """What an image prompt adapter makes of a picture.

    Attributes:
        tokens: What the image prompt shows, one row per row of a branch.
        projections: The adapter's (to_k, to_v) by the path of the attention layer. Layers without a name in it
            see no picture.
        scale: Weight beside the words; with cross-modal AdaIN the share of this picture among several.
        mask: Where it is shown, 0 to 1, at the size of the picture that is drawn; None for everywhere.
        gating: What is done to the attention to it, or None.
    """

    tokens: Float[Tensor, "rows num_tokens channels"]
    projections: Mapping[str, tuple[nn.Linear, nn.Linear]]
    scale: float = 1.0
    mask: Float[Tensor, "#rows height width"] | None = None
    gating: Gating | None = None

    def fits(self, other: ImageTokens) -> bool:
        """Return whether both can be shown as rows of one `ImageTokens`."""
        same_shape = self.tokens.shape[1:] == other.tokens.shape[1:] and _shape(self.mask) == _shape(other.mask)
        same_scale = self.projections is other.projections and self.scale == other.scale
        return same_shape and same_scale and _norms(self) is _norms(other)


def _shape(mask: Tensor | None) -> tuple[int, ...] | None:
    return None if mask is None else tuple(mask.shape[1:])


def _norms(image: ImageTokens) -> Mapping[str, nn.LayerNorm] | None:
    return None if image.gating is None else image.gating.norms


def joined_tokens(parts: Sequence[ImageTokens]) -> ImageTokens:
    """Return the rows of all `parts`, which fit each other, in order."""
    masks = [part.mask for part in parts if part.mask is not None]
    gatings = [part.gating for part in parts if part.gating is not None]
    return replace(
        parts[0],
        tokens=torch.cat([part.tokens for part in parts]),
        mask=torch.cat(masks) if masks else None,
        gating=_joined_gating(gatings) if gatings else None,
    )


def _joined_gating(parts: Sequence[Gating]) -> Gating:
    gates = {path: torch.cat([part.gates[path] for part in parts]) for path in parts[0].gates}
    return Gating(parts[0].norms, gates)
