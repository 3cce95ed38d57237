"""Compare methods on styles, and report tables, pictures and curves."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import tyro

from impasto.cli.arguments import parse
from impasto.comparison.config import CompareOptions


class _Options(CompareOptions):
    comparison: Annotated[Path, tyro.conf.Positional]
    """TOML file with methods, styles and seeds; see docs/compare.md."""


def run(arguments: list[str]) -> int:
    """Compare."""
    options = parse(_Options, arguments, command="compare", description=CompareOptions.__doc__ or "")
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.comparison.compare import compare

    console = Console()
    with closing(compare(options)) as stream:
        show(console, stream)
    if not options.dry_run:
        table = (options.out / "table.md").read_text("utf-8")
        console.print(f"\n{table}", highlight=False, markup=False, soft_wrap=True)
        console.print(f"look at  {options.out / 'report.html'}", highlight=False, markup=False, soft_wrap=True)
    return 0
