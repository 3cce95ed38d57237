"""Read pictures from disk, safely: whatever is wrong with a file is told in one line that names it."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from impasto.core.digest import digest_of_file
from impasto.core.errors import DataError
from impasto.core.files import is_file, is_folder, reason_of
from impasto.data.colour_profile import to_srgb
from impasto.data.image_formats import FORMATS, SUFFIXES, UNREADABLE, stands_for_another, unreadable_kind
from impasto.data.png_text import without_text
from impasto.models.conditioning import Geometry

MAX_MEGAPIXELS = 64
"""Larger pictures are refused from their header, before any decoding."""
MAX_SHAPE = 100
"""Pictures longer than so many times their width are refused: a mistake, and a trap for what pads or tiles them."""
_REPEATED = re.compile(r"(\d{1,6})_")
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


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture that was read once and found sound, without its pixels: many of them take no memory.

    Attributes:
        path: Where it is.
        height: Upright, in pixels.
        width: Upright, in pixels.
        digest: SHA-256 of the file.
        notes: What is done to it that its owner may want to know.
    """

    path: Path
    height: int
    width: int
    digest: str
    notes: tuple[str, ...] = ()

    @property
    def decoded_bytes(self) -> int:
        """What its pixels take while it is read: four bytes each, twice where they are converted."""
        return 8 * self.height * self.width

    def read(self) -> Image.Image:
        """Return its pixels.

        Raises:
            DataError: The file is no longer the one that was found sound.
        """
        if not is_file(self.path) or digest_of_file(self.path) != self.digest:
            raise DataError(
                f"{self.path} was changed or removed since it was checked: begin again with it as it is now"
            )
        return read_picture(self.path).image


def check_picture(path: Path) -> PictureFile:
    """Read a picture, and return what has to be known of it without its pixels.

    Raises:
        DataError: As `read_picture`.
    """
    picture = read_picture(path)
    width, height = picture.image.size
    return PictureFile(path, height, width, digest_of_file(path), picture.notes)


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
    visible = sorted(path for path in inside if not path.name.startswith("."))
    found = [path for path in visible if path.suffix.lower() in SUFFIXES]
    _refuse_unreadable(folder, option, visible, {path.stem for path in found})
    if not found:
        found = _in_repeated_folders(visible, option)
    if not found:
        raise DataError(
            f"{option} {folder} holds no picture: put files there that end in {', '.join(sorted(SUFFIXES))}"
        )
    return found


