"""Show events on a terminal: the plan as a table, long work as a bar, files as lines."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from impasto.core import events
from impasto.core.formatting import format_bytes, format_duration, format_pace


def show_plan(console: Console, plan: events.Planned) -> None:
    """Print the plan as a table, and what the user should know below it."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for what, value in plan.rows:
        table.add_row(f"[bold]{escape(what)}", escape(value))
    console.print(table)
    for note in plan.notes:
        show_note(console, note)
    for warning in plan.warnings:
        console.print(f"[bold red]warning[/]  [red]{escape(warning)}[/]", highlight=False)


def show_note(console: Console, note: str) -> None:
    """Print something that the user should know."""
    console.print(f"[yellow]note[/]  {escape(note)}")


def format_correction(measured: events.Corrected) -> str:
    """Return in one line what was measured, beside what the plan expected."""
    pace, expected = format_pace(measured.seconds), format_pace(measured.expected_seconds)
    line = f"{pace} a step (expected {expected}), {format_duration(measured.left)} left"
    if measured.peak is None:
        return line
    return f"{line}; peak {format_bytes(measured.peak)} (expected {format_bytes(measured.expected_peak)})"


def format_held_out(measured: events.HeldOutMeasured) -> str:
    """Return in one line what was measured of a step on held-out pictures."""
    match = "" if measured.match is None else f", match {measured.match:.1f}"
    numbers = f"distance {measured.distance:.4f} ± {measured.standard_error:.4f}{match}, copying {measured.copying:.2f}"
    best = ", the best so far" if measured.is_best else ""
    return f"held out, step {measured.step}: {numbers}{best}"


def format_verdict(verdict: events.Verdict) -> list[str]:
    """Return in one or two lines whether a training worked, and where to look; on the way, a line if it goes wrong."""
    if not verdict.is_final:
        return _going_wrong(verdict)
    way = f"the samples went {max(verdict.moved, 0):.0%} of the way to the style pictures"
    words = (
        f"the subject is recognised in {verdict.kept} of {verdict.asked} (untrained: {verdict.kept_before})"
        if verdict.kept is not None
        else "nothing here can tell whether the words were kept: look"
    )
    lines = [f"step {verdict.step}: {way}; {words}; {verdict.sheet}, {verdict.sheet.with_name('loss.png')}"]
    return lines + _going_wrong(verdict)


def _going_wrong(verdict: events.Verdict) -> list[str]:
    best = "" if verdict.best is None else f"; step {verdict.best} was the best"
    if verdict.words_lost_since is not None:
        share = f"{verdict.kept} of {verdict.asked} subjects are recognised, {verdict.kept_before} before"
        return [f"words are lost from step {verdict.words_lost_since} on: {share}{best}"]
    if verdict.worse_since is not None:
        return [f"worse since step {verdict.worse_since}: train shorter, or with a lower --learning-rate{best}"]
    return []


class Bars:
    """One bar for each kind of long work, made when the work begins."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def move(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Set the bar of `what`."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total, detail=detail)
        self._progress.update(self._tasks[what], completed=done, detail=detail)


def show(console: Console, stream: Iterable[events.Event], *, num_pictures: int = 0) -> list[events.Event]:
    """Consume events, showing each; returns the lasting ones (files and numbers).

    Args:
        console: Where to print.
        stream: Events as a use case yields them.
        num_pictures: How many pictures will be drawn, for their bar; 0 shows none, as where reports are written.
    """
    kept: list[events.Event] = []
    with ExitStack() as stack:
        bars: Bars | None = None
        for event in stream:
            if _tell(console, event):
                continue
            if bars is None:
                bars = stack.enter_context(Bars(console))
            drawn = sum(isinstance(each, events.Generated) for each in (*kept, event))
            _show_one(console, bars, event, drawn, num_pictures)
            if not isinstance(event, events.Progress | events.TrainStep | events.Checkpointed | events.Previewed):
                kept.append(event)
    return kept


def _tell(console: Console, event: events.Event) -> bool:
    """Print an event that is words alone; returns whether it is one."""
    match event:
        case events.Planned():
            show_plan(console, event)
        case events.Noted(text):
            show_note(console, text)
        case events.Verdict():
            for line in format_verdict(event):
                console.print(f"[bold]verdict[/]  {escape(line)}", highlight=False, soft_wrap=True)
        case events.Corrected():
            console.print(f"[bold]measured[/]  {format_correction(event)}", highlight=False, soft_wrap=True)
        case events.HeldOutMeasured():
            console.print(f"  {format_held_out(event)}", highlight=False, markup=False, soft_wrap=True)
        case events.StepKept(step, path):
            console.print(f"  style of step {step}: {escape(str(path))}", highlight=False)
        case _:
            return False
    return True


def _move(bars: Bars, event: events.Progress | events.TrainStep | events.Previewed) -> None:
    match event:
        case events.Progress(what, done, total):
            bars.move(what, done, total)
        case events.TrainStep(step, steps, loss):
            bars.move("training", step, steps, f"loss {loss:.4f}")
        case events.Previewed(path, step, steps):
            bars.move("denoising", step, steps, str(path))


def _show_one(console: Console, bars: Bars, event: events.Event, count: int, num_pictures: int) -> None:
    match event:
        case events.Progress() | events.TrainStep() | events.Previewed():
            _move(bars, event)
        case events.Generated(path):
            if num_pictures:
                bars.move("drawing", count, num_pictures)
            if num_pictures <= 12:
                console.print(f"  {escape(str(path))}")
        case events.Sampled(step, path):
            console.print(f"  samples at step {step}: {escape(str(path))}")
        case events.Saved(path, steps, is_complete):
            how = "" if is_complete else "  (stopped early)"
            console.print(f"[bold]saved[/]  {escape(str(path))}  after {steps} steps{how}")
        case events.Measured(name, value, standard_error, better):
            console.print(f"  {escape(name)}: {value:.3f} ± {standard_error:.3f}  ({better} is better)")
