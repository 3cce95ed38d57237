"""Captions that only one block can trust: so that pocket has a block for content and one for style, as SDXL has.

Where nothing asks for more, training leaves one block that decides on everything (`impasto probe`). In a quarter of the
steps every block is told something true and something false: one block reads what is drawn with the background and
style of another picture, one reads the background and style with the subject of another, and all others, the pooled
embedding included, read the caption of another picture. What a block is told wrongly it learns not to heed. In the
other steps all read the whole caption, as they do when pictures are drawn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

CONTENT, STYLE = "up_blocks.0.attentions.0", "up_blocks.0.attentions.1"
"""The blocks: those of the level that words act on, in the order that SDXL has and pocket's adapters show: the earlier
one lays out what the later one colours."""

SHUFFLED = 0.25
"""Share of steps with such captions."""

_BACKGROUND = re.compile(r"(?:^|,? )((?:on an? .+ (?:background|gradient)|in front of .+))$")


@dataclass(frozen=True, slots=True)
class Told:
    """What the blocks read of one batch, a caption for each row.

    Attributes:
        content: Read by the block of content.
        style: Read by the block of style.
        others: Read by all other blocks, and pooled.
    """

    content: list[str]
    style: list[str]
    others: list[str]


def shuffled(captions: Sequence[str], others: Sequence[int]) -> Told:
    """Return what is told of each caption where `others` says from which rows the false parts are taken.

    An empty caption stays empty everywhere: it is for guidance.
    """
    parts = [divided(caption) for caption in captions]
    told = Told([], [], [])
    for row, other in enumerate(others):
        is_empty = not captions[row]
        told.content.append("" if is_empty else joined(parts[row][0], parts[other][1]))
        told.style.append("" if is_empty else joined(parts[other][0], parts[row][1]))
        told.others.append("" if is_empty else captions[other])
    return told


def divided(caption: str) -> tuple[str, str]:
    """Return what a caption of the grammar says of subjects, and what it says of background and style.

    "a fox on a green background, noto style, bold dark blue outlines" is "a fox" and "on a green background, noto
    style, bold dark blue outlines". Either may be empty. Subjects stand first and have no comma; all that follows a
    comma is background or style, whether it ends in "style" or not.
    """
    first, *styles = caption.split(", ")
    if first.endswith(" style"):
        return "", caption
    found = _BACKGROUND.search(first)
    what, background = (first[: found.start()], [found[1]]) if found else (first, [])
    return what, ", ".join([*background, *styles])


def joined(what: str, how: str) -> str:
    """Return the caption that has both parts, as the grammar writes it."""
    is_background = how.startswith(("on ", "in front of "))
    link = " " if is_background and " on the " not in what else ", "
    return link.join(part for part in (what, how) if part)
