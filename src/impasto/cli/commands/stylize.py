"""Redraw a picture of yours in a style."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import tyro

from impasto.cli.arguments import parse
from impasto.workflows.generate_options import StylizeOptions


class _Options(StylizeOptions):
    picture: Annotated[Path, tyro.conf.Positional]
    """The picture, cut to the middle square."""


def run(arguments: list[str]) -> int:
    """Stylize."""
    options = parse(_Options, arguments, command="stylize", description=StylizeOptions.__doc__ or "")
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.workflows.generate import stylize

    with closing(stylize(options)) as stream:
        show(Console(), stream, num_pictures=options.num_images)
    return 0
