"""Draw prompts: those of the command line and of a file, as single pictures, with a sheet, or as a grid of settings."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import groupby, product
from pathlib import Path
from tempfile import TemporaryDirectory

from impasto.core.config import validated
from impasto.core.errors import ConfigError
from impasto.core.events import Event, Generated, Planned, Progress
from impasto.core.files import refuse_existing
from impasto.data.png import write_png
from impasto.data.prompt_list import AskedFor, read_prompts, with_choices_made
from impasto.generation.options import GenerateOptions
from impasto.generation.requests import ImageRequest
from impasto.generation.sheets import contact_sheet, grid, read_axes, sheet_path, spelled
from impasto.generation.text_to_image import (
    Job,
    Opened,
    check_out,
    draw_job,
    opened_for,
    sampling_params_of,
    seeds_of,
    with_words,
)
from impasto.style.references import NamedStyle, fit_styles, load_styles, notes_on

_OPTIONS = {"seed": "seed", "steps": "steps", "guidance": "guidance_scale"}
"""Options by the names of the settings of a grid that are options."""
_MISSING = 'say what to draw with --prompt "a fox", or give a file of prompts with --prompts'


def generate(options: GenerateOptions, *, opened: Opened | None = None) -> Generator[Event]:
    """Yield a plan, then one `Generated` for every picture; prompts with other styles come with a plan of their own.

    Args:
        options: What to draw.
        opened: A base to draw with, in place of opening the one that the options name.
    """
    asked = asked_for(options)
    if options.xy:
        yield from _grid(options, asked, opened)
        return
    if options.sheet and options.is_one_file:
        raise ConfigError(f"--sheet needs a folder, and --out {options.out} is one picture: name a folder")
    check_out(options, sum(len(each.seeds) for each in asked))  # of all styles together: each draws a job of its own
    loaded = {styles: load_styles(styles) for styles in dict.fromkeys(each.styles for each in asked)}
    opened = opened or opened_for(options)
    drawn: list[Generated] = []
    for styles, alike in groupby(asked, lambda each: each.styles):
        for event in _drawn(options, opened, loaded[styles], list(alike)):
            drawn += [event] if isinstance(event, Generated) else []
            yield event
    if options.sheet and drawn:
        target = sheet_path(options.out)
        write_png(target, contact_sheet(drawn))
        yield Generated(target, "all of them, labelled", options.seed)


def asked_for(options: GenerateOptions) -> list[AskedFor]:
    """Return all prompts, those of the command line first.

    Raises:
        ConfigError: There is none, or one is empty.
    """
    seeds = tuple(seeds_of(options))
    listed = [] if options.prompts is None else read_prompts(options.prompts, seeds, options.style)
    asked = [*(AskedFor(prompt, seeds, options.style) for prompt in options.prompt), *listed]
    if not asked or not all(each.prompt.strip() for each in asked):
        raise ConfigError(f"{'a prompt is empty' if asked else '--prompt is missing'}: {_MISSING}")
    return asked


def count_pictures(options: GenerateOptions) -> int:
    """Return how many pictures will be drawn, for their bar."""
    return 1 if options.xy else sum(len(each.seeds) for each in asked_for(options)) + options.sheet


def _drawn(
    options: GenerateOptions, opened: Opened, styles: list[NamedStyle], asked: list[AskedFor]
) -> Generator[Event]:
    base = opened.base
    params = sampling_params_of(options, options.height or base.resolution, options.width or base.resolution, 1.0)
    job = Job(options, opened, fit_styles(base, styles), params, tuple(notes_on(styles)))
    requests = [ImageRequest(prompt, seed) for prompt, seed in _prompts(options, job, asked)]
    yield from draw_job(job, requests)


def _prompts(options: GenerateOptions, job: Job, asked: list[AskedFor]) -> Iterator[tuple[str, int]]:
    for each in asked:
        for seed in each.seeds:
            yield with_words(options, with_choices_made(each.prompt, seed), job.styles), seed


def _grid(options: GenerateOptions, asked: list[AskedFor], opened: Opened | None) -> Generator[Event]:
    """Draw one prompt with every combination of one or two settings, as one labelled picture."""
    axes = read_axes(options.xy)
    _check_grid(options, asked, axes)
    target = options.out if options.is_one_file else sheet_path(options.out)
    refuse_existing(target, "--out", overwrite=options.overwrite)
    settings = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    changed = [_with_settings(options, chosen) for chosen in settings]  # all are checked before one is drawn
    opened = opened or opened_for(options)
    pictures: dict[tuple[float, ...], Path] = {}
    with TemporaryDirectory() as folder:
        for number, (chosen, each) in enumerate(zip(settings, changed, strict=True)):
            one = each.model_copy(update={"out": Path(folder) / f"{number}.png"})
            for event in _drawn(one, opened, _scaled(asked[0], chosen), [_seeded(asked[0], chosen)]):
                if isinstance(event, Planned) and number == 0:
                    yield _plan_of_grid(event, axes, target)
                elif isinstance(event, Generated):
                    pictures[tuple(chosen.values())] = event.path
                    yield Progress("drawing the grid", number + 1, len(settings))
        if pictures:
            write_png(target, grid(axes, pictures))
            yield Generated(target, asked[0].prompt, options.seed)


def _check_grid(options: GenerateOptions, asked: Sequence[AskedFor], axes: Mapping[str, Sequence[float]]) -> None:
    """Raise `ConfigError` where options do not go with a grid of `axes`."""
    if len(asked) > 1 or len(asked[0].seeds) > 1:
        raise ConfigError("--xy draws one prompt, each picture once: give one --prompt, and seeds as an axis")
    if "scale" in axes and not asked[0].styles:
        raise ConfigError("--xy scale has no effect without --style: give one")
    if options.sheet:
        raise ConfigError("--sheet has no effect with --xy, which draws one labelled picture: leave it out")
    check_out(options, 1)


def _plan_of_grid(plan: Planned, axes: Mapping[str, Sequence[float]], target: Path) -> Planned:
    told = [f"{name} {', '.join(map(spelled, values))}" for name, values in axes.items()]
    rows = [row for row in plan.rows if row[0] not in ("writes", "pictures")]
    return Planned((*rows, ("grid", "; ".join(told)), ("writes", str(target))), plan.notes, plan.warnings)


def _with_settings(options: GenerateOptions, chosen: Mapping[str, float]) -> GenerateOptions:
    """Return the options of one picture of a grid; raises `ConfigError` where a setting is out of range."""
    changes: dict[str, object] = {"xy": (), "overwrite": True, "preview_every": 0}
    changes |= {_OPTIONS[name]: value for name, value in chosen.items() if name in _OPTIONS}
    return validated(GenerateOptions, options.model_dump() | changes, source="--xy")


def _scaled(asked: AskedFor, chosen: Mapping[str, float]) -> list[NamedStyle]:
    """Return the styles, the first at the scale that the grid asks for."""
    styles = load_styles(asked.styles)
    if "scale" not in chosen:
        return styles
    first = styles[0]
    return [NamedStyle(first.path, chosen["scale"], first.style, first.role), *styles[1:]]


def _seeded(asked: AskedFor, chosen: Mapping[str, float]) -> AskedFor:
    seeds = (int(chosen["seed"]),) if "seed" in chosen else asked.seeds
    return AskedFor(asked.prompt, seeds, asked.styles)
