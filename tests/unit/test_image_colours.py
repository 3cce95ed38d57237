"""What a file's numbers mean: colour profiles, floating-point values, text that other programs leave in pictures."""

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from impasto.core.errors import DataError
from impasto.data.images import cover, list_pictures, read_picture

CASES = Path(__file__).parents[1] / "cases"
with Image.open(CASES / "adobe.png") as wide:
    ADOBE = wide.info["icc_profile"]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_wide_colours_are_brought_to_srgb() -> None:
    picture = read_picture(CASES / "adobe.png")
    assert picture.image.getpixel((0, 0)) == (200, 60, 40)
    assert picture.notes == ("colours converted from Wide like Adobe RGB to sRGB",)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "avif"])
def test_profile_counts_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"wide.{suffix}"
    Image.new("RGB", (16, 16), (173, 62, 45)).save(path, icc_profile=ADOBE, quality=100)
    assert np.allclose(read_picture(path).image.getpixel((8, 8)), (200, 60, 40), atol=6)


def test_srgb_profile_leaves_every_pixel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "screen.png", icc_profile=SRGB)
    picture = read_picture(tmp_path / "screen.png")
    assert np.array_equal(np.asarray(picture.image), pixels)
    assert picture.notes == ()


def test_profile_counts_below_transparency(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (173, 62, 45, 255)).save(tmp_path / "opaque.png", icc_profile=ADOBE)
    assert read_picture(tmp_path / "opaque.png").image.getpixel((0, 0)) == (200, 60, 40)
    Image.new("RGBA", (4, 4), (173, 62, 45, 0)).save(tmp_path / "clear.png", icc_profile=ADOBE)
    assert read_picture(tmp_path / "clear.png").image.getpixel((0, 0)) == (255, 255, 255)


def test_profile_of_a_screen_in_a_grey_picture(tmp_path: Path) -> None:
    Image.new("L", (4, 4), 90).save(tmp_path / "grey.png", icc_profile=SRGB)
    picture = read_picture(tmp_path / "grey.png")
    assert picture.image.getpixel((0, 0)) == (90, 90, 90)
    assert picture.notes == ()


@pytest.mark.parametrize(("mode", "profile"), [("RGB", b"no profile"), ("CMYK", ADOBE), ("RGB", ADOBE[:200])])
def test_profile_that_does_not_fit_is_noted(tmp_path: Path, mode: str, profile: bytes) -> None:
    plain = Image.new(mode, (4, 4), (10, 20, 30, 40)[: len(mode)])
    plain.save(tmp_path / "odd.tif", icc_profile=profile)
    picture = read_picture(tmp_path / "odd.tif")
    assert picture.image.getpixel((0, 0)) == plain.convert("RGB").getpixel((0, 0))
    assert picture.notes[0].startswith("colour profile ignored")


# Floating-point values


def floats(path: Path, values: list[float]) -> Path:
    Image.fromarray(np.array([values], dtype=np.float32)).save(path)
    return path


def test_floats_from_0_to_1_are_no_black_picture() -> None:
    picture = read_picture(CASES / "float01.tif")
    assert picture.image.getpixel((0, 0)) == (128, 128, 128)
    assert picture.notes == ("floating-point values from 0 to 1 brought to 8-bit",)


@pytest.mark.parametrize("peak", [1, 255, 65535])
def test_floats_keep_their_range(tmp_path: Path, peak: int) -> None:
    path = floats(tmp_path / "range.tif", [0.0, 0.25 * peak, peak])
    picture = read_picture(path)
    assert np.asarray(picture.image)[0, :, 0].tolist() == [0, 64, 255]
    assert f"from 0 to {peak} " in picture.notes[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e9])
def test_floats_that_are_no_colours_are_refused(tmp_path: Path, value: float) -> None:
    path = floats(tmp_path / "odd.tif", [0.5, value])
    with pytest.raises(DataError, match=r"odd\.tif holds values .*save it as"):
        read_picture(path)


# Formats


