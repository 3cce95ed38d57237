"""Rewrite a LoRA for diffusers, kohya and A1111, or ComfyUI."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from impasto.cli.arguments import parse
from impasto.conversion.convert import ConvertOptions


class _Options(ConvertOptions):
    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IN")]
    """A low-rank style, or a LoRA of another tool for SD 1.5 or SDXL."""
    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The file to write, ending in .safetensors."""


def run(arguments: list[str]) -> int:
    """Convert."""
    options = parse(_Options, arguments, command="convert", description=ConvertOptions.__doc__ or "")
    from impasto.conversion.convert import convert

    converted = convert(options)
    for written in converted.files:
        size = written.path.stat().st_size / 2**20
        print(f"saved  {written.path}  ({size:.1f} MiB, {written.pairs} {written.what}), {options.format}")
    if converted.left_out:
        print(f"left out  {converted.left_out} pairs that play no role")
    for note in converted.notes:
        print(f"note  {note}")
    return 0
