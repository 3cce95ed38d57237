"""Subjects as captions say them, with the article they take."""

from __future__ import annotations

import re

from pretraining.data.subjects import V0, spoken, with_article

_NAMES = {
    "camping": "campsite",
    "construction": "construction barrier",
    "cooking": "fried egg in a pan",
    "foggy": "foggy city",
    "badminton": "badminton racket",
    "high-voltage": "lightning bolt",
    "locked": "padlock",
    "locked-with-key": "padlock with key",
    "locked-with-pen": "padlock with pen",
    "person-in-suit-levitating": "person in a suit floating",
    "pool-8-ball": "billiard ball",
    "station": "train station",
    "unlocked": "open padlock",
    "wedding": "wedding chapel",
}
_UNIQUE = {"milky way", "statue of liberty"}
_WITHOUT_ARTICLE = {
    *("bacon", "bowling", "bread", "cooked rice", "curry rice", "field hockey", "fire", "fog"),
    *("ice hockey", "money", "mount fuji", "oden", "people", "performing arts", "ping pong", "popcorn", "sake"),
    *("santa claus", "spaghetti", "sushi", "tennis"),
}

_VOWEL_SOUNDS = ("hourglass", "8")
_CONSONANT_SOUNDS = ("uni", "euro", "ewe", "one")


def name_of(subject: str) -> str:
    """Return the words for a subject, without an article."""
    return _NAMES.get(subject, spoken(subject))


def is_plural(words: str) -> bool:
    """Return whether the noun in `words` is in the plural, by its ending."""
    head = re.split(r" (?:with|of|over|in|on|behind|for|and|showing|lifting) ", words)[0].split()[-1]
    return head.endswith("s") and not head.endswith(("ss", "us", "is", "christmas", "rhinoceros"))


def article(words: str) -> str:
    """Return "a" or "an" by sound: an hourglass, a unicorn."""
    is_vowel = words.startswith((*"aeiou", *_VOWEL_SOUNDS)) and not words.startswith(_CONSONANT_SOUNDS)
    return "an" if is_vowel else "a"


def noun(words: str) -> str:
    """Return the words with their article."""
    if words in _UNIQUE:
        return f"the {words}"
    bare = words.partition(" with ")[0] in _WITHOUT_ARTICLE or is_plural(words)
    return words if bare else f"{article(words)} {words}"


def words_for(subject: str) -> str:
    """Return a subject with its article. Those of `V0` go by the letter, as packs and weights know them."""
    return with_article(spoken(subject)) if subject in V0 else noun(name_of(subject))
