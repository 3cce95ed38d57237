"""Draw the content of one picture in the style of another (B-LoRA)."""

from __future__ import annotations

from contextlib import closing

from impasto.cli.arguments import kind_of_base, parse
from impasto.generation.mix_options import MixOptions
from impasto.registry.recipes import recipe_for


def run(arguments: list[str]) -> int:
    """Mix."""
    recipe = recipe_for("draw", kind_of_base(arguments))
    options = parse(MixOptions, arguments, command="mix", description=MixOptions.__doc__ or "", recipe=recipe)
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.generation.mix import mix

    with closing(mix(options)) as stream:
        show(Console(), stream, num_pictures=options.strip + 1 if options.strip else options.num_images)
    return 0
