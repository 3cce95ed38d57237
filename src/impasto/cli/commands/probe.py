"""Measure which blocks of a base decide on subject, style and colour."""

from __future__ import annotations

from contextlib import closing

from impasto.cli.arguments import kind_of_base, parse
from impasto.probing.options import ProbeOptions
from impasto.registry.recipes import guidance_for


def run(arguments: list[str]) -> int:
    """Probe."""
    recipe: dict[str, object] = {"guidance_scale": guidance_for(kind_of_base(arguments))}
    options = parse(ProbeOptions, arguments, command="probe", description=ProbeOptions.__doc__ or "", recipe=recipe)
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.core.events import Probed
    from impasto.probing.probe import probe

    console = Console()
    with closing(probe(options)) as stream:
        kept = show(console, stream)
    for event in kept:
        if isinstance(event, Probed):
            console.print(f"\n{event.table}", highlight=False, markup=False, soft_wrap=True)
            pictures = f"{event.folder / 'heatmap.png'}  and  {event.folder / 'examples.png'}"
            console.print(f"look at  {pictures}", highlight=False, markup=False, soft_wrap=True)
    return 0
