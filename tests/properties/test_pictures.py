"""Any picture, sound or damaged: 8-bit RGB, or one line that names the file; and nothing is changed without a note."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from impasto.core.errors import DataError
from impasto.data.image_formats import SUFFIXES, UNREADABLE
from impasto.data.images import fit_square, list_pictures, read_picture

with Image.open(Path(__file__).parents[1] / "cases/adobe.png") as wide:
    ADOBE = wide.info["icc_profile"]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KINDS = ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000", "PPM", "TGA", "ICO"]
MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "I;16", "F"]


@dataclass(frozen=True)
class Made:
    """A picture and the file that it was saved to, with `extra` facts."""

    image: Image.Image
    kind: str
    extra: dict[str, object]
    content: bytes

    def __repr__(self) -> str:  # files are long
        return f"Made({self.image.mode} {self.image.size} {self.kind} {sorted(self.extra)})"


def saved(image: Image.Image, kind: str, extra: dict[str, object]) -> Made:
    stream = BytesIO()
    image.save(stream, format=kind, **extra)
    return Made(image, kind, extra, stream.getvalue())


@st.composite
def files(draw: st.DrawFn) -> Made:
    """Return a picture of any mode in any format, with or without profile, rotation and text."""
    width, height = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    mode, kind = draw(st.sampled_from(MODES)), draw(st.sampled_from(KINDS))
    profile = draw(st.sampled_from([None, None, ADOBE, SRGB, b"junk"]))
    if mode in {"I", "I;16", "F"}:
        values = rng.uniform(0, draw(st.sampled_from([1, 255, 65535, 1e9])), (height, width))
        types = {"I": np.int32, "I;16": np.uint16, "F": np.float32}
        image = Image.fromarray(np.minimum(values, 65535 if mode == "I;16" else 1e9).astype(types[mode]))
    elif mode == "LAB":
        image = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8), "LAB")
    else:
        pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
        image = Image.fromarray(pixels).convert(mode) if mode != "CMYK" else Image.fromarray(pixels, "CMYK")
    extra: dict[str, object] = {"icc_profile": profile} if profile else {}
    if draw(st.booleans()):
        exif = Image.Exif()
        exif[0x0112] = draw(st.integers(0, 9))
        extra["exif"] = exif
    if kind == "PNG" and draw(st.booleans()):
        text = PngImagePlugin.PngInfo()
        text.add_text("workflow", "x" * draw(st.sampled_from([10, 2_000_000])), zip=True)
        extra["pnginfo"] = text
    try:
        return saved(image, kind, extra)
    except (OSError, ValueError, TypeError):  # the format has no such mode
        return saved(Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)), "PNG", {})


def read(content: bytes, suffix: str) -> tuple[Image.Image | None, str]:
    """Return the picture and its notes, or None and the refusal."""
    with TemporaryDirectory() as folder, warnings.catch_warnings(action="error"):
        path = Path(folder) / f"fox{suffix}"
        path.write_bytes(content)
        try:
            picture = read_picture(path)
        except DataError as error:
            refusal = str(error)
        else:
            refusal = ""
        if refusal:
            assert f"fox{suffix}" in refusal
            assert "\n" not in refusal
            return None, refusal
        assert picture.image.mode == "RGB"
        assert fit_square(picture.image, 8)[0].size == (8, 8)
        return picture.image, "; ".join(picture.notes)


@settings(max_examples=300, deadline=None)
@given(files(), st.sampled_from(sorted(SUFFIXES)))
def test_sound_pictures_are_read_as_they_are_or_with_a_note(made: Made, suffix: str) -> None:
    found, told = read(made.content, suffix)
    image, profile = made.image, made.extra.get("icc_profile")
    if found is None:
        assert any(reason in told for reason in ("cannot be read", "not a picture", "at most", "damaged"))
        assert made.kind in {"JPEG2000", "PPM", "TGA", "ICO"} or image.mode in {"LAB", "I", "F"}
        return
    is_lossless = made.kind in {"PNG", "BMP", "TIFF"}
    if is_lossless and image.mode in {"RGB", "L", "1"} and not told and "exif" not in made.extra:
        difference = np.abs(np.asarray(found, dtype=int) - np.asarray(image.convert("RGB"), dtype=int))
        assert difference.max() <= 2 * bool(profile)
    if profile == ADOBE and image.mode == "RGB" and made.kind in {"PNG", "JPEG", "TIFF"}:
        assert "to sRGB" in told
    if is_lossless and image.mode in {"I;16", "F", "CMYK"}:
        assert told


@settings(max_examples=300, deadline=None)
@given(files(), st.sampled_from(sorted(SUFFIXES)), st.data())
def test_damaged_pictures_are_read_or_refused_in_one_line(made: Made, suffix: str, data: st.DataObject) -> None:
    content = bytearray(made.content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["cut", "wrong", "more"])):
            case "cut":
                content = content[: at + 1]
            case "wrong":
                content[at] = data.draw(st.integers(0, 255))
            case _:
                content[at:at] = data.draw(st.binary(min_size=1, max_size=9))
    read(bytes(content), suffix)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=64), st.sampled_from(sorted(SUFFIXES)))
def test_any_bytes(content: bytes, suffix: str) -> None:
    assert read(content, suffix)[0] is None


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["fox", "hen", "owl", "Äpfel"]),
        st.sampled_from(sorted(SUFFIXES | UNREADABLE | {".txt", ".json"})).flatmap(
            lambda suffix: st.sampled_from([suffix, suffix.upper()])
        ),
        min_size=1,
    )
)
def test_no_picture_of_a_folder_is_skipped(named: dict[str, str]) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        for stem, suffix in named.items():
            (folder / f"{stem}{suffix}").touch()
        pictures = {f"{stem}{suffix}" for stem, suffix in named.items() if suffix.lower() in SUFFIXES}
        unread = {f"{stem}{suffix}" for stem, suffix in named.items() if suffix.lower() in UNREADABLE}
        if unread or not pictures:
            with pytest.raises(DataError) as refused:
                list_pictures(folder, "--style-images")
            assert all(name in str(refused.value) for name in sorted(unread)[:3])
        else:
            assert {path.name for path in list_pictures(folder, "--style-images")} == pictures


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_listed_suffix_is_read(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(np.full((9, 9, 3), 128, dtype=np.uint8))
    try:
        image.save(tmp_path / f"fox{suffix}")
    except ValueError:
        image.save(tmp_path / f"fox{suffix}", format="JPEG")
    assert np.allclose(np.asarray(read_picture(tmp_path / f"fox{suffix}").image), 128, atol=3)
