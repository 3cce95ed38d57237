"""Draw pictures from words, with styles attached."""

from __future__ import annotations

from contextlib import closing

from impasto.cli.arguments import kind_of_base, parse
from impasto.generation.options import GenerateOptions
from impasto.registry.recipes import recipe_for


def run(arguments: list[str]) -> int:
    """Draw."""
    recipe = recipe_for("draw", kind_of_base(arguments))
    options = parse(
        GenerateOptions, arguments, command="generate", description=GenerateOptions.__doc__ or "", recipe=recipe
    )
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.generation.generate import count_pictures, generate

    with closing(generate(options)) as stream:
        show(Console(), stream, num_pictures=count_pictures(options))
    return 0
