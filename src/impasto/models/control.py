"""What a training-free control may decide inside one forward pass, and what it is told about that pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from impasto.core import config
from impasto.core.paper import Paper
from impasto.diffusion.branches import Counterpart
from impasto.models.attention_layers import AttentionLayer
from impasto.models.forward_context import Attended, ForwardContext

if TYPE_CHECKING:
    from impasto.models.latent_diffusion import LatentDiffusion


class Control:
    """A control that changes nothing: image prompts join the words as a weighted sum. Others override what they change.

    A plug-in in `controls/` derives from it, and says besides where it comes from and what can be chosen about it.

    Attributes:
        paper: Where a plug-in comes from.
        Config: What can be chosen about a plug-in; it is made with an instance of it.
        teacher: For which part of the run a branch without style, from the same noise, runs beside every picture.
        needs_images: Whether it has no effect without style pictures.
        needs_reference: Whether the pictures of a run look at a reference: a given one, or else the first of them.
        may_join_norms: Whether `joins_norms` is to be asked.
        name: Name on the command line, e.g. "style_studio".
        flags: What the command line calls those settings whose own names mean something else there.
    """

    paper: ClassVar[Paper]
    Config: ClassVar[type[config.Config]]
    name: ClassVar[str] = "plain"
    flags: ClassVar[Mapping[str, str]] = {}
    needs_images: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    may_join_norms: ClassVar[bool] = False

    @property
    def teacher(self) -> float:
        """Fraction of the run; 0 for none."""
        return 0.0

    def check(self, base: LatentDiffusion) -> None:
        """Raise `ConfigError` when this base lacks what the control needs."""

    def counterpart(self, layer: AttentionLayer, context: ForwardContext) -> Counterpart | None:  # noqa: ARG002 - others look at them
        """Return whose query and key each row uses; None for its own. Values always stay a row's own."""
        return None

    def joins_norms(self, context: ForwardContext) -> Counterpart | None:  # noqa: ARG002
        """Return the row whose features join each row's in the statistics of group norms; None for no sharing."""
        return None

    def touches(self, layer: AttentionLayer, context: ForwardContext) -> bool:  # noqa: ARG002
        """Return whether `attend` is to be asked."""
        return False

    def attend(
        self,
        layer: AttentionLayer,  # noqa: ARG002
        context: ForwardContext,  # noqa: ARG002
        q: Float[Tensor, "rows heads tokens dim"],
        k: Float[Tensor, "rows heads keys dim"],
        v: Float[Tensor, "rows heads keys dim"],
    ) -> Float[Tensor, "rows heads tokens dim"]:
        """Return the attention, by default softmax(QKᵀ/√d) V; no map is materialised."""
        return scaled_dot_product_attention(q, k, v)

    def shows(self, layer: AttentionLayer, context: ForwardContext) -> bool:  # noqa: ARG002
        """Return whether style pictures are attended to here."""
        return True

    def combine(
        self,
        layer: AttentionLayer,  # noqa: ARG002
        context: ForwardContext,  # noqa: ARG002
        text: Float[Tensor, "rows tokens channels"],
        styles: Sequence[Attended],
    ) -> Float[Tensor, "rows tokens channels"]:
        """Return how the attention to style pictures joins the one to words: T + Σ mask · scale · S."""
        for style in styles:
            added = style.scale * style.output
            text = text + (added if style.mask is None else style.mask * added)
        return text
