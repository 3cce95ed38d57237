"""Draw what the words say in the style of reference pictures: adapter, control and styles together, nothing learnt."""

from __future__ import annotations

import textwrap
from collections.abc import Generator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageOps

from impasto.controls.style_studio import StyleStudio
from impasto.core.config import Config
from impasto.core.events import Event, Generated
from impasto.data.edges import CANNY
from impasto.data.images import Picture, read_picture
from impasto.data.png import write_png
from impasto.generation.auxiliary_branches import Reference
from impasto.generation.canny_controlnet import Edges, follow, named_controlnet
from impasto.generation.requests import Guides, ImageRequest, SamplingParams
from impasto.generation.text_to_image import (
    Guided,
    Job,
    Opened,
    draw_job,
    opened_for,
    refuse_no_steps,
    sampling_params_of,
    seeds_of,
    with_words,
)
from impasto.generation.transfer_options import (
    DEFAULT_CONDITIONING,
    DEFAULT_STRENGTH,
    DEFAULT_WITHOUT,
    TransferOptions,
    check_shares,
    check_transfer,
    is_sheet,
    read_references,
)
from impasto.generation.transfer_references import ReadReference, ReferenceStyle, open_adapter, read_all, read_masks
from impasto.image_prompts.image_prompt import ImagePromptAdapter
from impasto.models.control import Control
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.source import find_base
from impasto.reporting.grids import labelled_grid
from impasto.style.attach import attached
from impasto.style.references import NamedStyle, fit_styles, load_styles, notes_on

_CELL, _LABEL = 256, 14


def transfer(options: TransferOptions, control: Control, *, opened: Opened | None = None) -> Generator[Event]:
    """Yield a plan, then one `Generated` for every picture; for a folder of references, its sheet is the last.

    Args:
        options: What to draw, in whose style.
        control: How the style joins the words; `Control()` of `models.control` is the plain weighted sum.
        opened: A base to draw with, in place of opening the one that the options name.

    Raises:
        ConfigError: Options, adapter, encoder and base do not go together.
        DataError: A reference, a mask or the start picture cannot be used.
    """
    groups = read_all(read_references(options))
    check_transfer(options, control.name, len(groups[0]))
    check_shares(options, _adain(control), [each.weight for each in groups[0]])
    styles = load_styles(options.style)
    start = None if options.start is None else read_picture(options.start)
    opened = opened or opened_for(options)
    base = opened.base
    params = _params(options, base)
    fitted = fit_styles(base, styles)
    begin = None if start is None else _covering(start.image, params)
    if options.together:
        job, requests = _together(options, control, opened, (params, fitted))
    elif control.needs_reference:
        job, requests = _aligned(options, control, opened, (params, fitted), groups[0][0])
    else:
        job, requests = _prompted(options, control, opened, (params, fitted), groups)
    if options.structure is not None:
        job = _along(read_picture(options.structure), options, job)
    if start is not None and begin is not None:
        requests = [replace(request, start=begin) for request in requests]
        job = replace(job, notes=(*job.notes, *_notes_on_start(start, params)))
    written: list[Path] = []
    for event in draw_job(job, requests):
        yield event
        if isinstance(event, Generated):
            written.append(event.path)
    if written and is_sheet(options):
        yield Generated(_write_sheet(groups, options.prompt, written), requests[0].prompt, options.seed)


def _params(options: TransferOptions, base: LatentDiffusion) -> SamplingParams:
    strength = 1.0 if options.start is None else options.strength or DEFAULT_STRENGTH
    refuse_no_steps(options.steps, strength)
    made = sampling_params_of(options, options.height or base.resolution, options.width or base.resolution, strength)
    base.latent_shape(made.height, made.width)
    return replace(made, style_guidance_scale=options.style_guidance_scale, empty_prompt=options.empty_prompt)


def _empty_rows(params: SamplingParams, base: LatentDiffusion, *, is_styled: bool) -> tuple[tuple[str, str], ...]:
    """Return what the plan says of the unconditional branch."""
    if params.guidance_scale <= 1 or params.negative_prompt:
        return ()
    is_zeros = params.negative_words(is_styled=is_styled) is None and base.zeros_empty_prompt
    return (("empty prompt", "zeros, as this base was trained" if is_zeros else "encoded"),)


def _adain(control: Control) -> float:
    """Return the share of the words' statistics that `control` replaces by the style's."""
    return control.settings.strength if isinstance(control, StyleStudio) and control.settings.mix == "adain" else 0.0


def _covering(image: Image.Image, params: SamplingParams) -> Image.Image:
    """Return the middle of the picture at the size that is drawn, unstretched."""
    return ImageOps.fit(image, (params.width, params.height), Image.Resampling.LANCZOS)


def _cut_note(picture: Picture, params: SamplingParams) -> tuple[str, ...]:
    is_cut = picture.image.width * params.height != picture.image.height * params.width
    return ("cut to its middle",) if is_cut else ()


