"""A background that all pictures of a style have belongs to it: captions that name it keep it from being learnt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_BACKGROUND = re.compile(r" on an? [\w ]+ background$")
_FEW = 4
"""So few pictures may agree by chance."""


def without_shared_background(captions: Mapping[Path, str]) -> tuple[dict[Path, str], str]:
    """Return captions without the background, if all end in the same one, and what was left out; else as they are."""
    found = {match.group() if (match := _BACKGROUND.search(each)) else "" for each in captions.values()}
    shared = found.pop() if len(found) == 1 and len(captions) >= _FEW else ""
    return {path: each.removesuffix(shared) for path, each in captions.items()}, shared.strip()
