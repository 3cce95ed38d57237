"""Turn a full fine-tune into a small LoRA."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from impasto.cli.arguments import parse
from impasto.conversion.extract import ExtractOptions


class _Options(ExtractOptions):
    source: Annotated[Path, tyro.conf.Positional]
    """A style file that holds weight differences (trained with --learn full)."""


def run(arguments: list[str]) -> int:
    """Extract."""
    options = parse(_Options, arguments, command="extract", description=ExtractOptions.__doc__ or "")
    from impasto.conversion.extract import extract

    before = options.source.stat().st_size / 2**20 if options.source.is_file() else 0.0
    extracted = extract(options)
    if options.dry_run:
        print(f"would save  {options.out}, rank {options.rank} (now {before:.1f} MiB)")
    else:
        after = options.out.stat().st_size / 2**20
        print(f"saved  {options.out}  ({after:.1f} MiB, was {before:.1f} MiB), rank {options.rank}")
    print(f"reconstruction error  {extracted.error:.1%}  (||ΔW - BA|| / ||ΔW||, linear layers and convolutions)")
    print(f"not representable     {extracted.dropped:.1%}  of the squared differences (biases, norms, embeddings)")
    return 0
