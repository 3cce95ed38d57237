"""Make a set of auxiliary pictures, without near-duplicates."""

from __future__ import annotations

from contextlib import closing

from impasto.cli.arguments import parse
from impasto.core.shell import command
from impasto.generation.regularization_set import AuxOptions


def run(arguments: list[str]) -> int:
    """Make the set."""
    options = parse(AuxOptions, arguments, command="aux", description=AuxOptions.__doc__ or "")
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.generation.regularization_set import make_aux

    console = Console()
    with closing(make_aux(options)) as stream:
        show(console, stream)
    training = command(
        *"impasto train styleforge --style-images DIR --aux-images".split(), options.out, "--out", "FILE"
    )
    console.print(f"look at it, then  {training}", highlight=False, markup=False, soft_wrap=True)
    return 0
