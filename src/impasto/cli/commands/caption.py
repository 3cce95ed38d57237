"""Write captions for pictures that have none, to be corrected."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import tyro

from impasto.captioning.options import CaptionOptions
from impasto.cli.arguments import parse


class _Options(CaptionOptions):
    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DIR")]
    """A folder of pictures."""


def run(arguments: list[str]) -> int:
    """Caption."""
    options = parse(_Options, arguments, command="caption", description=CaptionOptions.__doc__ or "")
    from rich.console import Console

    from impasto.captioning.caption import caption
    from impasto.cli.console import show

    console = Console()
    with closing(caption(options)) as stream:
        written = show(console, stream, num_pictures=1)
    if written:
        console.print(
            "look at them and correct what is wrong: what they say decides what the style is", highlight=False
        )
    return 0
