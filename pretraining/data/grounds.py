"""What is behind the subjects: a plain colour, a gradient between two, or a scene that the same hand drew."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from pretraining.data.compose import GROUNDS
from pretraining.data.nouns import name_of, noun
from pretraining.data.render import SIZE, Picture
from pretraining.data.subjects import with_article

SCENES: tuple[str, ...] = tuple(
    """
    cityscape cityscape-at-dusk sunset sunrise sunrise-over-mountains night-with-stars bridge-at-night foggy desert
    desert-island beach-with-umbrella national-park milky-way snow-capped-mountain mount-fuji mountain camping
    fireworks railway-track motorway
    """.split()
)
"""Landscapes and cityscapes; each is used as a ground by the hands that drew it without gaps."""

FRAME = 16
"""Outer part of a scene that is cut off: sets round its corners or leave a margin."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A ground: its `kind` ("plain", "gradient", "scene"), the words that say it, and RGB uint8 (SIZE, SIZE, 3)."""

    kind: str
    words: str
    picture: Picture


def plain(name: str) -> Ground:
    """Return the plain ground called `name`."""
    picture = np.full((SIZE, SIZE, 3), GROUNDS[name], np.uint8)
    return Ground("plain", f"on {with_article(name)} background", picture)


def gradient(first: str, last: str, *, downwards: bool) -> Ground:
    """Return the gradient from `first`, at the top or at the left, to `last`."""
    share = np.linspace(0, 1, SIZE)[:, None, None]
    column = np.array(GROUNDS[first]) * (1 - share) + np.array(GROUNDS[last]) * share
    ramp = np.broadcast_to(np.rint(column).astype(np.uint8), (SIZE, SIZE, 3))
    picture = ramp if downwards else ramp.transpose(1, 0, 2)
    return Ground("gradient", f"on {with_article(first)} to {last} gradient", np.ascontiguousarray(picture))


def is_full(drawing: Picture) -> bool:
    """Return whether the drawing, without its outer part, has no gaps."""
    return bool((drawing[FRAME:-FRAME, FRAME:-FRAME, 3] > 250).mean() > 0.999)


def scene(subject: str, drawing: Picture, rng: np.random.Generator) -> Ground:
    """Return the drawing cropped to fill, the crop chosen within what has no gaps, now and then mirrored."""
    room = SIZE - 2 * FRAME
    side = int(rng.integers(room - 10, room + 1))
    top, left = (FRAME + int(rng.integers(room - side + 1)) for _ in range(2))
    crop = drawing[top : top + side, left : left + side, :3]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    filled = Image.fromarray(np.ascontiguousarray(crop)).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return Ground("scene", f"in front of {noun(name_of(subject))}", np.asarray(filled))


def faded(ground: Ground, towards: tuple[int, int, int], share: float) -> Ground:
    """Return the ground in paler or flatter colours, so that what is before it stays apart under a coarse treatment."""
    picture = np.rint(ground.picture * (1 - share) + np.array(towards) * share).astype(np.uint8)
    return replace(ground, picture=picture)


def clashes(drawing: Picture, behind: Picture, *, nearness: float = 64) -> bool:
    """Return whether over a quarter of the drawing is nearer in RGB than `nearness` to what is behind it."""
    inked = drawing[..., 3] > 127
    distance = np.linalg.norm(drawing[inked][:, :3].astype(np.float64) - behind[inked], axis=1)
    return bool(len(distance) and (distance < nearness).mean() > 0.25)
