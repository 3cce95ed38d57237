"""Keep what is nobody's business out of logs: where things are on this machine, and tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_TOKEN = re.compile(r"\b(?:hf|api|sk)_[A-Za-z0-9]{16,}")


class Private:
    """Shortens paths in texts.

    Args:
        given: Paths as the user named them; of absolute ones only the last part is kept, wherever they occur.
    """

    def __init__(self, given: Iterable[str]) -> None:
        full = {path: Path(path).name for path in given if Path(path).is_absolute() and Path(path).name}
        full |= {f"{Path.cwd()}/": "", str(Path.home()): "~"}
        self._short = dict(sorted(full.items(), key=lambda pair: -len(pair[0])))

    def __call__(self, value: object) -> object:
        """Return `value`, made of what JSON holds and paths, with every text in it shortened."""
        if isinstance(value, str | Path):
            return self._text(str(value))
        if isinstance(value, Mapping):
            return {str(key): self(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [self(each) for each in value]
        return value

    def _text(self, text: str) -> str:
        for path, short in self._short.items():
            if len(path) > 1:
                text = text.replace(path, short)
        return _TOKEN.sub("(token)", text)
