"""What can judge pictures, and how well they match words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from PIL import Image
from torch import Tensor


class Extractor(Protocol):
    """Turns pictures into features.

    Attributes:
        has_unit_length: Whether features are scaled to length 1.
    """

    has_unit_length: bool

    def extract(self, pictures: Sequence[Image.Image]) -> Float[Tensor, "pictures dim"]:
        """Return one feature for each picture, on the CPU."""


class Scorer(Protocol):
    """Places pictures and captions in one space, in which a cosine says how well they match."""

    def extract(self, pictures: Sequence[Image.Image]) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture."""

    def text(self, captions: Sequence[str]) -> Float[Tensor, "captions dim"]:
        """Return one unit-length feature for each caption."""


@runtime_checkable
class Reader(Extractor, Protocol):
    """An extractor that reads words too, up to a number of tokens.

    Attributes:
        token_limit: Tokens that are read, those of start and end included; 77 for all published CLIPs.
    """

    @property
    def token_limit(self) -> int:
        """Tokens that are read."""

    def text(self, captions: Sequence[str]) -> Float[Tensor, "captions dim"]:
        """Return one unit-length feature for each caption; what is beyond the limit is not read."""

    def tokens(self, captions: Sequence[str]) -> list[int]:
        """Return how many tokens each caption has, those of start and end included."""


@runtime_checkable
class Places(Protocol):
    """An extractor that knows features place by place."""

    def places(self, pictures: Sequence[Image.Image], layer: int = 2) -> Float[Tensor, "pictures places channels"]:
        """Return the hidden states of a layer at every place."""
