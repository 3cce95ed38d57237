"""Rewrite a low-rank style for another tool, whole or one file for each role."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from impasto.conversion.custom_diffusion import WEIGHTS, export_custom
from impasto.core.config import Config
from impasto.core.errors import ConfigError, StyleFileError
from impasto.core.files import refuse_existing, refuse_folder
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFile, is_safetensors
from impasto.models.find_family import find_family
from impasto.models.source import POCKET
from impasto.style.card import CARD_KEY
from impasto.style.embeddings import to_stock
from impasto.style.file import LowRankFile, Style, load_embedding, load_low_rank, save_tensors
from impasto.style.formats.header import card_fields, header_of
from impasto.style.formats.pairs import FORMATS, write_pairs
from impasto.style.formats.vocabulary import family_of
from impasto.style.select import split_by_role

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@grouped(learning="source format base split", machine="dtype", run="out overwrite metadata")
class ConvertOptions(Config):
    """Rewrite a LoRA, or a learnt word, of any tool for another tool: diffusers, kohya and A1111, sd-scripts, ComfyUI.

    impasto's own form is that of diffusers with the card in its header, so a style that was converted keeps working
    here. A file without a card cannot get one: a card tells bases apart, and no base is opened.
    """

    source: Path
    """A low-rank style, or a LoRA of another tool for SD 1.5 or SDXL."""
    out: OutputFile
    """The file to write, ending in .safetensors."""
    overwrite: bool = False
    """Replace the file that OUT names where it exists; without it, it is refused."""
    format: Literal["diffusers", "kohya", "kohya-ldm", "comfyui", "custom-diffusion"]
    """kohya is also A1111's; kohya-ldm is what sd-scripts writes for SDXL, and right for extracts of full SDXL styles;
    custom-diffusion makes a folder."""
    base: FileOrName | None = None
    """With --format custom-diffusion, which holds whole weights: the base that the style was trained on."""
    dtype: Literal["fp32", "fp16", "bf16"] | None = None
    """Of the matrices; by default as they are."""
    metadata: bool = True
    """Keep the card and write what other tools show."""
    split: bool = False
    """Write one file for each role (OUT-content, OUT-style) of a B-LoRA."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written, and how many low-rank pairs, or what else, it holds."""

    path: Path
    pairs: int
    what: str = "pairs"


@dataclass(frozen=True, slots=True)
class Converted:
    """What a conversion did.

    Attributes:
        files: What was written.
        left_out: Pairs that play no role and are in none of the files.
        notes: What readers of the format leave out.
    """

    files: tuple[Written, ...]
    left_out: int
    notes: tuple[str, ...] = ()


def convert(options: ConvertOptions) -> Converted:
    """Write the converted file or files; nothing is written when anything is refused."""
    if options.format == "custom-diffusion":
        return _custom_diffusion(options)
    if not options.split:
        refuse_existing(options.out, "OUT", overwrite=options.overwrite)
    if options.base is not None:
        raise ConfigError(f"--base {options.base} has no effect with --format {options.format}: leave it out")
    refuse_folder(options.out, "OUT")
    if not is_safetensors(options.out):
        raise ConfigError(f"OUT {options.out} must end in .safetensors")
    word = load_embedding(options.source)
    return _low_rank(options) if word is None else _embedding(word, options)


