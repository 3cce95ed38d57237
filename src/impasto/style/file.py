"""Read and write style files: one `.safetensors` with a card in its header. Nothing is ever unpickled."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from impasto.adapters.new_tokens import TOKEN
from impasto.core.errors import StyleFileError, UnsafeFile
from impasto.core.files import staged
from impasto.style.card import CARD_KEY, Card

_MAX_HEADER = 64 * 2**20
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


@dataclass(frozen=True, slots=True)
class Style:
    """A style as it stands in a file.

    Attributes:
        card: What it says about itself.
        tensors: What was learnt, by the names that diffusers and PEFT read.
    """

    card: Card
    tensors: dict[str, Tensor]


def save_style(path: Path, style: Style) -> None:
    """Replace `path` by the style, staged: a failure leaves what was there."""
    ordered = {name: style.tensors[name].contiguous() for name in sorted(style.tensors)}
    with staged(path) as staging:
        save_file(ordered, staging, metadata={CARD_KEY: style.card.model_dump_json(), "format": "pt"})
        staging.chmod(0o644)  # safetensors writes for the owner alone; a style is made to be passed on


def read_card(path: Path) -> Card:
    """Return the card of a style file without reading its tensors.

    Raises:
        UnsafeFile: The file is a pickle or no safetensors file.
        StyleFileError: It is missing or has no card.
    """
    header = _read_header(path)
    metadata = header.get("__metadata__")
    text = metadata.get(CARD_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise StyleFileError(
            f"style file {path} has no impasto card: it was made by another tool; load it with that tool instead"
        )
    try:
        return Card.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "card"
        raise StyleFileError(
            f"style file {path} has a damaged card ({field}: {first['msg'].lower()}): train or download it again"
        ) from error


def load_style(path: Path) -> Style:
    """Return a style; see `read_card` for errors."""
    card = read_card(path)
    try:
        with safe_open(path, framework="pt") as opened:
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise UnsafeFile(f"style file {path} is damaged ({error}): train or download it again") from error
    _refuse_bad_tensors(path, tensors)
    if card.new_token and not any(name.startswith(TOKEN) for name in tensors):
        raise StyleFileError(f"style file {path} is damaged: it names the token {card.new_token!r} but has no row")
    return Style(card, tensors)


def _read_header(path: Path) -> Mapping[str, object]:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise StyleFileError(f"style file {path} {what}: name a .safetensors file that impasto trained")
    with path.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(_MAX_HEADER, path.stat().st_size):
            # Asked only now: a sound header may be 640 bytes long, which reads like a pickle's first two bytes.
            if head.startswith(_PICKLE_STARTS):
                raise UnsafeFile(
                    f"style file {path} is a pickle, which can run code when read: only .safetensors is read, "
                    "ask for the style in that form"
                )
            raise _no_safetensors(path, "its header is damaged")
        raw = stream.read(length)
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _no_safetensors(path, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _no_safetensors(path, "its header is not a table")
    return header


def _no_safetensors(path: Path, why: str) -> UnsafeFile:
    return UnsafeFile(f"style file {path} is not a safetensors file ({why}): train or download it again")


def _refuse_bad_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not tensor.float().isfinite().all():
            raise _damaged(path, f"{name} holds values that are not finite numbers")
        if name.endswith(_DOWN):
            up = tensors.get(name.removesuffix(_DOWN) + _UP)
            if up is None or up.ndim < 2 or tensor.ndim != up.ndim or up.shape[1] != tensor.shape[0]:
                raise _damaged(path, f"{name} has no lora_B of a fitting shape")
        if name.endswith(_UP) and name.removesuffix(_UP) + _DOWN not in tensors:
            raise _damaged(path, f"{name} has no lora_A")


def _damaged(path: Path, why: str) -> StyleFileError:
    return StyleFileError(f"style file {path} is damaged ({why}): train or download it again")
