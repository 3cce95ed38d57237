"""Draw pictures from words, with styles attached."""

from __future__ import annotations

from contextlib import closing

from impasto.cli.arguments import parse
from impasto.workflows.generate_options import GenerateOptions


def run(arguments: list[str]) -> int:
    """Draw."""
    options = parse(GenerateOptions, arguments, command="generate", description=GenerateOptions.__doc__ or "")
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.workflows.generate import generate

    with closing(generate(options)) as stream:
        show(Console(), stream, num_pictures=len(options.prompt) * options.num_images)
    return 0
