"""Draw pictures with styles attached, and write each with a sidecar that says how to get it again."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from impasto.base.latent_diffusion import LatentDiffusion
from impasto.core.errors import ConfigError
from impasto.core.events import Event, Generated, Planned
from impasto.core.files import staged, write_text
from impasto.data.images import fit_square, read_picture
from impasto.style.attach import attached, verify
from impasto.workflows.draw import Look, Request, draw
from impasto.workflows.generate_options import DrawOptions, GenerateOptions, StylizeOptions
from impasto.workflows.open_base import open_base
from impasto.workflows.run_folder import library_versions
from impasto.workflows.styles import NamedStyle, load_styles, with_style_words


def generate(options: GenerateOptions) -> Generator[Event]:
    """Yield a plan, then one `Generated` for every picture."""
    styles = load_styles(options.style)
    base = open_base(options.base, device=options.device, precision=options.precision)
    look = _look(options, options.height or base.resolution, options.width or base.resolution, 1.0)
    yield from _draw_all(_Job(options, base, styles, look), list(options.prompt), None)


def stylize(options: StylizeOptions) -> Generator[Event]:
    """Yield a plan, then one `Generated` for every picture: SDEdit, arXiv:2108.01073."""
    styles = load_styles(options.style)
    picture = read_picture(options.picture)
    base = open_base(options.base, device=options.device, precision=options.precision)
    if int(options.steps * options.strength) < 1:
        raise ConfigError(
            f"--strength {options.strength} of {options.steps} steps is none: use at least {1 / options.steps:.2f}"
        )
    start, _ = fit_square(picture.image, base.resolution)
    look = _look(options, base.resolution, base.resolution, options.strength)
    yield from _draw_all(_Job(options, base, styles, look, picture.notes), [options.prompt], start)


@dataclass(frozen=True, slots=True)
class _Job:
    options: DrawOptions
    base: LatentDiffusion
    styles: Sequence[NamedStyle]
    look: Look
    notes: tuple[str, ...] = ()


def _look(options: DrawOptions, height: int, width: int, strength: float) -> Look:
    return Look(
        steps=options.steps,
        guidance_scale=options.guidance_scale,
        height=height,
        width=width,
        negative_prompt=options.negative_prompt,
        strength=strength,
        sampler=options.sampler,
        batch=options.batch,
    )


def _draw_all(job: _Job, prompts: Sequence[str], start: Image.Image | None) -> Generator[Event]:
    job.base.latent_shape(job.look.height, job.look.width)
    for named in job.styles:
        verify(job.base, named.style, str(named.path))
    styled = prompts if job.options.raw_prompt else [with_style_words(prompt, job.styles) for prompt in prompts]
    seeds = range(job.options.seed, job.options.seed + job.options.num_images)
    requests = [Request(prompt.removeprefix(", "), seed, start) for prompt in styled for seed in seeds]
    targets = _targets(job.options.out, requests)
    yield _plan(job, requests)
    if job.options.dry_run:
        return
    identities = [named.identity() for named in job.styles]
    with attached(job.base, [(named.style, named.scale) for named in job.styles]):
        for target, (request, image) in zip(targets, draw(job.base, requests, job.look), strict=True):
            with staged(target) as staging:
                image.save(staging, format="PNG")
            write_text(target.with_suffix(".json"), json.dumps(_sidecar(job, request, identities), indent=2) + "\n")
            yield Generated(target, request.prompt, request.seed)


def _targets(out: Path, requests: Sequence[Request]) -> list[Path]:
    """Return a new file for every picture; nothing that exists is overwritten, save a single file named by the user."""
    if out.suffix.lower() == ".png":
        if len(requests) > 1:
            raise ConfigError(f"--out {out} is one file, but {len(requests)} pictures are asked for: name a folder")
        return [out]
    if out.is_file():
        raise ConfigError(f"--out {out} is a file that does not end in .png: name a folder or a .png file")
    taken = [int(path.stem.split("-")[0]) for path in out.glob("*-*.png") if path.stem.split("-")[0].isdigit()]
    first = max(taken, default=-1) + 1
    return [out / f"{first + index:04d}-seed{request.seed}.png" for index, request in enumerate(requests)]


def _plan(job: _Job, requests: Sequence[Request]) -> Planned:
    look = job.look
    prompts = list(dict.fromkeys(request.prompt for request in requests))
    rows = [("base", job.options.base)]
    rows += [("style", f"{named.path} x {named.scale:g}") for named in job.styles]
    rows += [("prompt", prompt) for prompt in prompts[:6]]
    if len(prompts) > 6:
        rows.append(("prompt", f"... and {len(prompts) - 6} more"))
    rows.append(("pictures", f"{len(requests)} of {look.width}x{look.height}, {look.steps} steps of {look.sampler}"))
    if look.strength < 1:
        rows.append(("strength", f"{look.strength:g}"))
    rows.append(("writes", str(job.options.out)))
    return Planned(tuple(rows), job.notes)


def _sidecar(job: _Job, request: Request, styles: Sequence[dict[str, str | float]]) -> dict[str, object]:
    look = job.look
    return {
        "prompt": request.prompt,
        "negative_prompt": look.negative_prompt,
        "seed": request.seed,
        "base": Path(job.options.base).name if Path(job.options.base).exists() else job.options.base,
        "styles": list(styles),
        "steps": look.steps,
        "guidance_scale": look.guidance_scale,
        "sampler": look.sampler,
        "height": look.height,
        "width": look.width,
        "strength": look.strength,
        "versions": library_versions(),
    }
