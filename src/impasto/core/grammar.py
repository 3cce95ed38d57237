"""English articles, as captions need them."""

from __future__ import annotations

import re

_AFTER_NOUN = re.compile(r" (?:with|of|on|in|over|at) ")
_NO_ARTICLE = ("a ", "an ", "the ", "two ", "three ", "four ", "five ", "some ", "many ")


def with_article(words: str) -> str:
    """Return "a fox", "an owl"; words in the plural and those with an article stay as they are."""
    noun = _AFTER_NOUN.split(words)[0]
    is_plural = noun.endswith("s") and not noun.endswith(("ss", "us", "is"))
    if words.startswith(_NO_ARTICLE) or is_plural:
        return words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
