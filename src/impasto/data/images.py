"""Read pictures from disk, safely: whatever is wrong with a file is told in one line that names it."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from impasto.core.errors import DataError
from impasto.core.files import is_file, is_folder, reason_of
from impasto.models.conditioning import Geometry

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
"""What a file may hold, whatever its name says; other decoders of Pillow are never asked (some run programs)."""
MAX_MEGAPIXELS = 64
"""Larger pictures are refused from their header, before any decoding."""


_REPEATED = re.compile(r"\d+_")
"""How kohya's scripts name folders of pictures: "10_name" shows each ten times."""
_REDUCED = "16-bit reduced to 8-bit"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as 8-bit RGB.

    Attributes:
        path: Where it was read from.
        image: Upright, opaque.
        notes: What was done to it that its owner may want to know.
    """

    path: Path
    image: Image.Image
    notes: tuple[str, ...] = ()


def list_pictures(folder: Path, option: str) -> list[Path]:
    """Return the picture files in `folder`, sorted by name; a file is a list of one.

    Args:
        folder: Searched without its subfolders; hidden files are left out.
        option: The option that named the folder, for messages.

    Raises:
        DataError: There is no such folder, or no picture in it.
    """
    if is_file(folder):
        return [folder]
    if not is_folder(folder):
        raise DataError(f"{option} {folder} does not exist: give a folder of pictures, or one picture")
    try:
        inside = list(folder.iterdir())
    except OSError as error:
        raise DataError(f"{option} {folder} cannot be read: {reason_of(error).lower()}") from error
    found = sorted(path for path in inside if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
    if not found:
        repeated = sorted(path for path in inside if _REPEATED.match(path.name) and is_folder(path))
        ways = f"put files there that end in {', '.join(sorted(SUFFIXES))}"
        if repeated:
            ways = f"its folders are named as kohya's scripts want them, give the one with the pictures: {repeated[0]}"
        raise DataError(f"{option} {folder} holds no picture: {ways}")
    return found


def read_picture(path: Path) -> Picture:
    """Return the picture in `path`, upright, as 8-bit RGB; transparency is composited on white and noted.

    Raises:
        DataError: The file is no picture, is damaged, animated, or too large.
    """
    if not is_file(path):
        what = "is a folder" if is_folder(path) else "does not exist"
        raise DataError(f"picture {path} {what}: name a picture file")
    try:
        # Pillow's warnings are about large or sloppy files: the former are refused here, the latter read all the same.
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=FORMATS) as opened:
            _refuse_unsuitable(path, opened)
            is_16_bit = any(";16" in str(tile.args) for tile in opened.tile)
            opened.load()
            upright = ImageOps.exif_transpose(opened)
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large: more than {MAX_MEGAPIXELS} megapixels; scale it down first") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not a picture, whatever its name says: remove it or replace it") from error
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever they stumble over
        raise DataError(f"{path} is truncated or damaged ({error}): replace it") from error
    read = _opaque_rgb(path, upright)
    if is_16_bit and _REDUCED not in read.notes:  # Pillow drops the lower half of 16-bit colours by itself
        return replace(read, notes=(_REDUCED, *read.notes))
    return read


def _refuse_unsuitable(path: Path, opened: Image.Image) -> None:
    width, height = opened.size
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise DataError(
            f"{path} has {width * height / 1e6:.0f} megapixels ({width}x{height}), at most {MAX_MEGAPIXELS} are read: "
            "scale it down first"
        )
    frames = getattr(opened, "n_frames", 1)
    if frames > 1 and opened.format != "MPO":
        raise DataError(f"{path} is animated ({frames} frames): save the frame that you mean as a PNG")


def _opaque_rgb(path: Path, image: Image.Image) -> Picture:
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float32)
        is_16_bit = image.mode.startswith("I;16") or values.max() > 255
        peak = 65535.0 if is_16_bit else 255.0
        grey = Image.fromarray((values * (255 / peak)).clip(0, 255).round().astype(np.uint8))
        return Picture(path, grey.convert("RGB"), (_REDUCED,))
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        layered = image.convert("RGBA")
        background = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        is_see_through = layered.getchannel("A").getextrema() != (255, 255)
        notes = ("transparency composited on white",) if is_see_through else ()
        return Picture(path, Image.alpha_composite(background, layered).convert("RGB"), notes)
    if image.mode == "CMYK":
        return Picture(path, image.convert("RGB"), ("CMYK converted to RGB",))
    return Picture(path, image.convert("RGB"))


def fit_square(image: Image.Image, side: int) -> tuple[Image.Image, Geometry]:
    """Return the picture with its short side resized to `side`, cut to the middle square, and how it was cut."""
    width, height = image.size
    scale = side / min(width, height)
    resized = image.resize(
        (max(side, round(width * scale)), max(side, round(height * scale))), Image.Resampling.LANCZOS
    )
    top, left = (resized.height - side) // 2, (resized.width - side) // 2
    cut = resized.crop((left, top, left + side, top + side))
    return cut, Geometry((height, width), (top, left), (side, side))


def to_tensor(image: Image.Image) -> Float[Tensor, "3 height width"]:
    """Return an RGB picture as float32 in [-1, 1]."""
    return torch.from_numpy(np.array(image, dtype=np.float32)).permute(2, 0, 1) / 127.5 - 1


def to_image(picture: Float[Tensor, "3 height width"]) -> Image.Image:
    """Return a picture in [-1, 1] as 8-bit RGB, rounded as diffusers rounds."""
    values = ((picture.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(values.permute(1, 2, 0).cpu().numpy())
