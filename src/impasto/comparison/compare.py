"""Compare methods on styles: a generator of events. Every finished trial is a file, and the report is written anew.

config -> rows (methods x styles) -> with a search: trials on another style, round by round, until the steps are known
-> trials (rows x seeds), each with the hash of all that its numbers depend on
trials that have their file are done; the others run, serially or several at once
after every trial: table.md, report.json, report.html; partial until all are done
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

from impasto.comparison.config import CompareOptions, ComparisonConfig
from impasto.comparison.duration import format_time_left
from impasto.comparison.executors import in_processes, on_ray, serial
from impasto.comparison.plan import Plan, plan_comparison
from impasto.comparison.report import Status, write_report
from impasto.comparison.step_search import SearchResult, search_state, steps_found
from impasto.comparison.trial import Trial, run_trial
from impasto.core.config import read_toml, validated
from impasto.core.errors import ResourceError
from impasto.core.events import Event, Generated, Planned, Progress


def compare(options: CompareOptions) -> Generator[Event]:
    """Yield a plan, progress, and the report's files; trials that are done already are not run again.

    Raises:
        ConfigError: The configuration has an unknown name, a wrong value or an option without effect.
        ResourceError: Trials failed; the report holds the others and is marked partial.
    """
    config = validated(ComparisonConfig, read_toml(options.comparison), source=str(options.comparison))
    plan = plan_comparison(config, options)
    failed: dict[str, str] = {}
    found = search_state(plan)
    yield _planned(plan, _status(plan, found, failed))
    if options.dry_run:
        return
    write_report(config, options.out, _status(plan, found, failed))
    yield from _search(plan, failed)
    yield from _fill(plan, failed)
    for name in ("table.md", "report.json", "report.html"):
        yield Generated(options.out / name, "", 0)
    if failed:
        first, message = next(iter(failed.items()))
        raise ResourceError(
            f"{len(failed)} trial(s) failed, such as {first} ({message}): the report is partial; mend the cause and "
            "repeat the command, finished trials are kept"
        )


def _search(plan: Plan, failed: dict[str, str]) -> Iterator[Event]:
    """Run one measurement of every row whose steps are not known, then the next; a row with a failed one is left."""
    given_up: set[str] = set()
    while True:
        wanted = [each for each in search_state(plan) if each.row not in given_up]
        waiting = [trial for each in wanted for trial in each.trials if not trial.file.is_file()]
        if not waiting:
            return
        for trial, message in _run(plan.options, waiting):
            if message:
                failed[f"{trial.label()}, {trial.values['steps']} steps"] = message
                given_up.add(trial.row)
            found = search_state(plan)
            write_report(plan.config, plan.options.out, _status(plan, found, failed))
            yield Progress("search, at most", *_measured(plan, found))


def _measured(plan: Plan, found: Sequence[SearchResult]) -> tuple[int, int]:
    """Return how many measurements are done or no longer wanted, and how many there may be at most."""
    most = len(plan.config.search.steps()) if plan.config.search else 0
    return sum(most if each.is_over else len(each.distances) for each in found), most * len(found)


def _fill(plan: Plan, failed: dict[str, str]) -> Iterator[Event]:
    """Run the trials of the table that are not done; two rows that turned out the same share one."""
    found = search_state(plan)
    trials = _status(plan, found, failed).trials
    waiting = list({trial.key: trial for trial in trials if not trial.file.is_file()}.values())
    count = len(trials) - len(waiting)
    yield Progress("trials", count, plan.count())
    for trial, message in _run(plan.options, waiting):
        if message:
            failed[trial.label()] = message
        count += not message
        write_report(plan.config, plan.options.out, _status(plan, found, failed))
        yield Progress("trials", count, plan.count())


def _status(plan: Plan, found: Sequence[SearchResult], failed: dict[str, str]) -> Status:
    return Status(plan.trials(steps_found(found)), plan.count(), found, failed)


def _run(options: CompareOptions, trials: list[Trial]) -> Iterator[tuple[Trial, str]]:
    if not trials:
        return iter(())
    if options.executor == "ray":
        return on_ray(trials, run_trial, options.workers)
    return serial(trials, run_trial) if options.workers == 1 else in_processes(trials, run_trial, options.workers)


def _planned(plan: Plan, status: Status) -> Planned:
    config, options = plan.config, plan.options
    done = sum(trial.file.is_file() for trial in status.trials)
    rows = (
        ("base", config.base),
        ("methods", ", ".join(config.methods)),
        ("styles", ", ".join(style.name for style in config.styles)),
        ("seeds", ", ".join(map(str, config.seeds))),
        *_search_rows(config, status.found),
        ("trials", f"{plan.count()}, of which {done} are done"),
        ("pictures", f"{config.num_prompts or 'all'} prompts in each, {config.steps} steps of {config.sampler}"),
        *((("strengths", ", ".join(f"{each:g}" for each in config.strengths)),) if config.strengths else ()),
        ("features", config.features),
        ("at once", f"{options.workers} ({options.executor}), {config.threads} thread(s) each"),
        *((("time", format_time_left(plan, status.found, plan.pace)),) if plan.pace else ()),
        ("writes", str(options.out)),
    )
    notes = () if len(config.seeds) >= 3 else (f"{len(config.seeds)} seed(s): intervals need three",)
    return Planned(rows, notes)


def _search_rows(config: ComparisonConfig, found: Sequence[SearchResult]) -> tuple[tuple[str, str], ...]:
    search = config.search
    if search is None:
        return ()
    how = f"every {search.every} up to {search.max_steps} steps, until {search.patience} in a row bring no improvement"
    message = ", ".join(f"{each.row} {each.formatted_steps()}" for each in found)
    return (("search", f"on {search.style.name}, {how}"), ("steps", message))
