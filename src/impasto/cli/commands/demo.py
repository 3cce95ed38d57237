"""Learn a style from twenty drawings and look at the result."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from impasto.cli.arguments import parse
from impasto.core.shell import command
from impasto.demo.demo import DemoOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from impasto.cli.interrupt import StopOnInterrupt
    from impasto.core.events import Event


def run(arguments: list[str]) -> int:
    """Demonstrate."""
    options = parse(DemoOptions, arguments, command="demo", description=DemoOptions.__doc__ or "")
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.cli.interrupt import StopOnInterrupt
    from impasto.demo.demo import demo

    console = Console()
    with StopOnInterrupt() as stop, closing(demo(options, stop=stop)) as stream:
        show(console, _until_learnt(stream, stop))
    if options.dry_run:
        return 0
    if stop.was_asked:
        return 130
    console.print(f"\nlook at  {options.out / 'index.html'}  or  {options.out / 'grid.png'}", markup=False)
    style = options.out / f"{options.pack}.safetensors"
    drawing = command("impasto", "generate", "--style", style, "--prompt", "a fox")
    console.print(f"draw more with  {drawing}", markup=False, soft_wrap=True)
    return 0


def _until_learnt(stream: Iterator[Event], stop: StopOnInterrupt) -> Iterator[Event]:
    """Yield the same events; once the style is saved, Ctrl+C stops at once: drawings can be made again."""
    from impasto.core.events import Saved

    for event in stream:
        if isinstance(event, Saved):
            stop.disarm()
        yield event
