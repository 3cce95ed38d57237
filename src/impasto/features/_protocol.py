"""What can judge how well pictures match words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jaxtyping import Float
from PIL import Image
from torch import Tensor


class Scorer(Protocol):
    """Places pictures and captions in one space, in which a cosine says how well they match."""

    def extract(self, pictures: Sequence[Image.Image]) -> Float[Tensor, "pictures dim"]:
        """Return one unit-length feature for each picture."""

    def text(self, captions: Sequence[str]) -> Float[Tensor, "captions dim"]:
        """Return one unit-length feature for each caption."""
