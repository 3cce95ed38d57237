"""What a plug-in in this folder is: a class `Control` that says where it comes from and what can be chosen about it.

It derives from `models.control.Control`, whose defaults change nothing, and overrides what it changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

from torch import Tensor

from impasto.core import config
from impasto.core.paper import Paper
from impasto.diffusion.branches import Counterpart
from impasto.models.attention_layers import AttentionLayer
from impasto.models.forward_context import Attended, ForwardContext
from impasto.models.latent_diffusion import LatentDiffusion


class Control(Protocol):
    """A control as a plug-in; see `models.control.Control` for what the members mean.

    Attributes:
        name: Name on the command line, e.g. "style_studio".
        paper: Where it comes from.
        Config: What can be chosen about it.
        needs_images: Whether it has no effect without style pictures.
        needs_reference: Whether pictures look at a reference.
        may_join_norms: Whether `joins_norms` is to be asked.
        flags: What the command line calls settings whose own names mean something else there.
    """

    name: ClassVar[str]
    paper: ClassVar[Paper]
    Config: ClassVar[type[config.Config]]
    flags: ClassVar[Mapping[str, str]]
    needs_images: ClassVar[bool]
    needs_reference: ClassVar[bool]
    may_join_norms: ClassVar[bool]

    @property
    def settings(self) -> config.Config:
        """What was chosen about the control."""

    @property
    def teacher(self) -> float:
        """For which part of the run a branch without style runs beside."""

    def check(self, base: LatentDiffusion) -> None:
        """Raise `ConfigError` when this base lacks what the control needs."""

    def counterpart(self, layer: AttentionLayer, context: ForwardContext) -> Counterpart | None:
        """Return whose query and key each row uses."""

    def joins_norms(self, context: ForwardContext) -> Counterpart | None:
        """Return the row whose features join each row's in the statistics of group norms."""

    def touches(self, layer: AttentionLayer, context: ForwardContext) -> bool:
        """Return whether `attend` is to be asked."""

    def attend(self, layer: AttentionLayer, context: ForwardContext, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Return the attention."""

    def shows(self, layer: AttentionLayer, context: ForwardContext) -> bool:
        """Return whether style pictures are attended to here."""

    def combine(
        self, layer: AttentionLayer, context: ForwardContext, text: Tensor, styles: Sequence[Attended]
    ) -> Tensor:
        """Return how the attention to style pictures joins the one to words."""
