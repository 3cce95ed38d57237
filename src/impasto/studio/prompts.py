"""How a base reads a prompt that is being typed, told by its tokenizers alone: the base is not opened for that."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from impasto.core.errors import ConfigError
from impasto.data.captions import styled_prompt
from impasto.models.loading import tokenizers_in
from impasto.models.prompt_windows import windows_of
from impasto.models.tokenizers import fits, limit_of

_BEGIN = 4
"""So many words show where a window begins."""
_tokenizers = lru_cache(maxsize=4)(tokenizers_in)


@dataclass(frozen=True, slots=True)
class Reading:
    """How the longest of some prompts is read.

    Attributes:
        limit: Tokens that are read at once; 0 where the tokenizers are not on this machine.
        windows: In how many parts it is read.
        begins: The words with which each part but the first begins.
        problem: Why it is refused, in a sentence.
    """

    limit: int = 0
    windows: int = 1
    begins: tuple[str, ...] = ()
    problem: str = ""

    def as_json(self) -> dict[str, object]:
        """Return it for the page."""
        return asdict(self)


def reading_of(folder: Path | None, prompts: str, style_words: str) -> Reading:
    """Return how a base reads prompts, of which there is one a line.

    Args:
        folder: Of the base's parts; None where they are not on this machine.
        prompts: As they stand on the page.
        style_words: What is written behind each of them.
    """
    tokenizers = _tokenizers(folder) if folder is not None else ()
    if not tokenizers:
        return Reading()
    limit = min(map(limit_of, tokenizers))
    try:
        parts = [
            windows_of(
                styled_prompt(line.strip(), style_words), lambda text: all(fits(each, text) for each in tokenizers)
            )
            for line in prompts.splitlines() or [""]
        ]
    except ConfigError as error:
        return Reading(limit, problem=str(error))
    longest = max(parts, key=len)
    return Reading(limit, len(longest), tuple(" ".join(part.split()[:_BEGIN]) for part in longest[1:]))
