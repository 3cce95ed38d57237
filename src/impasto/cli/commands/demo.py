"""Learn a style from twenty drawings and look at the result."""

from __future__ import annotations

from contextlib import closing

from impasto.cli.arguments import parse
from impasto.workflows.demo import DemoOptions


def run(arguments: list[str]) -> int:
    """Demonstrate."""
    options = parse(DemoOptions, arguments, command="demo", description=DemoOptions.__doc__ or "")
    from rich.console import Console

    from impasto.cli.console import show
    from impasto.workflows.demo import demo

    console = Console()
    with closing(demo(options)) as stream:
        show(console, stream)
    console.print(f"\nlook at  {options.out / 'index.html'}  or  {options.out / 'grid.png'}", markup=False)
    drawing = f'impasto generate --style {options.out / options.pack}.safetensors --prompt "a fox"'
    console.print(f"draw more with  {drawing}", markup=False, soft_wrap=True)
    return 0
