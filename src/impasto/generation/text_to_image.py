"""Draw pictures with styles attached, and write each with a sidecar that says how to get it again."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from impasto.captioning.pocket_vocabulary import unknown_words, vocabulary
from impasto.core.errors import ConfigError
from impasto.core.events import Event, Generated, Planned
from impasto.core.files import is_file, is_folder, refuse_existing, write_text
from impasto.core.paths import FILE_SUFFIXES, without_folders
from impasto.core.versions import library_versions
from impasto.data.images import fit_square, read_picture
from impasto.data.png import write_png
from impasto.generation.draw import draw_with_previews
from impasto.generation.options import DrawOptions, StyledOptions, StylizeOptions
from impasto.generation.previews import Preview, PreviewFile, Previews
from impasto.generation.requests import Guides, ImageRequest, SamplingParams
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.open import notes_on_precision, open_base
from impasto.models.preview import latent_colours
from impasto.models.samplers import check_steps
from impasto.models.source import POCKET
from impasto.style.attach import attached, words_attached
from impasto.style.references import NamedStyle, fit_styles, load_styles, notes_on, with_style_words

SEE_WORDS = "impasto styles --words"
"""The command that lists what pocket knows."""
_WORDS_TOLD = 6


@dataclass(frozen=True, slots=True)
class Opened:
    """A base that is open already.

    Attributes:
        base: The base, loaded.
        styles: What is attached to it for as long as it is used.
    """

    base: LatentDiffusion
    styles: Sequence[NamedStyle] = ()


def opened_for(options: DrawOptions) -> Opened:
    """Return the base that the options name, loaded."""
    return Opened(
        open_base(
            options.base,
            device=options.device,
            precision=options.precision,
            **options.overrides(),
        )
    )


def stylize(options: StylizeOptions, *, opened: Opened | None = None) -> Generator[Event]:
    """Yield a plan, then one `Generated` for every picture: SDEdit, arXiv:2108.01073; see `generate` for `opened`."""
    refuse_no_steps(options.steps, options.strength)
    styles = load_styles(options.style)
    picture = read_picture(options.picture)
    opened = opened or opened_for(options)
    base = opened.base
    start, _ = fit_square(picture.image, base.resolution)
    params = sampling_params_of(options, base.resolution, base.resolution, options.strength)
    wide, high = picture.image.size
    cut = () if wide == high else (f"{options.picture.name} has {wide}x{high} pixels: its middle square is redrawn",)
    job = Job(options, opened, fit_styles(base, styles), params, (*picture.notes, *cut, *notes_on(styles)))
    prompt = with_words(options, options.prompt, job.styles)
    yield from draw_job(job, [ImageRequest(prompt, seed, start) for seed in seeds_of(options)])


def refuse_no_steps(steps: int, strength: float) -> None:
    """Raise `ConfigError` where so little is redrawn that it takes no step: SDEdit takes `int(steps * strength)`."""
    if int(steps * strength) < 1:
        least = math.ceil(100 / steps) / 100
        raise ConfigError(f"--strength {strength} of {steps} steps is none: use at least {least:.2f}")


@dataclass(frozen=True, slots=True)
class Guided:
    """What decides a drawing besides words and styles.

    Attributes:
        guides: Control, reference and ControlNet.
        rows: What the plan says of it.
        facts: What the sidecar of each picture says of it, in the order of the requests.
    """

    guides: Guides = Guides()  # noqa: RUF009 - frozen
    rows: tuple[tuple[str, str], ...] = ()
    facts: Sequence[Mapping[str, object]] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """Pictures to draw and to write.

    Attributes:
        options: What the command was given.
        opened: The base, with what is attached to it already.
        added: Styles that are attached for the job, fitted to the base.
        params: How pictures are drawn.
        notes: What the plan tells the user.
        finish: Changes every picture before it is written, or None.
        guided: Control, reference and ControlNet.
    """

    options: DrawOptions
    opened: Opened
    added: Sequence[NamedStyle]
    params: SamplingParams
    notes: tuple[str, ...] = ()
    finish: Callable[[Image.Image], Image.Image] | None = None
    guided: Guided = Guided()

    @property
    def base(self) -> LatentDiffusion:
        """What draws."""
        return self.opened.base

    @property
    def styles(self) -> Sequence[NamedStyle]:
        """All styles that the pictures are drawn in."""
        return [*self.opened.styles, *self.added]


def sampling_params_of(options: DrawOptions, height: int, width: int, strength: float) -> SamplingParams:
    """Return how to draw, from options and what the command decides."""
    return SamplingParams(
        steps=options.steps,
        guidance_scale=options.guidance_scale,
        height=height,
        width=width,
        negative_prompt=options.negative_prompt,
        strength=strength,
        sampler=options.sampler,
        batch=options.batch,
    )


def seeds_of(options: DrawOptions) -> range:
    """Return the seeds of a prompt's pictures."""
    return range(options.seed, options.seed + options.num_images)


