"""Who writes captions for pictures that have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image


@dataclass(frozen=True, slots=True)
class Caption:
    """What a captioner says of a picture.

    Attributes:
        words: "a fox on a green background".
        sureness: From 0 to 1, or None where the captioner does not know.
    """

    words: str
    sureness: float | None = None


class Captioner(Protocol):
    """Looks at pictures and says what they show.

    Attributes:
        name: As plans and reports call it.
    """

    name: str

    def describe(self, pictures: Sequence[Image.Image]) -> list[Caption]:
        """Return one caption for each picture."""
