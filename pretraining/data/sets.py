"""The emoji picture sets: where they come from, under which licence, and what pocket may see of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmojiSet:
    """One hand that drew the common subjects.

    Attributes:
        name: Package name below the `@iconify-json` scope.
        version: Pinned package version.
        licence: SPDX identifier of the drawings.
        author: Whom to attribute.
        phrase: The words that name this hand in captions, used as "{phrase} style".
    """

    name: str
    version: str
    licence: str
    author: str
    phrase: str


TRAINED: tuple[EmojiSet, ...] = (
    EmojiSet("noto", "1.2.9", "Apache-2.0", "Google Inc", "noto"),
    EmojiSet("noto-v1", "1.2.5", "Apache-2.0", "Google Inc", "classic noto"),
    EmojiSet("twemoji", "1.2.5", "CC-BY-4.0", "Twitter", "twemoji"),
    EmojiSet("emojione", "1.2.3", "CC-BY-4.0", "Emoji One", "emojione"),
    EmojiSet("emojione-monotone", "1.2.1", "CC-BY-4.0", "Emoji One", "monotone"),
    EmojiSet("fluent-emoji", "1.2.7", "MIT", "Microsoft Corporation", "glossy fluent"),
    EmojiSet("fluent-emoji-flat", "1.2.6", "MIT", "Microsoft Corporation", "flat fluent"),
)
"""The seven hands that pocket learns."""

UNSEEN: tuple[EmojiSet, ...] = (
    EmojiSet("openmoji", "1.2.29", "CC-BY-SA-4.0", "OpenMoji", "openmoji"),
    EmojiSet("emojione-v1", "1.2.3", "CC-BY-SA-4.0", "Emoji One", "emojione v1"),
    EmojiSet("fluent-emoji-high-contrast", "1.2.6", "MIT", "Microsoft Corporation", "high contrast"),
)
"""Hands that pocket never sees: they are the styles to be learnt later, and the judges of generalisation."""

KEYWORDS_PACKAGE = "emojibase-data"
KEYWORDS_VERSION = "17.0.0"
"""Subject labels, groups and keywords (MIT)."""


def find_set(name: str) -> EmojiSet:
    """Return the set called `name`; raises `KeyError` that lists the known names."""
    known = {each.name: each for each in TRAINED + UNSEEN}
    if name not in known:
        raise KeyError(f"unknown emoji set {name!r}; known: {', '.join(known)}")
    return known[name]