def _in_repeated_folders(visible: list[Path], option: str) -> list[Path]:
    """Return the pictures of folders such as "10_fox", as kohya's scripts want them: as often as the numbers say.

    Only how the numbers compare counts, since steps are counted here and not epochs: of 10_a and 20_b, those in b are
    listed twice.
    """
    repeated = [(found, path) for path in visible if (found := _REPEATED.match(path.name)) and is_folder(path)]
    times = [int(found[1]) for found, _ in repeated]
    shared = gcd(*times) or 1
    return [
        picture
        for count, (_, path) in zip(times, repeated, strict=True)
        for picture in list_pictures(path, option) * (count // shared)
    ]


def _refuse_unreadable(folder: Path, option: str, visible: list[Path], readable: set[str]) -> None:
    """Refuse a folder with pictures that would be left out, but for sources of an export that lies beside them."""
    unread = [each for each in visible if each.suffix.lower() in UNREADABLE and not stands_for_another(each, readable)]
    if unread:
        names = ", ".join(each.name for each in unread[:3]) + (f" and {len(unread) - 3} more" if unread[3:] else "")
        raise DataError(
            f"{option} {folder} holds pictures that cannot be read ({names}): save them as PNG or JPEG, or move them "
            "elsewhere"
        )


def read_picture(path: Path) -> Picture:
    """Return the picture in `path`, upright, as 8-bit RGB in sRGB; what was changed for that is noted.

    Raises:
        DataError: The file is no picture, is damaged, animated, too large or too long.
    """
    if not is_file(path):
        what = "is a folder" if is_folder(path) else "does not exist"
        raise DataError(f"picture {path} {what}: name a picture file")
    try:
        # Pillow's warnings are about large or sloppy files: the former are refused here, the latter read all the same.
        with warnings.catch_warnings(action="ignore"), Image.open(without_text(path), formats=FORMATS) as opened:
            _refuse_unsuitable(path, opened)
            is_16_bit = any(";16" in str(tile.args) for tile in opened.tile)
            opened.load()
            ImageOps.exif_transpose(opened, in_place=True)
            image, notes = _opaque_rgb(path, opened)
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large: more than {MAX_MEGAPIXELS} megapixels; scale it down first") from error
    except UnidentifiedImageError as error:
        raise DataError(_unidentified(path)) from error
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever they stumble over
        raise DataError(f"{path} is truncated or damaged ({error}): replace it") from error
    if is_16_bit and _REDUCED not in notes:  # Pillow drops the lower half of 16-bit colours by itself
        notes = [_REDUCED, *notes]
    return Picture(path, image, tuple(notes))


def _unidentified(path: Path) -> str:
    kind = unreadable_kind(path)
    if kind is None:
        return f"{path} is not a picture, whatever its name says: remove it or replace it"
    return f"{path} is a {kind} file, which cannot be read: save it as PNG or JPEG"


def _refuse_unsuitable(path: Path, opened: Image.Image) -> None:
    width, height = opened.size
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise DataError(
            f"{path} has {width * height / 1e6:.0f} megapixels ({width}x{height}), at most {MAX_MEGAPIXELS} are read: "
            "scale it down first"
        )
    if max(width, height) > MAX_SHAPE * min(width, height):
        raise DataError(
            f"{path} is {width}x{height}, at most {MAX_SHAPE} times as long as wide is read: cut out what you mean"
        )
    frames = getattr(opened, "n_frames", 1)
    if frames > 1 and opened.format != "MPO":
        raise DataError(f"{path} is animated ({frames} frames): save the frame that you mean as a PNG")


def _opaque_rgb(path: Path, image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Return the picture as opaque RGB, and notes on what that took."""
    profile = image.info.get("icc_profile")
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        grey, reduced = _grey_8_bit(path, image)
        converted, note = to_srgb(grey, profile)
        return converted.convert("RGB"), [each for each in (reduced, note) if each]
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        layered = image.convert("RGBA")
        alpha = layered.getchannel("A")
        colours, note = to_srgb(layered.convert("RGB"), profile)
        white = Image.new("RGB", layered.size, "white")
        is_see_through = alpha.getextrema() != (255, 255)
        notes = ["transparency composited on white"] if is_see_through else []
        return Image.composite(colours, white, alpha), [*([note] if note else []), *notes]
    plain = image if image.mode in {"RGB", "L", "CMYK"} else image.convert("RGB")  # no copy without need
    converted, note = to_srgb(plain, profile)
    if not note and image.mode == "CMYK":
        note = "CMYK converted to RGB"
    return converted if converted.mode == "RGB" else converted.convert("RGB"), [note] if note else []


def _grey_8_bit(path: Path, image: Image.Image) -> tuple[Image.Image, str]:
    """Return a picture of more than 8 bits as 8-bit grey, and a note on how."""
    values = np.asarray(image).astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(f"{path} holds values that are not finite: save it as an 8-bit PNG")
    least, most = float(values.min()), float(values.max())
    is_float = image.mode == "F"
    peak = 1.0 if is_float and most <= 1 else 65535.0 if image.mode.startswith("I;16") or most > 255 else 255.0
    if least < 0 or most > 65535:
        raise DataError(f"{path} holds values from {least:g} to {most:g}, at most 0 to 65535 are read: save it as PNG")
    grey = Image.fromarray((values * (255 / peak)).round().astype(np.uint8))
    if is_float:
        return grey, f"floating-point values from 0 to {peak:g} brought to 8-bit"
    return grey, _REDUCED


def fit_square(image: Image.Image, side: int) -> tuple[Image.Image, Geometry]:
    """Return the picture with its short side resized to `side`, cut to the middle square, and how it was cut."""
    return cover(image, (side, side))


def cover(image: Image.Image, size: tuple[int, int]) -> tuple[Image.Image, Geometry]:
    """Return the picture resized to cover (height, width), cut to the middle, and how it was cut.

    Only what is kept is computed, so that a long picture takes no more memory than a square one.
    """
    height, width = size
    scale = max(height / image.height, width / image.width)
    whole_width, whole_height = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    top, left = (whole_height - height) // 2, (whole_width - width) // 2
    across, down = image.width / whole_width, image.height / whole_height
    kept = (left * across, top * down, (left + width) * across, (top + height) * down)
    cut = image.resize((width, height), Image.Resampling.LANCZOS, box=kept)
    return cut, Geometry((image.height, image.width), (top, left), (height, width))


def to_tensor(image: Image.Image) -> Float[Tensor, "3 height width"]:
    """Return an RGB picture as float32 in [-1, 1]."""
    return torch.from_numpy(np.array(image, dtype=np.float32)).permute(2, 0, 1) / 127.5 - 1


def to_image(picture: Float[Tensor, "3 height width"]) -> Image.Image:
    """Return a picture in [-1, 1] as 8-bit RGB, rounded as diffusers rounds."""
    values = ((picture.float() / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(values.permute(1, 2, 0).cpu().numpy())
