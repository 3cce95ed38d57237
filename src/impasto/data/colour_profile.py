"""Colour profiles: what a file's numbers mean, brought to sRGB, which networks and screens are made for."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_TOLERANCE = 2
"""Levels of 8 bits. A profile that changes no colour by more is sRGB, under whatever name, and pixels stay."""
_IGNORED = "colour profile ignored: it is damaged, or for other colours than the picture's"


def to_srgb(image: Image.Image, profile: object) -> tuple[Image.Image, str]:
    """Return a picture with its colours in sRGB, and a note on what was done, or "".

    Args:
        image: 8-bit, of mode RGB, L or CMYK; others are returned as they are, with a note.
        profile: The ICC profile's bytes, as Pillow gives them; None when the file has none.
    """
    if not isinstance(profile, bytes) or not profile:
        return image, ""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        mode = _MODES.get(source.profile.xcolor_space, "")
        if image.mode == "L" and mode == "RGB":
            image = image.convert("RGB")  # grey, saved with the profile of a screen
        if image.mode != mode:
            return image, _IGNORED
        transform = _transform(source, mode)
        if mode != "CMYK" and _is_srgb(transform, mode):
            return image, ""
        converted = ImageCms.applyTransform(image, transform)
        name = (ImageCms.getProfileDescription(source) or "").strip() or "an unnamed profile"
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image, _IGNORED
    return converted or image, f"colours converted from {name} to sRGB"


def _transform(source: ImageCms.ImageCmsProfile, mode: str) -> ImageCms.ImageCmsTransform:
    target, intent = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    return ImageCms.buildTransform(source, target, mode, "RGB", intent, flags)


def _is_srgb(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    probe = Image.fromarray(grid).convert(mode)
    changed = ImageCms.applyTransform(probe, transform) or probe
    before, after = (np.asarray(each.convert("RGB"), dtype=np.int16) for each in (probe, changed))
    return bool(np.abs(before - after).max() <= _TOLERANCE)
