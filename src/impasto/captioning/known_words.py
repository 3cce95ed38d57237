"""Whether a base knows a word: its tokenizer has it in one piece, or nearly so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from impasto.core.errors import ImpastoError
from impasto.models.loading import tokenizers_in
from impasto.models.source import find_base

_LETTERS_A_TOKEN = 4


def knows_words(base: str) -> Callable[[str], bool]:
    """Return a test of single words.

    A tokenizer has frequent words whole and takes others apart: "lighthouse" may be "light" and "house", "zwx" is
    letters. Of a base whose tokenizer is in no folder here, any word is taken for known.
    """
    try:
        found = tokenizers_in(Path(find_base(base).location))
    except ImpastoError:  # told where the base is opened
        return lambda _: True
    if not found:
        return lambda _: True

    def knows(word: str) -> bool:
        return len(found[0].tokenize(word)) <= max(1, len(word) // _LETTERS_A_TOKEN)

    return knows
