"""Pictures as PNG files, staged: a failure leaves what was there."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from impasto.core.files import staged


def write_png(target: Path, picture: Image.Image) -> None:
    """Replace `target` by a picture, without loss; raises `ResourceError` where the disk is full or read-only."""
    with staged(target) as staging:
        picture.save(staging, format="PNG")
