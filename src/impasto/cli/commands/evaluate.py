"""Measure drawn pictures against real ones and against their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from impasto.cli.arguments import parse
from impasto.core.events import Event, Measured
from impasto.evaluation.options import EvaluateOptions

if TYPE_CHECKING:
    from rich.table import Table


class _Options(EvaluateOptions):
    images: Annotated[Path, tyro.conf.Positional]
    """Folder of drawn pictures, PNG only."""


def run(arguments: list[str]) -> int:
    """Evaluate."""
    options = parse(_Options, arguments, command="evaluate", description=EvaluateOptions.__doc__ or "")
    from rich.console import Console
    from rich.markup import escape

    from impasto.cli.console import show
    from impasto.evaluation.evaluate import evaluate

    console, measured = Console(), list[Measured]()
    with closing(evaluate(options)) as stream:
        show(console, _keeping(stream, measured))
    console.print(_table(measured))
    for each in measured:
        if each.warning:
            console.print(f"[yellow]{escape(each.name)}[/]  {escape(each.warning)}")
    if options.out is not None:
        console.print(f"[bold]saved[/]  {escape(str(options.out))}")
    return 0


def _keeping(stream: Iterable[Event], measured: list[Measured]) -> Iterator[Event]:
    for event in stream:
        if isinstance(event, Measured):
            measured.append(event)
        else:
            yield event


def _table(measured: Sequence[Measured]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table("metric", "value", "± standard error", "N", "better", box=None, padding=(0, 2, 0, 0))
    for each in measured:
        mark = "[yellow]![/] " if each.warning else ""
        counts = " / ".join(map(str, each.counts))
        row = (
            f"{each.value:.4f}",
            f"{each.standard_error:.4f}",
            counts,
            "" if each.better == "neither" else each.better,
        )
        table.add_row(f"{mark}{escape(each.name)}", *row)
    return table
