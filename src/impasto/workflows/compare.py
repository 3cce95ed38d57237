"""Compare methods on styles: a generator of events. Every finished cell is a file, and the report is written anew.

recipe -> cells (methods x styles x seeds), each with the hash of all that its numbers depend on
cells that have their file are done; the others run, serially or several at once
after every cell: table.md, report.json, report.html; partial until all are done
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from impasto.core.config import read_toml, validated
from impasto.core.errors import ResourceError
from impasto.core.events import Event, Generated, Planned, Progress
from impasto.workflows.compare_cell import Cell, run_cell
from impasto.workflows.compare_plan import plan_cells
from impasto.workflows.compare_recipe import CompareOptions, Recipe
from impasto.workflows.compare_report import write_report
from impasto.workflows.executors import in_processes, on_ray, serial


def compare(options: CompareOptions) -> Generator[Event]:
    """Yield a plan, progress, and the report's files; cells that are done already are not run again.

    Raises:
        ConfigError: The recipe has an unknown name, a wrong value or an option without effect.
        ResourceError: Cells failed; the report holds the others and is marked partial.
    """
    recipe = validated(Recipe, read_toml(options.recipe), source=str(options.recipe))
    cells = plan_cells(recipe, options)
    done = [cell for cell in cells if cell.file.is_file()]
    yield _plan(recipe, options, cells, len(done))
    if options.dry_run:
        return
    failed: dict[str, str] = {}
    write_report(options.out, cells, recipe, failed)
    count = len(done)
    yield Progress("cells", count, len(cells))
    for cell, told in _run(options, [cell for cell in cells if not cell.file.is_file()]):
        if told:
            failed[cell.label()] = told
        count += not told
        write_report(options.out, cells, recipe, failed)
        yield Progress("cells", count, len(cells))
    for name in ("table.md", "report.json", "report.html"):
        yield Generated(options.out / name, "", 0)
    if failed:
        first, told = next(iter(failed.items()))
        raise ResourceError(
            f"{len(failed)} of {len(cells)} cells failed, such as {first} ({told}): the report is partial; mend the "
            "cause and repeat the command, finished cells are kept"
        )


def _run(options: CompareOptions, cells: list[Cell]) -> Iterator[tuple[Cell, str]]:
    if not cells:
        return iter(())
    if options.executor == "ray":
        return on_ray(cells, run_cell, options.workers)
    return serial(cells, run_cell) if options.workers == 1 else in_processes(cells, run_cell, options.workers)


def _plan(recipe: Recipe, options: CompareOptions, cells: list[Cell], done: int) -> Planned:
    rows = (
        ("base", recipe.base),
        ("methods", ", ".join(recipe.methods)),
        ("styles", ", ".join(style.name for style in recipe.styles)),
        ("seeds", ", ".join(map(str, recipe.seeds))),
        ("cells", f"{len(cells)}, of which {done} are done"),
        ("pictures", f"{recipe.num_prompts or 'all'} prompts in each, {recipe.steps} steps of {recipe.sampler}"),
        ("features", recipe.features),
        ("at once", f"{options.workers} ({options.executor}), {recipe.threads} thread(s) each"),
        ("writes", str(options.out)),
    )
    notes = () if len(recipe.seeds) >= 3 else (f"{len(recipe.seeds)} seed(s): intervals need three",)
    return Planned(rows, notes)
