"""Captions in two parts, what and how, for two blocks of the UNet: so that pocket has a block for each, as SDXL does.

The first stretches of training left one block that decided on everything (`impasto probe`); nothing in them asked for
more. In a share of the steps now one block reads what is drawn and where, another reads ground and style, and all
others read nothing: each of the two learns to do its part alone. In the other steps all blocks read the whole caption,
as they do when pictures are drawn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

CONTENT, STYLE = "up_blocks.1.attentions.0", "up_blocks.1.attentions.1"
"""The blocks: those of the level that words act on most, the coarser in front."""

DIVIDED = 0.5
"""Share of steps with divided captions."""

_GROUND = re.compile(r"(?:^|,? )((?:on an? .+ (?:background|gradient)|in front of .+))$")


def divided(caption: str) -> tuple[str, str]:
    """Return what a caption of the grammar says of subjects, and what it says of ground and style.

    "a small fox on the left, on a green background, noto style" is "a small fox on the left" and "on a green
    background, noto style". Either may be empty.
    """
    pieces = caption.split(", ")
    first = next((place for place, piece in enumerate(pieces) if piece.endswith(" style")), len(pieces))
    rest, styles = ", ".join(pieces[:first]), pieces[first:]
    found = _GROUND.search(rest)
    what, ground = (rest[: found.start()], [found[1]]) if found else (rest, [])
    return what, ", ".join([*ground, *styles])


def divided_all(captions: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return both parts of all captions."""
    parts = [divided(each) for each in captions]
    return [what for what, _ in parts], [how for _, how in parts]
