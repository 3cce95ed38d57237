"""Subjects as the full grammar says them: with the article they take, and by other names that everybody understands."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pretraining.data.subjects import slug_of, spoken

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

_SYNONYMS = """
puppy kitten kitty bull dromedary squirrel tortoise terrapin serpent reptile conch shellfish prawn mollusk bee
bumblebee ladybug ladybird grasshopper sapling sprout toadstool fungus grape cantaloupe aubergine maize peanut pickle
pancake hotcake drumstick burger frankfurter hotdog sausage falafel gyro kebab casserole paella soup stew ramen pasta
skewer tempura donut icecream pudding honeypot coffee tea martini ale pint whiskey whisky jug crane chapel statue
moyai masjid shinkansen subway van siren cab parcel semi highway stoplight motorboat jet chair copter gondola
thunderbolt thunderstorm whirlwind hurricane typhoon pumpkin present award racquet shuttlecock puck sash dice frame
eyeglasses tie tshirt pants trousers blouse pouch rucksack satchel bookbag sneaker stiletto tophat necklace jewel mic
earbud sax piano pc monitor minidisk cd tv camcorder vcr torch document tag rolodex pin straightedge spanner cog
cogwheel vice yacht dish teacher farmer mechanic scientist singer pilot astronaut firefighter judge lantern
""".split()
"""Words of the public list that were read and found to name what is drawn; most others say what it is about."""

_EVERYDAY = {
    "apple": "red-apple",
    "bike": "bicycle",
    "car": "automobile",
    "christmas present": "wrapped-gift",
    "fries": "french-fries",
    "motorbike": "motorcycle",
    "plane": "airplane",
    "smartphone": "mobile-phone",
    "spaceship": "rocket",
    "sports car": "racing-car",
    "truck": "delivery-truck",
}
"""Everyday names that the public list lacks or gives to many."""

AT_MOST = 2
"""How many subjects may share a synonym: "teacher" is a man and a woman."""


def name_of(subject: str) -> str:
    """Return the words for a subject, without an article."""
    return _NAMES.get(subject, spoken(subject))


def is_plural(words: str) -> bool:
    """Return whether the noun in `words` is in the plural, by its ending."""
    head = re.split(r" (?:with|of|over|in|on|behind|for|and|showing|lifting) ", words)[0].split()[-1]
    return head.endswith("s") and not head.endswith(("ss", "us", "is", "christmas", "rhinoceros"))


def article(words: str) -> str:
    """Return "a" or "an" by sound: an hourglass, a unicorn. Captions of the v0 grammar go by the letter."""
    is_vowel = words.startswith((*"aeiou", *_VOWEL_SOUNDS)) and not words.startswith(_CONSONANT_SOUNDS)
    return "an" if is_vowel else "a"


def noun(words: str, size: str = "") -> str:
    """Return the words with their article and, before them, the word for the size."""
    sized = f"{size} {words}" if size else words
    if words in _UNIQUE:
        return f"the {sized}"
    bare = words.partition(" with ")[0] in _WITHOUT_ARTICLE or is_plural(words)
    return sized if bare else f"{article(sized)} {sized}"


def synonyms(keywords: list[dict[str, Any]], subjects: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the other names of each subject that has some.

    Args:
        keywords: Entries of the keyword package (label, tags).
        subjects: All subjects that can be drawn; a word that is the name of one is a synonym of none.
    """
    usable = list(subjects)
    taken = {name_of(subject) for subject in usable}
    tagged = defaultdict(set)
    for entry in keywords:
        for tag in entry.get("tags", []):
            tagged[tag].add(slug_of(entry["label"]))
    found = defaultdict(list, {subject: [word] for word, subject in _EVERYDAY.items() if word not in taken})
    for word in _SYNONYMS:
        meant = tagged[word] & set(usable)
        if len(meant) <= AT_MOST and word not in taken:
            for subject in meant:
                found[subject].append(word)
    return {subject: tuple(found[subject]) for subject in usable if subject in found}
