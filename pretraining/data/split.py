"""Which pairs of subject and style are never shown, so that a trained model can be asked for them afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

SHARE = 0.05
"""Share of all pairs that is held out."""


def is_held_out(subject: str, style: str) -> bool:
    """Return whether `subject` is never shown in `style`, by a hash of both that depends on nothing else.

    Args:
        subject: Slug, such as "fox".
        style: Phrase of a hand or of a treatment, such as "twemoji" or "pixel art".
    """
    digest = hashlib.sha256(f"{subject}\n{style}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < SHARE * 2**64


def unseen_pairs(subjects: Iterable[str], styles: Iterable[str]) -> list[tuple[str, str]]:
    """Return every held-out (subject, style) among these, subject by subject."""
    phrases = tuple(styles)
    return [(subject, style) for subject in subjects for style in phrases if is_held_out(subject, style)]
