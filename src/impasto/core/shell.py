"""Commands to copy from messages: every part is quoted where a shell would take it apart."""

from __future__ import annotations

import shlex


def command(*parts: object) -> str:
    """Return a command line of `parts`, for the shells of Linux and macOS."""
    return shlex.join(map(str, parts))
