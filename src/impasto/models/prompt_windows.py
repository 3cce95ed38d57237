"""Prompts longer than a text encoder reads: cut into windows at phrases or words, so that no word is lost.

Each window is encoded by itself and the token states stand side by side, as A1111 and ComfyUI do. A style's words stay
in one window wherever a comma or "in" comes before them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence

from impasto.core.errors import ConfigError

MAX_WINDOWS = 16
"""Longer prompts are refused: attention to words grows with every window."""
_PHRASE_ENDS = re.compile(r"[,;.:!?]$")
_SHOWN = 40


def windows_of(prompt: str, fits: Callable[[str], bool]) -> list[str]:
    """Return the prompt in parts that fit, one when it fits as it is.

    A part ends at the last phrase within it, else at the last word; only words that do not fit alone are cut, between
    letters.

    Args:
        prompt: What to show.
        fits: Whether a text encoder reads all of a text. What begins a text that fits, fits.

    Raises:
        ConfigError: The prompt has more than `MAX_WINDOWS` windows.
    """
    if fits(prompt):
        return [prompt]
    words, found = prompt.split(), list[str]()
    while words:
        if len(found) == MAX_WINDOWS:
            raise ConfigError(
                f"the prompt {prompt[:_SHOWN]!r}... has {len(prompt.split())} words: at most {MAX_WINDOWS} windows of "
                f"the text encoder's length are read, which end at {' '.join(found[-1].split()[-3:])!r}; shorten it"
            )
        found.append(_take_window(words, fits))
    return found


def _take_window(words: list[str], fits: Callable[[str], bool]) -> str:
    """Take the longest window from the beginning of `words`."""
    count = longest_start(len(words), lambda length: fits(" ".join(words[:length])))
    if count == 0:
        return _take_letters(words, fits)
    if count < len(words):
        count = _end_of_phrase(words, count)
    window = " ".join(words[:count])
    del words[:count]
    return window


def longest_start(length: int, fits: Callable[[int], bool]) -> int:
    """Return the largest count from 0 to `length` that fits; whatever is shorter than one that fits, fits too."""
    return bisect_left(range(1, length + 1), x=True, key=lambda count: not fits(count))


def _take_letters(words: list[str], fits: Callable[[str], bool]) -> str:
    """Take from the first word as many letters as fit, at least one."""
    first = words.pop(0)
    count = max(longest_start(len(first), lambda length: fits(first[:length])), 1)
    if first[count:]:
        words.insert(0, first[count:])
    return first[:count]


def _end_of_phrase(words: Sequence[str], count: int) -> int:
    """Return how many of the first `count` words end with a phrase: before "in", or after a comma."""
    for end in range(count, 0, -1):
        if _PHRASE_ENDS.search(words[end - 1]) or words[end].lower() == "in":
            return end
    return count
