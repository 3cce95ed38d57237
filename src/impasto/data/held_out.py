"""The held-out pictures of a pack: real drawings of subjects that the style was not learnt from."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from impasto.data.captions import caption_of
from impasto.data.images import read_picture
from impasto.data.packs import Pack


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One real drawing and the words that ask for the same.

    Attributes:
        name: Stem of its file.
        caption: Subject and background, without style words.
        picture: The real drawing.
    """

    name: str
    caption: str
    picture: Image.Image


def read_held_out(pack: Pack, *, demo_only: bool) -> list[HeldOut]:
    """Return the held-out pictures of `pack`: those for demonstrations in their order, or all by name."""
    folder = pack.part("held_out")
    names = pack.demo if demo_only else sorted(path.stem for path in folder.glob("*.png"))
    found = []
    for name in names:
        path = folder / f"{name}.png"
        found.append(HeldOut(name, caption_of(path) or name, read_picture(path).image))
    return found