def _along(picture: Picture, options: TransferOptions, job: Job) -> Job:
    """Return the job with a ControlNet that follows the edges of `picture`."""
    source = find_base(options.base)
    scale = options.conditioning_scale or DEFAULT_CONDITIONING
    edges = Edges(named_controlnet(options.controlnet, options.base, source), scale, options.edges or CANNY)
    followed = follow(edges, _covering(picture.image, job.params), job.base, source, str(picture.path))
    guided = Guided(
        replace(job.guided.guides, hook=followed.hook),
        (*job.guided.rows, ("structure", str(picture.path)), *followed.rows),
        [{**facts, "structure": picture.path.name, **followed.facts} for facts in job.guided.facts],
    )
    notes = tuple(f"structure: {note}" for note in (*picture.notes, *_cut_note(picture, job.params)))
    return replace(job, guided=guided, notes=(*job.notes, *notes))


def _notes_on_start(start: Picture, params: SamplingParams) -> tuple[str, ...]:
    return tuple(f"start: {note}" for note in (*start.notes, *_cut_note(start, params)))


Prepared: TypeAlias = tuple[SamplingParams, list[NamedStyle]]


def _aligned(
    options: TransferOptions, control: Control, opened: Opened, drawn: Prepared, reference: ReadReference
) -> tuple[Job, list[ImageRequest]]:
    """Return what is drawn beside a reference that the pictures look at by themselves, without an adapter."""
    params, styles = drawn
    called = [*opened.styles, *styles]
    requests = [ImageRequest(prompt, seed) for prompt in _prompts(options, called) for seed in seeds_of(options)]
    picture = reference.picture
    notes = (*picture.notes, *_cut_note(picture, params))
    rows = (("reference", str(picture.path)), *_start_rows(options), *_control_rows(control))
    rows = (*rows, *_empty_rows(params, opened.base, is_styled=False))
    facts: dict[str, object] = {"references": [reference.identity()], "reference_prompt": options.reference_prompt}
    facts["empty_prompt"] = options.empty_prompt
    facts |= _control_facts(control) | _start_facts(options)
    inversion = {"guidance_scale": options.inversion_guidance, "offset": options.inversion_offset}
    stated = {name: value for name, value in inversion.items() if value is not None}
    shown = Reference(_covering(picture.image, params), options.reference_prompt, **stated)
    facts |= {"inversion_guidance": shown.guidance_scale, "inversion_offset": shown.offset}
    rows = (*rows, ("inversion", f"guidance {shown.guidance_scale:g}, offset {shown.offset:g}"))
    guided = Guided(Guides(control, shown), rows, [facts] * len(requests))
    all_notes = (*(f"reference: {note}" for note in notes), *notes_on(called))
    return Job(options, opened, styles, params, all_notes, guided=guided), requests


def _together(
    options: TransferOptions, control: Control, opened: Opened, drawn: Prepared
) -> tuple[Job, list[ImageRequest]]:
    """Return a set in one style: every picture looks at the first, and has a seed of its own."""
    params, styles = drawn
    called = [*opened.styles, *styles]
    prompts = [prompt for prompt in _prompts(options, called) for _ in seeds_of(options)]
    requests = [ImageRequest(prompt, seed) for seed, prompt in enumerate(prompts, options.seed)]
    together = f"{len(requests)} pictures in the style of the first, seeds {options.seed} and up"
    more = (*_start_rows(options), *_control_rows(control), *_empty_rows(params, opened.base, is_styled=False))
    rows = (("together", together), *more)
    leader = {"prompt": requests[0].prompt, "seed": requests[0].seed}
    facts = _control_facts(control) | _start_facts(options) | {"together_with": leader}
    guided = Guided(Guides(control), rows, [facts] * len(requests))
    return Job(options, opened, styles, params, tuple(notes_on(called)), guided=guided), requests


def _prompted(
    options: TransferOptions,
    control: Control,
    opened: Opened,
    drawn: Prepared,
    groups: Sequence[Sequence[ReadReference]],
) -> tuple[Job, list[ImageRequest]]:
    """Return what is drawn with image prompts, each style at all prompts and seeds."""
    params, styles = drawn
    base, called = opened.base, [*opened.styles, *styles]
    masks = read_masks(options, params.height, params.width)
    adapter, path = open_adapter(options, base)
    shown = [ReferenceStyle(base, adapter, group, masks, options, params) for group in groups]
    common = _control_facts(control) | _start_facts(options) | _adapter_facts(options, adapter, path)
    facts_of_groups = [common | {"references": [each.identity() for each in group]} for group in groups]
    requests, facts = [], []
    words_matter = adapter.contents.gates is not None  # and a style may have changed who reads them
    with attached(base, [(s.style, s.scale) for s in styles]) if words_matter else nullcontext():
        for prompt in _prompts(options, called):
            for style, more in zip(shown, facts_of_groups, strict=True):
                each = style.shown(prompt)
                for seed in seeds_of(options):
                    requests.append(ImageRequest(prompt, seed, images=each.images, negative_images=each.negative))
                    facts.append(more)
    rows = (*_reference_rows(options, groups), *_adapter_rows(options, adapter, path))
    rows = (*rows, *_start_rows(options), *_control_rows(control), *_empty_rows(params, base, is_styled=True))
    notes = _reference_notes([each for group in groups for each in group])
    notes += dict.fromkeys(note for group in groups for note in adapter.plan([each.picture.image for each in group]))
    if adapter.contents.gates is not None and isinstance(control, StyleStudio) and control.settings.mix != "sum":
        notes.append("StyleCrafter was published with the teacher alone: --mix sum is closer to it")
    guided = Guided(Guides(control, changes=adapter.contents.changes), rows, facts)
    return Job(options, opened, styles, params, (*notes, *notes_on(called)), guided=guided), requests


