"""What the name of a picture says that it shows: "red-fox_02.png" is "a red fox", "IMG_1234.png" says nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

from impasto.core.grammar import with_article

_PARTS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+|[^\w\s]|_")
_CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])")
_OF_DEVICES = frozenset(
    "img dsc dscn dscf pxl mvimg vid gopr dji pict pic photo image picture screenshot screen shot scan download "
    "untitled unnamed file frame page copy new final edit edited crop cropped sample test style ref reference drawing "
    "painting sketch artwork art output export resized thumbnail whatsapp snapchat signal clipboard png jpg jpeg webp "
    "x v ver version no nr num seed step a an the of at am pm".split()
)
_SMALL = frozenset("with and in on of at over under by the a an".split())
"""Words that stand between others and say nothing alone."""


def words_of(stem: str, fits: Callable[[str], bool]) -> str | None:
    """Return a caption for a file of this name, or None where the name says nothing.

    Numbers, names that cameras and programs give, and strings that mix letters and digits are no words. What is left
    has to fit: all of its words, or the name says nothing.

    Args:
        stem: The name without its ending.
        fits: Whether a base knows a word.
    """
    tokens = _CAMEL.sub(" ", stem.replace("_", " ").replace("-", " ")).split()
    if any(_mixes(token) for token in tokens):
        return None
    words = [part.lower() for token in tokens for part in _PARTS.findall(token) if part[0].isalpha()]
    while words and words[-1] in _OF_DEVICES:
        words.pop()
    while words and words[0] in _OF_DEVICES:
        words.pop(0)
    telling = [word for word in words if word not in _SMALL]
    if not telling or any(len(word) < 2 or not fits(word) for word in telling):
        return None
    return with_article(" ".join(words))


def _mixes(token: str) -> bool:
    """Return whether letters and digits alternate, as in hashes and identifiers; "fox2" is a word with a number."""
    return len(re.findall(r"[^\W\d_]+", token)) > 1 and any(letter.isdigit() for letter in token)
