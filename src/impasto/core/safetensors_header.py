"""The header of a safetensors file, in an order of its own: equal contents are equal bytes.

safetensors keeps what a file says of itself in a hash table with a random seed, so two files of the same contents
differ in the order of these lines. The tensors stand in an order that their names and types decide.
"""

from __future__ import annotations

import json
from pathlib import Path

PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""How files begin that hold a pickle, or a zip of pickles, instead."""
_COUNT = 8
"""Bytes that say how long the header is, little-endian; blanks fill it up."""
_METADATA = "__metadata__"


def sort_metadata(path: Path) -> None:
    """Sort what a safetensors file says of itself by name, in place; a header that would be longer is left as it is."""
    with path.open("r+b") as stream:
        length = int.from_bytes(stream.read(_COUNT), "little")
        header = json.loads(stream.read(length))
        if _METADATA not in header:
            return
        header[_METADATA] = dict(sorted(header[_METADATA].items()))
        written = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(written) <= length:
            stream.seek(_COUNT)
            stream.write(written.ljust(length))
