"""What a picture file may be: the formats that are read, and those that are named because they are not."""

from __future__ import annotations

from pathlib import Path

from PIL import features

_HAS_AVIF = bool(features.check("avif"))
SUFFIXES = frozenset({".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif"}) | (
    {".avif"} if _HAS_AVIF else frozenset()
)
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", *(("AVIF",) if _HAS_AVIF else ()))
"""What a file may hold, whatever its name says; other decoders of Pillow are never asked (some run programs)."""
UNREADABLE = (
    frozenset({".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpf", ".jpx", ".psd", ".psb", ".xcf"})
    | frozenset({".kra", ".clip", ".procreate", ".svg", ".ai", ".eps", ".tga", ".ico", ".dds", ".exr", ".hdr"})
    | frozenset({".ppm", ".pgm", ".pbm", ".pnm", ".pcx", ".qoi", ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw"})
    | frozenset({".orf", ".rw2", ".raf"})
) - SUFFIXES
"""Suffixes of pictures that cannot be read: named instead of skipped."""

_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}
_STARTS = {
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop",
    b"gimp xcf": "GIMP",
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"<svg": "SVG",
    b"v/1\x01": "OpenEXR",
    b"II*\x00": "TIFF (of a kind such as float colours)",
    b"MM\x00*": "TIFF (of a kind such as float colours)",
}


def unreadable_kind(path: Path) -> str | None:
    """Return what kind of picture a file that Pillow did not recognise holds, or None when it is no picture."""
    with path.open("rb") as stream:
        head = stream.read(16)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12])
    return next((kind for start, kind in _STARTS.items() if head.startswith(start)), None)


def stands_for_another(path: Path, readable: set[str]) -> bool:
    """Return whether a picture that cannot be read lies beside a readable one of its name: the source of an export."""
    return path.stem in readable
