"""What was asked for is not there."""

from __future__ import annotations

from impasto.core.errors import DataError


class Gone(DataError):
    """There is nothing of that name, or no longer; the page is answered with status 404."""
