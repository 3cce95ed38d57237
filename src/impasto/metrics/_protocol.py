"""What metrics are given and what they tell. A metric that `impasto evaluate` reports defines `measure(sets)`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from jaxtyping import Float
from torch import Tensor

Better: TypeAlias = Literal["lower", "higher", "neither"]


@dataclass(frozen=True, slots=True)
class FeatureSets:
    """Features of all pictures and words of one evaluation. A metric whose part is None yields nothing.

    Attributes:
        drawn: Features of the pictures that are judged.
        prompts: The prompt of each drawn picture, or its own name; pictures of one prompt are not independent.
        real: Of the reference: pictures of the wanted style that no training saw.
        training: Of the pictures that the style was learnt from.
        words: Of each drawn picture's bare prompt, in the same space.
        styled_words: Of each drawn picture's prompt with the style's words.
        pairs: (row of `drawn`, row of `real`) of pictures that show the same subject.
        drawn_places: Features of the drawn pictures place by place, for Gram matrices.
        real_places: The same of the reference.
        has_unit_length: Whether all features have length 1.
    """

    drawn: Float[Tensor, "drawn dim"]
    prompts: tuple[str, ...]
    real: Float[Tensor, "real dim"] | None = None
    training: Float[Tensor, "training dim"] | None = None
    words: Float[Tensor, "drawn dim"] | None = None
    styled_words: Float[Tensor, "drawn dim"] | None = None
    pairs: tuple[tuple[int, int], ...] = ()
    drawn_places: Float[Tensor, "drawn places channels"] | None = None
    real_places: Float[Tensor, "real places channels"] | None = None
    has_unit_length: bool = True


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number.

    Attributes:
        name: What was measured.
        value: How much.
        standard_error: Of `value`; see the metric for what it covers.
        counts: How many pictures of each set went in: drawn, then reference or training.
        better: Which way is better.
        warning: Why not to trust the number, or empty.
    """

    name: str
    value: float
    standard_error: float
    counts: tuple[int, ...]
    better: Better
    warning: str = ""
