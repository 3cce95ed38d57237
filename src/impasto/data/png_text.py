"""PNG files without their text.

Other programs keep whole workflows in a picture's text, megabytes of it, compressed. Pillow unpacks all text before it
decodes a picture, and gives up above a limit that belongs to the whole process. No text is needed here: it is taken out
of the file's bytes, so that none is unpacked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXT = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_XMP = b"XML:com.adobe.xmp\x00\x00"
"""How uncompressed XMP begins, which may say how a picture is turned."""
_SMALL = 2**16


def without_text(path: Path) -> Path | BytesIO:
    """Return a PNG file without its text chunks, or the path itself when it has none or is no PNG."""
    with path.open("rb") as stream:
        if stream.read(len(_SIGNATURE)) != _SIGNATURE:
            return path
        chunks = list(_chunks(stream))
        if not any(is_text for _, _, is_text in chunks):
            return path
        kept = BytesIO()
        kept.write(_SIGNATURE)
        for start, length, is_text in chunks:
            if not is_text:
                stream.seek(start)
                kept.write(stream.read(length))
    kept.seek(0)
    return kept


def _chunks(stream: BinaryIO) -> Iterator[tuple[int, int, bool]]:
    """Yield (start, length, whether it is text to leave out) of each chunk, with its head and checksum."""
    while True:
        start = stream.tell()
        head = stream.read(8)
        if not head:
            return
        if len(head) < 8:  # cut off: what is left is for the decoder to complain about
            yield start, len(head), False
            return
        size, kind = struct.unpack(">I4s", head)
        is_xmp = kind == b"iTXt" and size <= _SMALL and stream.read(len(_XMP)) == _XMP
        yield start, size + 12, kind in _TEXT and not is_xmp
        stream.seek(start + size + 12)
