"""What a forward pass of the denoiser is told besides its input: step, branches, style pictures, residuals."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from impasto.diffusion.branches import Branches
from impasto.diffusion.step import Step
from impasto.models.image_tokens import ImageTokens


@dataclass(frozen=True, slots=True)
class ShownImages:
    """Rows of a batch that are shown the same number of style pictures by the same adapters.

    Attributes:
        rows: Which; a range where they are neighbours.
        images: The style pictures, each with one row of tokens for each of `rows`.
    """

    rows: range | Int[Tensor, " shown"]
    images: tuple[ImageTokens, ...]


@dataclass(frozen=True, slots=True)
class Residuals:
    """What a ControlNet adds to the denoiser.

    Attributes:
        down: To every skip connection.
        mid: To the middle block.
    """

    down: tuple[Float[Tensor, "rows _ _ _"], ...]
    mid: Float[Tensor, "rows c h w"]


@dataclass(frozen=True, slots=True)
class ForwardContext:
    """One forward pass: where the loop is, which row is which, and what is shown beside words.

    Attributes:
        step: Where the denoising loop is.
        branches: Which rows of the batch are which branch.
        shown: Style pictures; a row is in at most one of these.
        residuals: What a ControlNet adds, or None.
    """

    step: Step
    branches: Branches
    shown: tuple[ShownImages, ...] = ()
    residuals: Residuals | None = None


@dataclass(frozen=True, slots=True)
class Attended:
    """The attention of some rows to one style picture.

    Attributes:
        output: With the same query as the attention to words, heads merged, before the output projection; gated.
        scale: Scale of the `ImageTokens`, 1 for as trained.
        mask: Which share of each place the picture is shown to; None for all of every place.
    """

    output: Float[Tensor, "rows tokens channels"]
    scale: float
    mask: Float[Tensor, "rows tokens 1"] | None = None