def with_words(options: StyledOptions, prompt: str, styles: Sequence[NamedStyle]) -> str:
    """Return the prompt with the words of the styles, or as it is with --raw-prompt."""
    return prompt if options.raw_prompt else with_style_words(prompt, styles, decompose=options.decompose)


def draw_job(job: Job, requests: Sequence[ImageRequest]) -> Generator[Event]:
    """Yield the plan, then one `Generated` for every picture that was written, with `Previewed` before where asked."""
    job.base.latent_shape(job.params.height, job.params.width)
    check_steps(job.base.pipe.scheduler, job.params.sampler, job.params.steps)
    targets, every = _targets(job.options, requests), job.options.preview_every
    preview_file = PreviewFile(targets)
    if every:
        preview_file.check(every, job.params)
    yield _plan(job, requests)
    if job.options.dry_run:
        return
    previews = Previews(every, latent_colours(job.base)) if every else None
    with attached(job.base, [(named.style, named.scale) for named in job.added]), preview_file:
        drawn = draw_with_previews(job.base, requests, job.params, job.guided.guides, previews)
        yield from _written(job, drawn, targets, preview_file)


def _written(
    job: Job,
    drawn: Generator[tuple[ImageRequest, Image.Image] | Preview],
    targets: Sequence[Path],
    preview_file: PreviewFile,
) -> Generator[Event]:
    """Write what is drawn, each picture with its sidecar; closes `drawn`."""
    identities = [named.identity() for named in job.styles]
    places = zip(targets, job.guided.facts or [{}] * len(targets), strict=True)
    with closing(drawn):
        for shown in drawn:
            if isinstance(shown, Preview):
                yield preview_file.write(shown)
                continue
            (request, image), (target, more) = shown, next(places)
            write_png(target, job.finish(image) if job.finish else image)
            facts = _sidecar(job, request, identities) | dict(more)
            write_text(target.with_suffix(".json"), json.dumps(facts, indent=2) + "\n")
            yield Generated(target, request.prompt, request.seed)


def check_out(options: DrawOptions, count: int) -> None:
    """Raise `ConfigError` unless so many pictures can be written to `--out`."""
    out = options.out
    if options.is_one_file:
        if count > 1:
            raise ConfigError(f"--out {out} is one file, but {count} pictures are asked for: name a folder")
        return
    if is_file(out):
        raise ConfigError(f"--out {out} is a file that does not end in .png: name a folder or a .png file")
    if out.suffix.lower() in FILE_SUFFIXES and not is_folder(out):
        raise ConfigError(f"--out {out} names no PNG, and PNG is written: {out.with_suffix('.png')}, or name a folder")


def _targets(options: DrawOptions, requests: Sequence[ImageRequest]) -> list[Path]:
    """Return a file for every picture, new ones in a folder."""
    check_out(options, len(requests))
    out = options.out
    if options.is_one_file:
        for target in (out, out.with_suffix(".json")):
            refuse_existing(target, "--out", overwrite=options.overwrite)
        return [out]
    taken = [int(path.stem.split("-")[0]) for path in out.glob("*-*.png") if path.stem.split("-")[0].isdecimal()]
    first = max(taken, default=-1) + 1
    return [out / f"{first + index:04d}-seed{request.seed}.png" for index, request in enumerate(requests)]


