"""Divide pictures into people and backgrounds, for multi-styleforge."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import tyro

from impasto.cli.arguments import parse
from impasto.core.paths import FileOrName
from impasto.core.shell import command
from impasto.training.subdivide import SubdivideOptions


class _Options(SubdivideOptions):
    source: Annotated[FileOrName, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """A folder of pictures, or pack:NAME for the style pictures of a shipped pack."""


def run(arguments: list[str]) -> int:
    """Subdivide."""
    options = parse(_Options, arguments, command="subdivide", description=SubdivideOptions.__doc__ or "")
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.training.subdivide import subdivide

    console = Console()
    with closing(subdivide(options)) as stream:
        show(console, stream)
    pictures = ("--style-images", options.source, "--concepts-csv", options.out)
    training = command("impasto", "train", "multi-styleforge", *pictures, "--out", "FILE")
    console.print(f"correct it, then  {training}", highlight=False, markup=False, soft_wrap=True)
    return 0
