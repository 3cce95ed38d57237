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

from impasto.adapters.full_weights import DELTA
from impasto.adapters.low_rank import DOWN, UP
from impasto.adapters.new_tokens import TOKEN
from impasto.core.errors import StyleFileError, UnsafeFile
from impasto.core.files import is_file, is_folder, staged
from impasto.core.precision import readable
from impasto.core.safetensors_header import PICKLE_STARTS, sort_metadata
from impasto.core.shell import command
from impasto.style.card import CARD_KEY, Card, foreign_card
from impasto.style.embeddings import EMBEDDINGS, from_stock, joined, to_stock, word_of
from impasto.style.formats import clip_pair
from impasto.style.formats.custom_diffusion import whole_weights
from impasto.style.formats.learned_embeds import SECOND
from impasto.style.formats.pairs import is_foreign, read_pairs
from impasto.style.formats.vocabulary import family_of

_MAX_HEADER = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Style:
    """A style as it stands in a file.

    Attributes:
        card: What it says about itself.
        tensors: What was learnt, by the names that diffusers and PEFT read.
    """

    card: Card
    tensors: dict[str, Tensor]

    def save(self, path: str | Path) -> None:
        """Write the style file; a failure leaves what was there."""
        save_style(Path(path), self)

    @staticmethod
    def load(path: str | Path) -> Style:
        """Return the style in a file, of impasto or a LoRA of another tool; see `load_style` for what is refused."""
        return load_style(Path(path))

    @property
    def content(self) -> RoleOfStyle:
        """What was learnt of the picture's content, for methods that learn it apart (B-LoRA)."""
        return RoleOfStyle(self, "content")

    @property
    def style(self) -> RoleOfStyle:
        """What was learnt of the style, without the content."""
        return RoleOfStyle(self, "style")


@dataclass(frozen=True, slots=True)
class RoleOfStyle:
    """One role of a style.

    Attributes:
        style: The style that has the role.
        role: "content" or "style".
    """

    style: Style
    role: str


@dataclass(frozen=True, slots=True)
class LowRankFile:
    """A low-rank file of any tool.

    Attributes:
        card: What it says about itself, or None when impasto did not make it.
        metadata: All text in its header.
        tensors: A and B under impasto's names, W = W0 + B A.
    """

    card: Card | None
    metadata: dict[str, str]
    tensors: dict[str, Tensor]


def save_style(path: Path, style: Style) -> None:
    """Replace `path` by the style, staged: a failure leaves what was there."""
    tensors = style.tensors
    if style.card.kind == EMBEDDINGS:
        tensors = to_stock(tensors, style.card.new_tokens[0])
    save_tensors(path, tensors, {CARD_KEY: style.card.model_dump_json()})


