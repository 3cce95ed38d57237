"""What a training-free control may decide inside one forward pass of the UNet, and what it is told about that pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from impasto.diffusion.branches import Branches, Counterpart
from impasto.diffusion.step import Step
from impasto.models.image_tokens import ImageTokens
from impasto.models.sites import Site

if TYPE_CHECKING:
    from impasto.models.latent_diffusion import LatentDiffusion


@dataclass(frozen=True, slots=True)
class Shown:
    """Rows of a batch that are shown the same number of style pictures by the same adapters.

    Attributes:
        rows: Which; a range where they are neighbours.
        images: The style pictures, each with one row of tokens for each of `rows`.
    """

    rows: range | Int[Tensor, " shown"]
    images: tuple[ImageTokens, ...]


@dataclass(frozen=True, slots=True)
class Residuals:
    """What a ControlNet adds to the UNet.

    Attributes:
        down: To every skip connection.
        mid: To the middle block.
    """

    down: tuple[Float[Tensor, "rows c h w"], ...]
    mid: Float[Tensor, "rows c h w"]


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass: where the loop is, which row is which, and what is shown beside words.

    Attributes:
        step: Of the denoising loop.
        branches: The rows.
        shown: Style pictures; a row is in at most one of these.
        residuals: Of a ControlNet, or None.
    """

    step: Step
    branches: Branches
    shown: tuple[Shown, ...] = ()
    residuals: Residuals | None = None


@dataclass(frozen=True, slots=True)
class Attended:
    """The attention of some rows to one style picture.

    Attributes:
        output: With the same query as the attention to words, heads merged, before the output projection; gated.
        scale: Of the `ImageTokens`.
        mask: Which share of each place the picture is shown to; None for all of every place.
    """

    output: Float[Tensor, "rows tokens channels"]
    scale: float
    mask: Float[Tensor, "rows tokens 1"] | None = None


class Control:
    """A control that changes nothing: image prompts join the words as a weighted sum. Others override what they change.

    Attributes:
        teacher: For which part of the run a branch without style, from the same noise, runs beside every picture.
        needs_images: Whether it has no effect without style pictures.
        needs_reference: Whether the pictures of a run look at a reference: a given one, or else the first of them.
        name: As the command line calls it.
        flags: What the command line calls those settings whose own names mean something else there.
    """

    name: ClassVar[str] = "plain"
    flags: ClassVar[Mapping[str, str]] = {}
    needs_images: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False

    @property
    def teacher(self) -> float:
        """Fraction of the run; 0 for none."""
        return 0.0

    def check(self, base: LatentDiffusion) -> None:
        """Raise `ConfigError` when this base lacks what the control needs."""

    def counterpart(self, site: Site, seen: Pass) -> Counterpart | None:  # noqa: ARG002 - others look at them
        """Return whose query and key each row uses; None for its own. Values always stay a row's own."""
        return None

    def touches(self, site: Site, seen: Pass) -> bool:  # noqa: ARG002
        """Return whether `attend` is to be asked."""
        return False

    def attend(
        self,
        site: Site,  # noqa: ARG002
        seen: Pass,  # noqa: ARG002
        q: Float[Tensor, "rows heads tokens dim"],
        k: Float[Tensor, "rows heads keys dim"],
        v: Float[Tensor, "rows heads keys dim"],
    ) -> Float[Tensor, "rows heads tokens dim"]:
        """Return the attention, by default softmax(QKᵀ/√d) V; no map is materialised."""
        return scaled_dot_product_attention(q, k, v)

    def shows(self, site: Site, seen: Pass) -> bool:  # noqa: ARG002
        """Return whether style pictures are attended to here."""
        return True

    def combine(
        self,
        site: Site,  # noqa: ARG002
        seen: Pass,  # noqa: ARG002
        text: Float[Tensor, "rows tokens channels"],
        styles: Sequence[Attended],
    ) -> Float[Tensor, "rows tokens channels"]:
        """Return how the attention to style pictures joins the one to words: T + Σ mask · scale · S."""
        for style in styles:
            added = style.scale * style.output
            text = text + (added if style.mask is None else style.mask * added)
        return text
