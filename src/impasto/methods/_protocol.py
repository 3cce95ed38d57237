"""What a method is: the answers to three questions. Any class with these members is one."""

from __future__ import annotations

from typing import ClassVar, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.adapters.learnable import Learnable
from impasto.core import config
from impasto.core.paper import Paper
from impasto.data.streams import Batch
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.model import BaseModel


class Method(Protocol):
    """A way to learn a style.

    Attributes:
        name: Name on the command line, e.g. "styleforge".
        paper: Where it comes from.
        Config: What can be chosen about it.
        num_pictures: How many style pictures the paper uses, from and to.
    """

    name: ClassVar[str]
    paper: ClassVar[Paper]
    Config: ClassVar[type[config.Config]]
    num_pictures: ClassVar[tuple[int, int]]

    @property
    def settings(self) -> config.Config:
        """What was chosen about the method."""

    def style_words(self) -> str:
        """Return what the user writes in prompts to get the style."""

    def content_words(self) -> str:
        """Return what the user writes in prompts to get the content of the pictures, or nothing."""

    def roles(self, base: LatentDiffusion) -> dict[str, tuple[str, ...]]:
        """Return the blocks of the denoiser that learn, by role; nothing for methods that know no roles."""

    def prompts(self) -> dict[str, str]:
        """Return, for each stream, the words that its pictures are shown with (captions come before them).

        A stream is "style" or "aux"; "style:people" where the method divides the style into concepts.
        """

    def kind(self) -> str:
        """Return "lora", "full" or "embeddings", as the card says it."""

    def new_tokens(self) -> tuple[str, ...]:
        """Return the words that get embeddings of their own."""

    def adapters(self, base: LatentDiffusion, rng: torch.Generator) -> Learnable:
        """Return what is learnt."""

    def loss(
        self, base: BaseModel, batch: Batch, rng: torch.Generator
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Return what is minimised, and its terms by stream."""