def _prompts(options: TransferOptions, styles: Sequence[NamedStyle]) -> list[str]:
    return [with_words(options, prompt, styles) for prompt in options.prompt]


def _settings(control: Control) -> dict[str, object]:
    """Return the settings of a control by the names of their flags."""
    settings: Config | None = getattr(control, "settings", None)
    values = {} if settings is None else settings.model_dump()
    return {control.flags.get(name, name): value for name, value in values.items()}


def _control_facts(control: Control) -> dict[str, object]:
    return {"control": control.name, "control_settings": _settings(control)}


def _start_facts(options: TransferOptions) -> dict[str, object]:
    return {} if options.start is None else {"start": options.start.name}


def _start_rows(options: TransferOptions) -> tuple[tuple[str, str], ...]:
    return () if options.start is None else (("start", str(options.start)),)


def _control_rows(control: Control) -> tuple[tuple[str, str], ...]:
    settings = ", ".join(f"{name} {_spelled(value)}" for name, value in _settings(control).items())
    return (("control", f"{control.name}: {settings}" if settings else control.name),)


def _spelled(value: object) -> str:
    if isinstance(value, tuple):
        return (" to " if isinstance(value[0], float) else "+").join(map(_spelled, value))
    if value is None:
        return "auto"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _reference_rows(options: TransferOptions, groups: Sequence[Sequence[ReadReference]]) -> tuple[tuple[str, str], ...]:
    if is_sheet(options):
        return (("references", f"{len(groups)} in {options.reference[0]}, a style each, seed {options.seed}"),)
    masks = [f", where {mask} is white" for mask in options.mask] or [""] * len(groups[0])
    return tuple(
        ("reference", f"{each.picture.path}{'' if each.weight is None else f' x {each.weight:g}'}{mask}")
        for each, mask in zip(groups[0], masks, strict=True)
    )


def _adapter_facts(options: TransferOptions, adapter: ImagePromptAdapter, path: Path) -> dict[str, object]:
    return {
        "adapter": path.name,
        "encoder": Path(adapter.encoder.name).name,
        "adapter_scale": options.adapter_scale,
        "fit": options.fit,
        "join": options.join,
        "masks": [mask.name for mask in options.mask],
        "without": options.without,
        "without_scale": (options.without_scale or DEFAULT_WITHOUT) if options.without else None,
        "empty_prompt": options.empty_prompt,
        "negative_style": Path(options.negative_style).name,
        "style_guidance_scale": options.style_guidance_scale,
    }


def _adapter_rows(options: TransferOptions, adapter: ImagePromptAdapter, path: Path) -> tuple[tuple[str, str], ...]:
    rows: Mapping[str, str] = {
        "adapter": f"{adapter.contents.title}, {path} x {options.adapter_scale:g}",
        "encoder": adapter.encoder.name,
        "without": f"{options.without} x {options.without_scale or DEFAULT_WITHOUT:g}" if options.without else "",
        "negative": options.negative_style,
    }
    return tuple((what, value) for what, value in rows.items() if value)


def _reference_notes(references: Sequence[ReadReference]) -> list[str]:
    """Return the notes on all references, each under its number and file name where there are several."""
    names = [f"reference {place} ({each.picture.path.name})" for place, each in enumerate(references, 1)]
    called = ["reference"] if len(references) == 1 else names
    return [f"{name}: {note}" for name, each in zip(called, references, strict=True) for note in each.picture.notes]


def _write_sheet(groups: Sequence[Sequence[ReadReference]], prompts: Sequence[str], written: Sequence[Path]) -> Path:
    """Write a sheet beside the pictures: references above, a row for each prompt, all of one seed."""
    pictures = [read_picture(path).image for path in written]
    side = min(_CELL, pictures[0].width)

    def cell(image: Image.Image) -> Image.Image:
        return ImageOps.pad(image, (side, side), Image.Resampling.LANCZOS, color=(250, 247, 242))

    columns = len(groups)
    rows = [("reference", [cell(group[0].picture.image) for group in groups])]
    for index, prompt in enumerate(prompts):
        label = "\n".join(textwrap.wrap(prompt, _LABEL))
        rows.append((label, [cell(image) for image in pictures[index * columns : (index + 1) * columns]]))
    target = written[0].with_name(f"{written[0].stem.split('-')[0]}-sheet.png")
    write_png(target, labelled_grid(rows, columns=columns))
    return target