def save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Replace `path` by tensors and a header, staged: a failure leaves what was there."""
    ordered = {name: tensors[name].contiguous() for name in sorted(tensors)}
    with staged(path) as staging:
        save_file(ordered, staging, metadata={**metadata, "format": "pt"})
        sort_metadata(staging)
        staging.chmod(0o644)  # safetensors writes for the owner alone; a style is made to be passed on


def read_card(path: Path) -> Card:
    """Return the card of a style file without reading its tensors.

    Raises:
        UnsafeFile: The file is a pickle or no safetensors file.
        StyleFileError: It is missing or has no card.
    """
    card = _card_in(_metadata_of(path), path)
    if card is None:
        raise StyleFileError(
            f"style file {path} has no impasto card: it was made by another tool; a plain LoRA works as --style "
            "all the same"
        )
    return card


def known_card(path: Path) -> Card:
    """Return the card of a style file; for a file of another tool, what its tensors tell: see `load_style`."""
    card = _card_in(_metadata_of(path), path)
    return load_style(path).card if card is None else card


def load_style(path: Path) -> Style:
    """Return a style, also one that was converted for another tool, or a LoRA that another tool made.

    Raises:
        UnsafeFile: The file is a pickle or no safetensors file.
        StyleFileError: It is missing, damaged, or has no card and is no learnt word, no weights of Custom Diffusion
            and no plain low-rank file; see `load_low_rank`.
    """
    card = _card_in(_metadata_of(path), path)
    if card is None:
        return _load_foreign(path)
    tensors = _read_tensors(path)
    if card.kind == EMBEDDINGS and card.new_tokens:
        tensors = from_stock(tensors, card.new_tokens[0])
    elif any(is_foreign(name) for name in tensors):
        tensors = read_pairs(tensors, _metadata_of(path), f"style file {path}")
    _refuse_bad_tensors(path, tensors)
    for word in card.new_tokens:
        if not any(name.startswith(TOKEN) and name.endswith(f".{word}") for name in tensors):
            raise StyleFileError(f"style file {path} is damaged: it names the token {word!r} but has no row")
    return Style(card, tensors)


def _load_foreign(path: Path) -> Style:
    """Return what another tool made: a learnt word, weights of Custom Diffusion, or low-rank pairs."""
    tensors = _read_tensors(path)
    if word := word_of(tensors, path.stem):
        beside = path.with_stem(path.stem + SECOND)
        second = _read_tensors(beside) if len(tensors) == 1 and is_file(beside) else {}
        rows = joined(tensors, second, word)
        _refuse_bad_tensors(path, rows)
        return Style(foreign_card("", EMBEDDINGS, word), rows)
    whole = whole_weights(tensors)
    if whole is not None:
        _refuse_bad_tensors(path, whole)
        return Style(foreign_card("", "full"), whole)
    pairs = _low_rank(path, tensors).tensors
    return Style(foreign_card(family_of(pairs) or ""), pairs)


def load_embedding(path: Path) -> Style | None:
    """Return the style in a file of one learnt word, of impasto or another tool, or None where it is something else."""
    header = _read_header(path)
    if len(header.keys() - {"__metadata__"}) > len(clip_pair.FORMAT.encoders):
        return None
    card, tensors = _card_in(_metadata_of(path), path), _read_tensors(path)
    if (card.kind if card is not None else EMBEDDINGS) != EMBEDDINGS or word_of(tensors, path.stem) is None:
        return None
    return load_style(path)


def load_low_rank(path: Path) -> LowRankFile:
    """Return the pairs of a LoRA that any tool made.

    Raises:
        UnsafeFile: The file is a pickle or no safetensors file.
        StyleFileError: It is missing, damaged, or holds anything but plain low-rank pairs for SD 1.5 or SDXL.
    """
    _metadata_of(path)  # refuses what is no safetensors file
    return _low_rank(path, _read_tensors(path))


def _low_rank(path: Path, tensors: Mapping[str, Tensor]) -> LowRankFile:
    metadata = _metadata_of(path)
    if any(name.startswith(DELTA) for name in tensors):
        extraction = command("impasto", "extract", path, "--out", f"{path.stem}-lora.safetensors")
        raise StyleFileError(
            f"style file {path} is of kind full, other tools read low-rank pairs: make them with {extraction}"
        )
    card = _card_in(metadata, path)
    if any(name.startswith(TOKEN) for name in tensors) or (card is not None and card.kind == EMBEDDINGS):
        raise StyleFileError(
            f"style file {path} brings a token of its own, which no other tool reads from a LoRA: use it "
            "here, or train without a new token"
        )
    if card is None and not tensors:
        raise StyleFileError(f"style file {path} holds no tensors, so nothing would change: ask for a whole one")
    if card is None and whole_weights(tensors) is not None:
        extraction = command("impasto", "extract", path, "--base", "NAME", "--out", f"{path.stem}-lora.safetensors")
        raise StyleFileError(
            f"style file {path} holds whole weights (Custom Diffusion), no low-rank pairs: make them with {extraction}"
        )
    pairs = read_pairs(tensors, metadata, f"style file {path}")
    _refuse_bad_tensors(path, pairs)
    return LowRankFile(card, metadata, pairs)


def _metadata_of(path: Path) -> dict[str, str]:
    metadata = _read_header(path).get("__metadata__")
    return {str(k): v for k, v in metadata.items() if isinstance(v, str)} if isinstance(metadata, dict) else {}


def _card_in(metadata: Mapping[str, str], path: Path) -> Card | None:
    if CARD_KEY not in metadata:
        return None
    try:
        return Card.model_validate_json(metadata[CARD_KEY])
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "card"
        raise StyleFileError(
            f"style file {path} has a damaged card ({field}: {first['msg'].lower()}): train or download it again"
        ) from error


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as opened:
            return {name: readable(opened.get_tensor(name)) for name in opened.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise UnsafeFile(f"style file {path} is damaged ({error}): train or download it again") from error


def _read_header(path: Path) -> Mapping[str, object]:
    if not is_file(path):
        what = "is a folder" if is_folder(path) else "does not exist"
        raise StyleFileError(f"style file {path} {what}: name a .safetensors file that impasto trained")
    with path.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if not 2 <= length <= min(_MAX_HEADER, path.stat().st_size):
            # Asked only now: a sound header may be 640 bytes long, which reads like a pickle's first two bytes.
            if head.startswith(PICKLE_STARTS):
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
        if name.endswith(DOWN) and not _are_halves(tensor, tensors.get(name.removesuffix(DOWN) + UP)):
            raise _damaged(path, f"{name} has no lora_B of a fitting shape")
        if name.endswith(UP) and name.removesuffix(UP) + DOWN not in tensors:
            raise _damaged(path, f"{name} has no lora_A")


def _are_halves(down: Tensor, up: Tensor | None) -> bool:
    """Return whether A (r, in, ...) and B (out, r) or (out, r, 1, 1) have a product."""
    if up is None or up.ndim < 2 or down.ndim != up.ndim:
        return False
    return up.shape[1] == down.shape[0] and up.shape[2:].numel() == 1


def _damaged(path: Path, why: str) -> StyleFileError:
    return StyleFileError(f"style file {path} is damaged ({why}): train or download it again")
