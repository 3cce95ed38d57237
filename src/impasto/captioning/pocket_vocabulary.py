"""The words that pocket was taught; prompts of others mean little to it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from impasto.features._pocket_judge import SUBJECT, read_classes
from impasto.metrics.named_colour import BACKGROUND_COLOURS

_SPOKEN = {"houses": "group of houses"}
"""Subjects whose name is not what captions call them."""
_SAID = {"outline_colour": "{} outlines", "outline_width": "{} outlines"}
"""How values of a kind of style are said, where not alone."""
_BETWEEN = frozenset("a an the on of in with and background style outlines".split())


def spoken(subject: str) -> str:
    """Return what captions call a subject."""
    return _SPOKEN.get(subject, subject)


def vocabulary() -> dict[str, tuple[str, ...]]:
    """Return what pocket was taught, by what it is: subjects, artists, backgrounds and words for styles."""
    classes = read_classes()
    styles = [
        _SAID.get(kind, "{}").format(value)
        for kind, values in classes.items()
        if kind not in {SUBJECT, "artist"}
        for value in values
        if value
    ]
    return {
        "subjects": tuple(sorted(spoken(slug.replace("-", " ")) for slug in classes[SUBJECT])),
        "artists": tuple(f"{artist} style" for artist in classes["artist"]),
        "backgrounds": tuple(BACKGROUND_COLOURS),
        "styles": tuple(styles),
    }


def unknown_words(prompt: str, taught: Mapping[str, tuple[str, ...]], also: str = "") -> list[str]:
    """Return the words of a prompt that pocket was not taught, in order.

    Args:
        prompt: As it is drawn.
        taught: See `vocabulary`.
        also: Words that are known beside these, those of the styles that are attached.
    """
    known = {word for phrases in taught.values() for phrase in phrases for word in _words(phrase)}
    known |= {*_words(also), *_BETWEEN}
    return [word for word in dict.fromkeys(_words(prompt)) if word not in known]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text.lower())
