"""Which pairs of subject and artist are never shown, so that a trained model can be asked for them afterwards.

All pairs of the first hundred subjects were shown to the weights that exist, so none of these is held out: what pocket
does with pairs it never saw can be asked for subjects beyond them only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pretraining.data.subjects import V0

SHARE = 0.05
"""Share of the pairs of subjects outside `V0` that is held out."""


def is_held_out(subject: str, artist: str) -> bool:
    """Return whether `subject` by `artist` is never shown, by a hash of both that depends on nothing else.

    Args:
        subject: Slug, such as "shark"; of those in `V0` no pair is held out.
        artist: Phrase, such as "twemoji".
    """
    if subject in V0:
        return False
    digest = hashlib.sha256(f"{subject}\n{artist}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < SHARE * 2**64


def unseen_pairs(subjects: Iterable[str], artists: Iterable[str]) -> list[tuple[str, str]]:
    """Return every held-out (subject, artist) among these, subject by subject."""
    phrases = tuple(artists)
    return [(subject, artist) for subject in subjects for artist in phrases if is_held_out(subject, artist)]
