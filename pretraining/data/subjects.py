"""Which subjects pocket learns, in three thirds: people and faces, animals and objects, places and scenes.

`usable_subjects` is the complete list by rule; `V0` is the hand-picked part of it that pocket begins with.
"""

from __future__ import annotations

import hashlib
from typing import Any

PEOPLE = """
grinning-face face-with-tears-of-joy winking-face smiling-face-with-halo smiling-face-with-heart-eyes thinking-face
neutral-face smiling-face-with-sunglasses nerd-face crying-face angry-face flushed-face face-with-medical-mask
cowboy-hat-face face-screaming-in-fear skull clown-face ogre ghost alien robot baby boy girl man woman old-man
old-woman police-officer construction-worker guard prince princess santa-claus
""".split()

THINGS = """
fox wolf tiger-face lion cat-face dog-face pig-face rabbit-face koala panda penguin owl frog turtle octopus
tropical-fish butterfly red-apple banana strawberry watermelon pineapple pizza hamburger doughnut guitar rocket
airplane automobile umbrella gem-stone wrapped-gift mushroom
""".split()

PLACES = """
snow-capped-mountain volcano mount-fuji desert desert-island classical-building houses house house-with-garden
office-building hospital hotel school castle tokyo-tower statue-of-liberty church mosque shinto-shrine tent cityscape
sunrise-over-mountains cityscape-at-dusk sunset ferris-wheel circus-tent evergreen-tree palm-tree cactus tulip
sunflower rainbow crescent-moon
""".split()

V0: tuple[str, ...] = (*PEOPLE, *THINGS, *PLACES)
"""The first hundred subjects, as slugs."""

_SPOKEN = {"houses": "group of houses", "mrs-claus": "mother christmas", "water-wave": "water wave"}
_SKIPPED_GROUPS = {None, 2, 8, 9}  # none, skin tones and hair, symbols, flags
_SKIPPED_SUBGROUPS = {
    14,
    15,
    66,
    85,
    86,
    87,
    88,
    89,
    90,
    91,
    92,
    93,
    94,
    95,
    96,
}  # hearts, marks, sounds, arrows, signs
_CLOCK_WORDS = ("oclock", "thirty")


def slug_of(label: str) -> str:
    """Return the Iconify slug of an emoji label: lower case letters and digits joined by single hyphens."""
    plain = label.lower().replace("’", "").replace("'", "")
    words = "".join(letter if letter.isalnum() else " " for letter in plain).split()
    return "-".join(words)


def spoken(slug: str) -> str:
    """Return the words for a slug, as captions say them."""
    return _SPOKEN.get(slug, slug.replace("-", " "))


def with_article(words: str) -> str:
    """Put "a" or "an" before `words`."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def usable_subjects(
    keywords: list[dict[str, Any]], icons: dict[str, dict[str, Any]], *, at_least: int = 5
) -> list[str]:
    """Return every slug that at least `at_least` sets drew, without flags, letters, clock faces and bare symbols.

    Args:
        keywords: Entries of the keyword package (label, group, subgroup).
        icons: Iconify JSON by set name.
        at_least: In how many sets a subject has to exist.
    """
    drawn = {name: set(loaded["icons"]) | set(loaded.get("aliases", {})) for name, loaded in icons.items()}
    chosen = []
    for entry in keywords:
        slug = slug_of(entry["label"])
        is_clock = slug.endswith(_CLOCK_WORDS)
        is_plain = entry.get("group") not in _SKIPPED_GROUPS and entry.get("subgroup") not in _SKIPPED_SUBGROUPS
        if is_plain and not is_clock and sum(slug in names for names in drawn.values()) >= at_least:
            chosen.append(slug)
    return chosen


def widened(usable: list[str], count: int) -> tuple[str, ...]:
    """Return `V0` and, up to `count`, others of the usable subjects in an order by hash.

    Raises:
        ValueError: There are not so many, or fewer are asked for than `V0` has.
    """
    others = sorted(set(usable) - set(V0), key=lambda slug: hashlib.sha256(slug.encode()).digest())
    if not len(V0) <= count <= len(V0) + len(others):
        raise ValueError(f"{count} subjects: there can be {len(V0)} to {len(V0) + len(others)}")
    return (*V0, *others[: count - len(V0)])