@pytest.mark.parametrize(("suffix", "kind"), [(".jfif", "JPEG"), (".jpe", "JPEG"), (".avif", "AVIF"), (".apng", "PNG")])
def test_other_spellings_are_listed_and_read(tmp_path: Path, suffix: str, kind: str) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / f"fox{suffix}", format=kind)
    (found,) = list_pictures(tmp_path, "--style-images")
    assert read_picture(found).image.getpixel((4, 4))[0] > 240


@pytest.mark.parametrize("suffix", [".heic", ".HEIF", ".jxl", ".jp2", ".psd", ".cr2"])
def test_pictures_that_cannot_be_read_are_named(tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "fox.png")
    (tmp_path / f"hen{suffix}").touch()
    with pytest.raises(DataError, match=rf"cannot be read \(hen\{suffix}\): save them as PNG or JPEG"):
        list_pictures(tmp_path, "--style-images")
    (tmp_path / f"hen{suffix}").rename(tmp_path / f"fox{suffix}")  # what fox.png was exported from
    assert [path.name for path in list_pictures(tmp_path, "--style-images")] == ["fox.png"]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00", "HEIC"),
        (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00", "HEIC"),
        (b"\xff\x0a\xfa\x5f", "JPEG XL"),
        (b"8BPS\x00\x01", "Photoshop"),
        (b"II*\x00\x08\x00\x00\x00", "TIFF"),
    ],
)
def test_other_kinds_under_a_readable_name_are_named(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "fox.jpg").write_bytes(head + bytes(200))
    with pytest.raises(DataError, match=rf"fox\.jpg is a {kind}.* cannot be read: save it as PNG or JPEG"):
        read_picture(tmp_path / "fox.jpg")


# Text in PNG files


def test_picture_with_a_workflow_in_its_text() -> None:
    with (CASES / "workflow.png").open("rb") as stream, pytest.raises(ValueError, match="too large"):
        Image.open(stream)
    assert read_picture(CASES / "workflow.png").image.size == (40, 36)


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_no_amount_of_text_matters(tmp_path: Path, kind: str, place: str) -> None:
    """100 chunks of a megabyte, above Pillow's limit for one and for all, before the pixels or behind them."""
    pixels = np.random.default_rng(1).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    whole, body = stream.getvalue(), b"x" * 1_100_000
    packed = {"tEXt": body, "zTXt": b"\0" + zlib.compress(body), "iTXt": b"\1\0\0\0" + zlib.compress(body)}[kind]
    chunk = kind.encode() + b"k\0" + packed
    text = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    at = {"before": 33, "after": len(whole) - 12}[place]
    (tmp_path / "flow.png").write_bytes(whole[:at] + 100 * text + whole[at:])
    assert np.array_equal(np.asarray(read_picture(tmp_path / "flow.png").image), pixels)


def test_rotation_beside_text_is_kept(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 3_000_000, zip=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 24)).save(tmp_path / "phone.png", pnginfo=text, exif=exif)
    assert read_picture(tmp_path / "phone.png").image.size == (24, 40)


# Shapes


def test_strip_is_refused_by_its_shape() -> None:
    with pytest.raises(DataError, match=r"strip\.png is 4x16000, at most 100 times as long as wide is read"):
        read_picture(CASES / "strip.png")


@pytest.mark.parametrize("shape", [(37, 24), (24, 37), (300, 3), (16, 16), (5, 401)])
@pytest.mark.parametrize("size", [(16, 16), (32, 8), (64, 48)])
def test_cutting_first_changes_nothing(shape: tuple[int, int], size: tuple[int, int]) -> None:
    """Resizing the part that is kept equals resizing all of it and cutting then, up to the rounding between two passes.

    Pillow takes the cheaper pass first; middle greys, since it clips overshoots between the two.
    """
    pixels = np.random.default_rng(2).integers(100, 156, (*shape, 3), dtype=np.uint8)
    image, (height, width) = Image.fromarray(pixels), size
    cut, geometry = cover(image, size)
    scale = max(height / image.height, width / image.width)
    whole = (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
    top, left = geometry.crop
    resized = image.resize(whole, Image.Resampling.LANCZOS).crop((left, top, left + width, top + height))
    differences = np.abs(np.asarray(cut, dtype=int) - np.asarray(resized, dtype=int))
    assert differences.max() <= 2
