"""Compare methods on styles: a generator of events. Every finished cell is a file, and the report is written anew.

recipe -> rows (methods x styles) -> with a search: cells on another style, round by round, until the steps are known
-> cells (rows x seeds), each with the hash of all that its numbers depend on
cells that have their file are done; the others run, serially or several at once
after every cell: table.md, report.json, report.html; partial until all are done
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from impasto.comparison.config import CompareOptions, Recipe
from impasto.comparison.duration import told_time
from impasto.comparison.executors import in_processes, on_ray, serial
from impasto.comparison.plan import Plan, plan_of
from impasto.comparison.report import Status, write_report
from impasto.comparison.step_search import Found, search_state, steps_found
from impasto.comparison.trial import Cell, run_cell
from impasto.core.config import read_toml, validated
from impasto.core.errors import ResourceError
from impasto.core.events import Event, Generated, Planned, Progress


def compare(options: CompareOptions) -> Generator[Event]:
    """Yield a plan, progress, and the report's files; cells that are done already are not run again.

    Raises:
        ConfigError: The recipe has an unknown name, a wrong value or an option without effect.
        ResourceError: Cells failed; the report holds the others and is marked partial.
    """
    recipe = validated(Recipe, read_toml(options.recipe), source=str(options.recipe))
    plan = plan_of(recipe, options)
    failed: dict[str, str] = {}
    found = search_state(plan)
    yield _planned(plan, _standing(plan, found, failed))
    if options.dry_run:
        return
    write_report(recipe, options.out, _standing(plan, found, failed))
    yield from _search(plan, failed)
    yield from _fill(plan, failed)
    for name in ("table.md", "report.json", "report.html"):
        yield Generated(options.out / name, "", 0)
    if failed:
        first, told = next(iter(failed.items()))
        raise ResourceError(
            f"{len(failed)} cell(s) failed, such as {first} ({told}): the report is partial; mend the cause and repeat "
            "the command, finished cells are kept"
        )


def _search(plan: Plan, failed: dict[str, str]) -> Iterator[Event]:
    """Run one measurement of every row whose steps are not known, then the next; a row with a failed one is left."""
    given_up: set[str] = set()
    while True:
        wanted = [each for each in search_state(plan) if each.row not in given_up]
        waiting = [cell for each in wanted for cell in each.cells if not cell.file.is_file()]
        if not waiting:
            return
        for cell, told in _run(plan.options, waiting):
            if told:
                failed[f"{cell.label()}, {cell.values['steps']} steps"] = told
                given_up.add(cell.row)
            found = search_state(plan)
            write_report(plan.recipe, plan.options.out, _standing(plan, found, failed))
            yield Progress("search, at most", *_measured(plan, found))


def _measured(plan: Plan, found: Sequence[Found]) -> tuple[int, int]:
    """Return how many measurements are done or no longer wanted, and how many there may be at most."""
    most = len(plan.recipe.search.steps()) if plan.recipe.search else 0
    return sum(most if each.is_over else len(each.distances) for each in found), most * len(found)


def _fill(plan: Plan, failed: dict[str, str]) -> Iterator[Event]:
    """Run the cells of the table that are not done; two rows that turned out the same share one."""
    found = search_state(plan)
    cells = _standing(plan, found, failed).cells
    waiting = list({cell.key: cell for cell in cells if not cell.file.is_file()}.values())
    count = len(cells) - len(waiting)
    yield Progress("cells", count, plan.count())
    for cell, told in _run(plan.options, waiting):
        if told:
            failed[cell.label()] = told
        count += not told
        write_report(plan.recipe, plan.options.out, _standing(plan, found, failed))
        yield Progress("cells", count, plan.count())


def _standing(plan: Plan, found: Sequence[Found], failed: dict[str, str]) -> Status:
    return Status(plan.cells(steps_found(found)), plan.count(), found, failed)


def _run(options: CompareOptions, cells: list[Cell]) -> Iterator[tuple[Cell, str]]:
    if not cells:
        return iter(())
    if options.executor == "ray":
        return on_ray(cells, run_cell, options.workers)
    return serial(cells, run_cell) if options.workers == 1 else in_processes(cells, run_cell, options.workers)


def _planned(plan: Plan, standing: Status) -> Planned:
    recipe, options = plan.recipe, plan.options
    done = sum(cell.file.is_file() for cell in standing.cells)
    rows = (
        ("base", recipe.base),
        ("methods", ", ".join(recipe.methods)),
        ("styles", ", ".join(style.name for style in recipe.styles)),
        ("seeds", ", ".join(map(str, recipe.seeds))),
        *_search_rows(recipe, standing.found),
        ("cells", f"{plan.count()}, of which {done} are done"),
        ("pictures", f"{recipe.num_prompts or 'all'} prompts in each, {recipe.steps} steps of {recipe.sampler}"),
        *((("strengths", ", ".join(f"{each:g}" for each in recipe.strengths)),) if recipe.strengths else ()),
        ("features", recipe.features),
        ("at once", f"{options.workers} ({options.executor}), {recipe.threads} thread(s) each"),
        *((("time", told_time(plan, standing.found, plan.pace)),) if plan.pace else ()),
        ("writes", str(options.out)),
    )
    notes = () if len(recipe.seeds) >= 3 else (f"{len(recipe.seeds)} seed(s): intervals need three",)
    return Planned(rows, notes)


def _search_rows(recipe: Recipe, found: Sequence[Found]) -> tuple[tuple[str, str], ...]:
    search = recipe.search
    if search is None:
        return ()
    how = f"every {search.every} up to {search.max_steps} steps, until {search.patience} in a row bring no improvement"
    told = ", ".join(f"{each.row} {each.steps_told()}" for each in found)
    return (("search", f"on {search.style.name}, {how}"), ("steps", told))
