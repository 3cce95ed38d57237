"""Redraw a picture of yours in a style."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import tyro

from impasto.cli.arguments import kind_of_base, parse
from impasto.generation.options import StylizeOptions
from impasto.registry.recipes import recipe_for


class _Options(StylizeOptions):
    picture: Annotated[Path, tyro.conf.Positional]
    """The picture, cut to the middle square."""


def run(arguments: list[str]) -> int:
    """Stylize."""
    recipe = recipe_for("draw", kind_of_base(arguments))
    options = parse(_Options, arguments, command="stylize", description=StylizeOptions.__doc__ or "", recipe=recipe)
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.generation.text_to_image import stylize

    with closing(stylize(options)) as stream:
        show(Console(), stream, num_pictures=options.num_images)
    return 0
