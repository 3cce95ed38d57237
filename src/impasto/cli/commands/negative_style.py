"""Make the picture that a transfer steers away from: a reference without its style."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import tyro

from impasto.cli.arguments import kind_of_base, parse
from impasto.generation.negative_style import NegativeStyleOptions
from impasto.registry.recipes import recipe_for


class _Options(NegativeStyleOptions):
    reference: Annotated[Path, tyro.conf.Positional]
    """The picture whose style is wanted."""


def run(arguments: list[str]) -> int:
    """Make it."""
    base = kind_of_base(arguments)
    recipe = recipe_for("draw", base) | recipe_for("negative_style", base)
    options = parse(
        _Options, arguments, command="negative-style", description=NegativeStyleOptions.__doc__ or "", recipe=recipe
    )
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.generation.negative_style import negative_style

    with closing(negative_style(options)) as stream:
        show(Console(), stream, num_pictures=options.num_images)
    return 0
