"""Sizes and durations in words."""

from __future__ import annotations

_MIB = 2**20


def format_bytes(size: int) -> str:
    """Return a size in words."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / _MIB:.0f} MiB"


def format_duration(seconds: float) -> str:
    """Return a duration in words: to the second below ten minutes, to the minute above."""
    whole = round(seconds)
    if whole < 90:
        return f"about {whole} s"
    if whole < 600:
        return f"about {whole // 60} min {whole % 60} s"
    return f"about {seconds / 60:.0f} min"


def format_pace(seconds: float) -> str:
    """Return how long one of many takes, with two digits: "0.42 s", "12 s"."""
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
