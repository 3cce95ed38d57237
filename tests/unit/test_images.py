"""Pictures as people have them: odd ones become 8-bit RGB, bad ones are told in one line that names the file."""

import io
import struct
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from impasto.core.errors import DataError
from impasto.data.images import fit_square, list_pictures, read_picture, to_image, to_tensor
from impasto.models.conditioning import Geometry


def coloured(width: int = 10, height: int = 12) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind)
    return stream.getvalue()


def png_of_size(path: Path, width: int, height: int) -> Path:
    """A sound PNG header that promises width x height grey pixels, and no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        read_picture(path)
    message = str(refused.value)
    assert path.name in message
    assert "\n" not in message
    return message


# Folders


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--style-images .*nowhere does not exist: give a folder of pictures"):
        list_pictures(tmp_path / "nowhere", "--style-images")


def test_one_picture_in_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(encoded(coloured(), "PNG"))
    assert list_pictures(tmp_path / "fox.png", "--style-images") == [tmp_path / "fox.png"]


@pytest.mark.parametrize("others", [[], ["notes.txt", "style.safetensors", ".hidden.png"]], ids=["empty", "others"])
def test_folder_without_pictures(tmp_path: Path, others: list[str]) -> None:
    for name in others:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"--style-images .* holds no picture: put files there that end in .*\.png"):
        list_pictures(tmp_path, "--style-images")


def test_pictures_are_listed_by_name_whatever_their_case(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.webp", "c.txt", "a.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in list_pictures(tmp_path, "--style-images")] == ["a.webp", "b.JPG"]


# Files that are no pictures, or damaged ones


def test_missing_picture_and_folder_as_picture(tmp_path: Path) -> None:
    assert "does not exist: name a picture file" in refusal(tmp_path / "nothing.png")
    assert "is a folder: name a picture file" in refusal(tmp_path)


def test_text_named_as_a_picture(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture at all")
    assert "is not a picture, whatever its name says: remove it or replace it" in refusal(tmp_path / "notes.png")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_truncated_picture(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"half.{suffix}"
    whole = encoded(coloured(64, 64), {"png": "PNG", "jpg": "JPEG"}[suffix])
    path.write_bytes(whole[: len(whole) // 2])
    message = refusal(path)
    assert "is truncated or damaged" in message
    assert message.endswith("replace it")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_no_damage_raises_anything_else(tmp_path: Path, kind: str) -> None:
    """Cut off anywhere, or with a byte wrong anywhere: a picture or a `DataError`, and no warning."""
    whole, path = encoded(coloured(), kind), tmp_path / "damaged.png"
    cut = [whole[:end] for end in range(0, len(whole), 7)]
    wrong = [whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in range(0, len(whole), 7)]
    refused = 0
    for content in [*cut, *wrong]:
        path.write_bytes(content)
        try:
            assert read_picture(path).image.mode == "RGB"
        except DataError:
            refused += 1
    assert refused >= len(cut) // 2


def test_animation_is_refused_and_a_single_frame_is_not(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    message = refusal(tmp_path / "moving.gif")
    assert "is animated (3 frames)" in message
    assert "save the frame that you mean as a PNG" in message
    frames[0].save(tmp_path / "still.gif")
    still = read_picture(tmp_path / "still.gif")
    assert still.image.getpixel((3, 3)) == (255, 0, 0)
    assert still.notes == ()


# Very large ones


@pytest.mark.parametrize(
    ("width", "height"), [(20_000, 10_000), (10_000, 10_000), (8_001, 8_000)], ids=["200 MP", "100 MP", "64.008 MP"]
)
def test_too_large_is_refused_from_the_header(tmp_path: Path, width: int, height: int) -> None:
    path = png_of_size(tmp_path / "poster.png", width, height)
    assert path.stat().st_size < 100
    started = time.perf_counter()
    message = refusal(path)
    assert time.perf_counter() - started < 1
    assert "megapixels" in message
    assert "scale it down first" in message
    assert "64" in message


def test_as_large_as_allowed_is_decoded(tmp_path: Path) -> None:
    # 64 megapixels pass the gate: what is wrong with this file is only found by decoding it.
    assert "truncated or damaged" in refusal(png_of_size(tmp_path / "poster.png", 8_000, 8_000))


# Odd, but usable ones


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=100)
    picture = read_picture(tmp_path / "print.jpg")
    red, green, blue = picture.image.getpixel((4, 4))
    assert picture.image.mode == "RGB"
    assert red > 200
    assert max(green, blue) < 60
    assert picture.notes == ("CMYK converted to RGB",)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_keeps_the_whole_range(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 257, 128 * 257, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / f"scan.{suffix}")
    picture = read_picture(tmp_path / f"scan.{suffix}")
    assert np.asarray(picture.image)[0].tolist() == [[v, v, v] for v in (0, 1, 128, 128, 255)]
    assert picture.notes == ("16-bit reduced to 8-bit",)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colours_are_noted(tmp_path: Path, suffix: str, channels: int) -> None:
    values = np.full((4, 4, channels), 200 * 257, dtype=np.uint16)
    cv2.imwrite(str(tmp_path / f"scan.{suffix}"), values)
    picture = read_picture(tmp_path / f"scan.{suffix}")
    assert picture.notes[0] == "16-bit reduced to 8-bit"


def test_dark_16_bit_grey_stays_dark(tmp_path: Path) -> None:
    """Whether a picture has 16 bits is said by its format, not by its brightest pixel."""
    Image.fromarray(np.array([[0, 100, 255]], dtype=np.uint16)).save(tmp_path / "night.png")
    assert np.asarray(read_picture(tmp_path / "night.png").image).max() == 1


def test_32_bit_values_that_fit_8_bits_are_taken_as_they_are(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 100, 255]], dtype=np.int32)).save(tmp_path / "map.tif")
    assert np.asarray(read_picture(tmp_path / "map.tif").image)[0, :, 0].tolist() == [0, 100, 255]


def test_transparency_is_composited_on_white_and_noted(tmp_path: Path) -> None:
    pixels = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 128]]], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "sticker.png")
    picture = read_picture(tmp_path / "sticker.png")
    assert np.asarray(picture.image)[0].tolist() == [[200, 0, 0], [255, 255, 255], [127, 127, 127]]
    assert picture.notes == ("transparency composited on white",)


def test_opaque_alpha_is_dropped_without_a_note(tmp_path: Path) -> None:
    coloured().convert("RGBA").save(tmp_path / "opaque.png")
    picture = read_picture(tmp_path / "opaque.png")
    assert np.array_equal(np.asarray(picture.image), np.asarray(coloured()))
    assert picture.notes == ()


def test_grey_with_alpha(tmp_path: Path) -> None:
    Image.fromarray(np.array([[[10, 255], [10, 0]]], dtype=np.uint8), "LA").save(tmp_path / "ink.png")
    picture = read_picture(tmp_path / "ink.png")
    assert np.asarray(picture.image)[0].tolist() == [[10, 10, 10], [255, 255, 255]]
    assert picture.notes == ("transparency composited on white",)


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])], ids=["one colour", "alpha of each colour"])
def test_palette_with_transparency(tmp_path: Path, transparency: int | bytes) -> None:
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), "P")
    image.putpalette([0, 0, 200, 7, 7, 7])
    image.save(tmp_path / "icon.png", transparency=transparency)
    picture = read_picture(tmp_path / "icon.png")
    assert np.asarray(picture.image)[0].tolist() == [[0, 0, 200], [255, 255, 255]]
    assert picture.notes == ("transparency composited on white",)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_few_colours(tmp_path: Path, mode: str) -> None:
    coloured().convert(mode).save(tmp_path / "plain.png")
    picture = read_picture(tmp_path / "plain.png")
    assert np.array_equal(np.asarray(picture.image), np.asarray(coloured().convert(mode).convert("RGB")))
    assert picture.notes == ()


def test_phone_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 24), "white")
    image.paste("red", (0, 16, 8, 24))  # lower left as stored, upper left once turned
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "phone.jpg", exif=exif, quality=100, subsampling=0)
    turned = read_picture(tmp_path / "phone.jpg").image
    assert turned.size == (24, 40)
    red, green, blue = turned.getpixel((2, 2))
    assert red > 240
    assert max(green, blue) < 30
    assert turned.getpixel((20, 2)) == (255, 255, 255)


# Into the network's shape and back


@pytest.mark.parametrize(
    ("size", "crop"),
    [
        ((40, 24), (0, 5)),
        ((24, 40), (5, 0)),
        ((16, 16), (0, 0)),
        ((16, 17), (0, 0)),
        ((7, 5), (0, 3)),
        ((1, 9), (64, 0)),
    ],
    ids=lambda value: f"{value[0]}x{value[1]}",
)
def test_fit_square_says_how_it_cut(size: tuple[int, int], crop: tuple[int, int]) -> None:
    cut, geometry = fit_square(coloured(*size), 16)
    assert cut.size == (16, 16)
    assert geometry == Geometry((size[1], size[0]), crop, (16, 16))


def test_fit_square_keeps_the_middle_and_the_proportions() -> None:
    image = Image.new("RGB", (64, 32), "white")
    image.paste("red", (16, 0, 48, 32))
    cut, _ = fit_square(image, 32)
    assert np.asarray(cut).reshape(-1, 3).tolist() == [[255, 0, 0]] * 32 * 32


def test_tensor_and_image_are_inverse_on_all_values() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = Image.fromarray(np.stack([values, values[::-1], values.T], axis=-1))
    tensor = to_tensor(image)
    assert tensor.shape == (3, 16, 16)
    assert tensor.dtype == torch.float32
    assert (tensor.min(), tensor.max()) == (-1, 1)
    assert np.array_equal(np.asarray(to_image(tensor)), np.asarray(image))


def test_to_image_clips() -> None:
    assert np.asarray(to_image(torch.tensor([-3.0, 0.0, 3.0]).view(3, 1, 1))).tolist() == [[[0, 128, 255]]]