def _plan(job: Job, requests: Sequence[ImageRequest]) -> Planned:
    params = job.params
    prompts = list(dict.fromkeys(request.prompt for request in requests))
    rows = [("base", job.options.base)]
    rows += [("style", f"{named.label()} x {named.scale:g}") for named in job.styles]
    rows += job.guided.rows
    rows += [("prompt", prompt) for prompt in prompts[:6]]
    if len(prompts) > 6:
        rows.append(("prompt", f"... and {len(prompts) - 6} more"))
    is_guided = params.guidance_scale > 1
    if params.negative_prompt and is_guided:
        rows.append(("negative words", params.negative_prompt))
    rows += [(f"in {block}", words) for block, words in requests[0].per_block.items()]
    rows.append(
        ("pictures", f"{len(requests)} of {params.width}x{params.height}, {params.steps} steps of {params.sampler}")
    )
    style = "" if params.style_guidance_scale is None else f", {params.style_guidance_scale:g} for the style"
    rows.append(("guidance", f"{params.guidance_scale:g}{style}"))
    if params.strength < 1:
        rows.append(("strength", f"{params.strength:g}"))
    rows.append(("writes", str(job.options.out)))
    notes = (
        *job.notes,
        *job.base.notes,
        *(("--negative-prompt has no effect at guidance 1",) if params.negative_prompt and not is_guided else ()),
        *_notes_on_windows(job, requests),
        *_notes_on_unknown_words(job, requests),
        *notes_on_precision(job.options.precision, job.base.device),
    )
    return Planned(tuple(rows), notes)


def _notes_on_windows(job: Job, requests: Sequence[ImageRequest]) -> list[str]:
    """Return one note on the longest prompt, if any is longer than the text encoders read at once."""
    prompts = {prompt for request in requests for prompt in (request.prompt, *request.per_block.values())}
    prompts.add(job.params.negative_prompt or "")
    with words_attached(job.base, [named.style for named in job.styles]):
        parts = [windows for prompt in sorted(prompts) if len(windows := job.base.windows(prompt)) > 1]
    if not parts:
        return []
    most, limit = max(parts, key=len), job.base.token_limit()
    second = " ".join(most[1].split()[:4])
    note = (
        f"{len(parts)} prompts are longer than the {limit} tokens that this base reads at once: read in windows, up to"
    )
    return [f"{note} {len(most)}; the second begins at {second!r}"]


def _notes_on_unknown_words(job: Job, requests: Sequence[ImageRequest]) -> list[str]:
    """Return a note on words that pocket was not taught; other bases know most words."""
    if job.base.recipe != POCKET:
        return []
    taught = vocabulary()
    also = " ".join(named.called() for named in job.styles)
    unknown = {word for request in requests for word in unknown_words(request.prompt, taught, also)}
    if not unknown:
        return []
    told = ", ".join(sorted(unknown)[:_WORDS_TOLD])
    return [f"pocket was not taught these words, and draws something else: {told}; {SEE_WORDS} lists what it knows"]


def _sidecar(job: Job, request: ImageRequest, styles: Sequence[dict[str, str | float | None]]) -> dict[str, object]:
    params = job.params
    blocks = {"prompts_of_blocks": dict(request.per_block)} if request.per_block else {}
    windows = job.base.windows(request.prompt)
    read = {"prompt_windows": windows} if len(windows) > 1 else {}
    return blocks | {
        "prompt": request.prompt,
        **read,
        "negative_prompt": params.negative_prompt,
        "seed": request.seed,
        "base": without_folders(job.options.base),
        "styles": list(styles),
        "steps": params.steps,
        "guidance_scale": params.guidance_scale,
        "sampler": params.sampler,
        "height": params.height,
        "width": params.width,
        "strength": params.strength,
        "versions": library_versions(),
    }