def _low_rank(options: ConvertOptions) -> Converted:
    source = load_low_rank(options.source)
    _refuse_pocket(source, options.format)
    family = _family_of(source)
    tensors = _cast(source.tensors, options.dtype)
    parts = _parts(source, tensors, family, options) if options.split else {"": tensors}
    ready = []
    for role, part in parts.items():
        path = options.out.with_stem(f"{options.out.stem}-{role}") if role else options.out
        header = _header(source, part, family, role, path.stem, options) if options.metadata else {}
        ready.append((path, write_pairs(part, options.format, family), header, len(part) // 2))
    for path, *_ in ready:
        refuse_existing(path, "OUT", overwrite=options.overwrite)
    for path, written, header, _ in ready:
        save_tensors(path, written, header)
    written_names = {name for part in parts.values() for name in part}
    left_out, notes = (len(tensors) - len(written_names)) // 2, _notes(written_names, family, options.format)
    return Converted(tuple(Written(path, pairs) for path, _, _, pairs in ready), left_out, notes)


def _notes(names: Collection[str], family: str | None, form: str) -> tuple[str, ...]:
    """Return what is to be known of the reader of a format, given the names of the pairs that were written."""
    written, notes = {name.rpartition(".lora_")[0] for name in names}, []
    for each in FORMATS[form].dropped:
        present = sorted(written & each.modules) if family == each.family else []
        if present:
            told = f"{each.reader} leaves out {', '.join(present)} in this format"
            notes.append(f"{told}: use --format {each.instead} for it")
    return tuple(notes)


def _custom_diffusion(options: ConvertOptions) -> Converted:
    if options.base is None:
        raise ConfigError("--format custom-diffusion holds whole weights: give the --base that the style is for")
    given: dict[str, object] = {"--dtype": options.dtype, "--split": options.split, "--overwrite": options.overwrite}
    for flag, is_given in (given | {"--no-metadata": not options.metadata}).items():
        if is_given:
            raise ConfigError(f"{flag} has no effect with --format custom-diffusion: leave it out")
    written = export_custom(options.source, options.out, options.base)
    files = [Written(path, n, "layers" if path.name == WEIGHTS else "rows") for path, n in written.items()]
    return Converted(tuple(files), 0)


def _embedding(style: Style, options: ConvertOptions) -> Converted:
    if options.split:
        raise ConfigError("--split has no effect on a learnt word: leave it out")
    word = style.card.new_tokens[0]
    tensors = to_stock(_cast(style.tensors, options.dtype), word, options.format)
    is_own = style.card.fingerprint is not None
    header = {CARD_KEY: style.card.model_dump_json()} if options.metadata and is_own else {}
    save_tensors(options.out, tensors, header)
    notes = (
        () if word in tensors or options.out.stem == word else (f"the word is {word!r}: A1111 takes the file's name",)
    )
    return Converted((Written(options.out, sum(map(len, tensors.values())), "rows"),), 0, notes)


def _refuse_pocket(source: LowRankFile, name: str) -> None:
    if source.card is not None and source.card.base == POCKET and FORMATS[name].counts_blocks:
        raise ConfigError(
            f"--format {name} counts the blocks of SD 1.5 and SDXL, this style is for pocket, which has fewer: use "
            "--format kohya or --format diffusers"
        )


def _family_of(source: LowRankFile) -> str | None:
    if source.card is not None:
        return source.card.family
    return family_of(source.tensors)


def _cast(tensors: Mapping[str, Tensor], dtype: str | None) -> dict[str, Tensor]:
    if dtype is None:
        return dict(tensors)
    cast = {name: tensor.to(_DTYPES[dtype]) for name, tensor in tensors.items()}
    for name, tensor in cast.items():
        if not tensor.isfinite().all():
            largest = float(tensors[name].abs().max())
            raise ConfigError(f"--dtype {dtype} cannot hold {name} (up to {largest:g}): use bf16 or fp32")
    return cast


def _parts(
    source: LowRankFile, tensors: Mapping[str, Tensor], family: str | None, options: ConvertOptions
) -> dict[str, dict[str, Tensor]]:
    roles = _roles(source, family, options.source)
    parts = split_by_role(tensors, roles)
    for role, part in parts.items():
        if not re.fullmatch(r"[\w-]+", role):
            raise StyleFileError(
                f"style file {options.source} has a role {role!r}, only letters, digits, _ and - can be part of a file "
                "name: convert it without --split"
            )
        if not part:
            blocks = ", ".join(roles[role])
            raise StyleFileError(
                f"style file {options.source} changes nothing in role {role!r} ({blocks}): convert it without --split"
            )
    return parts


def _roles(source: LowRankFile, family: str | None, path: Path) -> Mapping[str, Sequence[str]]:
    if source.card is not None and source.card.roles:
        return source.card.roles
    known = find_family(family).family_roles if source.card is None and family is not None else {}
    if {"content", "style"} <= known.keys():
        return {role: known[role] for role in ("content", "style")}
    why = "its card names no roles" if source.card is not None else "it has no card, and its family knows no roles"
    raise StyleFileError(f"style file {path} cannot be split ({why}): convert it without --split")


def _header(
    source: LowRankFile,
    part: Mapping[str, Tensor],
    family: str | None,
    role: str,
    title: str,
    options: ConvertOptions,
) -> dict[str, str]:
    form = FORMATS[options.format]
    fields = header_of(form, family, title, part, source.metadata)
    if source.card is None:
        return fields
    card = source.card.model_copy(update={"roles": {role: source.card.roles[role]}}) if role else source.card
    return fields | card_fields(form, card)
