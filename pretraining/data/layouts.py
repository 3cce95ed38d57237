"""Where the subjects are and how large, and the words for both; alone, in the middle and of middle size is unsaid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from pretraining.data.render import SIZE, Picture

SIDES: dict[str, tuple[int, int]] = {"": (96, 108), "small": (46, 58), "large": (124, 138)}
"""Sides of a drawing in pixels, from and up to, by the word for its size."""

BESIDE = (62, 72)
"""Sides of a drawing that is on the left or on the right."""

CENTRES: dict[str, float] = {"": 0.5, "on the left": 0.27, "on the right": 0.73}
"""Centre of a drawing across the picture, by the words for its place."""

LAYOUTS: tuple[tuple[float, tuple[tuple[str, str], ...]], ...] = (
    (0.50, (("", ""),)),
    (0.08, (("small", ""),)),
    (0.10, (("large", ""),)),
    (0.07, (("", "on the left"),)),
    (0.07, (("", "on the right"),)),
    (0.02, (("small", "on the left"),)),
    (0.02, (("small", "on the right"),)),
    (0.14, (("", "on the left"), ("", "on the right"))),
)
"""Share of each layout, and for each of its subjects the words for size and place."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One subject's spot: the words for it, the side of the drawing and the centre (across, down) in pixels."""

    size: str
    place: str
    side: int
    centre: tuple[int, int]


def draw_layout(rng: np.random.Generator, *, on_scene: bool, may_be_small: bool) -> tuple[Spot, ...]:
    """Return one or two spots; in front of a scene they are a little lower, as if standing in it."""
    offered = [(share, spots) for share, spots in LAYOUTS if may_be_small or spots[0][0] != "small"]
    shares = np.array([share for share, _ in offered])
    _, chosen = offered[int(rng.choice(len(offered), p=shares / shares.sum()))]
    spots = []
    for size, place in chosen:
        low, high = BESIDE if place and not size else SIDES[size]
        side = int(rng.integers(low, high + 1))
        room = max(0, (SIZE - side) // 2)
        lower = min(room, 10) if on_scene else 0
        across = round(CENTRES[place] * SIZE) + int(rng.integers(-2, 3))
        spots.append(Spot(size, place, side, (across, SIZE // 2 + lower + int(rng.integers(-2, 3)))))
    return tuple(spots)


def middle(rng: np.random.Generator) -> Spot:
    """Return a spot in the middle, of middle size."""
    low, high = SIDES[""]
    across, down = (SIZE // 2 + int(rng.integers(-2, 3)) for _ in range(2))
    return Spot("", "", int(rng.integers(low, high + 1)), (across, down))


def placed(drawing: Picture, spot: Spot) -> Image.Image:
    """Return the RGBA drawing in its spot on an empty canvas."""
    canvas = Image.new("RGBA", (SIZE, SIZE), (0, 0, 0, 0))
    corner = (spot.centre[0] - spot.side // 2, spot.centre[1] - spot.side // 2)
    canvas.paste(Image.fromarray(drawing).resize((spot.side, spot.side), Image.Resampling.LANCZOS), corner)
    return canvas
