"""Mix content and style of B-LoRA files: the applications of arXiv:2403.14572, Sec. 4.3, and blends between styles."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from impasto.core.errors import ConfigError
from impasto.core.events import Event, Generated, Planned
from impasto.data.captions import styled_prompt
from impasto.data.colour import match_colours
from impasto.data.images import read_picture
from impasto.data.png import write_png
from impasto.generation.mix_options import MixOptions, check_parts
from impasto.generation.requests import ImageRequest
from impasto.generation.text_to_image import Job, Opened, draw_job, opened_for, sampling_params_of, seeds_of
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.roles import Roles, blocks_of
from impasto.reporting.grids import in_a_row
from impasto.style.references import NamedStyle, fit_styles, load_styles, notes_on

CONTENT, STYLE = "content", "style"


def mix(options: MixOptions, *, opened: Opened | None = None) -> Generator[Event]:
    """Yield a plan, then one `Generated` for every picture; with `strip`, the strip is the last."""
    check_parts(options)
    contents, styles = load_roles(options.content, CONTENT), load_roles(options.style, STYLE)
    finish = partial(match_colours, source=read_picture(options.colour_of).image) if options.colour_of else None
    opened = opened or opened_for(options)
    base = opened.base
    params = sampling_params_of(options, options.height or base.resolution, options.width or base.resolution, 1.0)
    notes = tuple(notes_on([*contents, *styles]))
    requests = requests_of(options, base, contents, styles)
    if options.strip is None:
        attached = scaled(fit_styles(base, [*contents, *_own_colours(contents, options.keep_colour), *styles]), options)
        yield from draw_job(Job(options, opened, attached, params, notes, finish), requests)
        return
    panels: list[Path] = []
    for index in range(options.strip):
        blend = blended(styles, index / (options.strip - 1))
        attached = scaled(fit_styles(base, [*contents, *_own_colours(contents, options.keep_colour), *blend]), options)
        for event in draw_job(Job(options, opened, attached, params, notes, finish), requests[:1]):
            if isinstance(event, Generated):
                panels.append(event.path)
            if index == 0 or not isinstance(event, Planned):  # one plan is enough
                yield event
    if panels:
        yield Generated(_write_strip(panels), requests[0].prompt, requests[0].seed)


def load_roles(given: Sequence[str], role: str) -> list[NamedStyle]:
    """Return the files as styles of which `role` is used, where the user named no other."""
    return [replace(named, role=named.role or role) for named in load_styles(given)]


def requests_of(
    options: MixOptions, base: LatentDiffusion, contents: Sequence[NamedStyle], styles: Sequence[NamedStyle]
) -> list[ImageRequest]:
    """Return one request for every seed, with the content block's own words where that is asked for."""
    are_needed = not options.prompt or options.prompts_per_role
    content = " and ".join(dict.fromkeys(_content_words(named) for named in contents)) if are_needed else ""
    prompt = options.prompt or _prompt(content or options.subject, options.words, styles)
    per_block: Mapping[str, str] = {}
    if options.prompts_per_role:
        if prompt == content:
            raise ConfigError(
                f"--prompts-per-role has no effect: {content!r} is the whole prompt; add --words or --style, or leave "
                "it out"
            )
        roles: Roles = contents[0].style.card.roles or base.roles
        blocks = blocks_of(roles, [CONTENT], base.denoiser)[CONTENT]
        per_block = dict.fromkeys(blocks, content)
    return [ImageRequest(prompt, seed, per_block=per_block) for seed in seeds_of(options)]


def _prompt(head: str, words: str, styles: Sequence[NamedStyle]) -> str:
    prompt = f"{head} {words}".strip()
    for style_words in dict.fromkeys(named.words() for named in styles if named.words()):
        prompt = styled_prompt(prompt, style_words)
    return prompt


def _content_words(named: NamedStyle) -> str:
    card = named.style.card
    if card.content_words:
        return card.content_words
    if card.fingerprint is None:
        why = "was made by another tool and does not tell the words of its content: give the whole --prompt"
    elif card.roles:
        why = f"has nothing for the role 'content' (it has: {', '.join(card.roles)}): use a file that has"
    else:
        why = (
            f"was trained with {card.method}, which learns no content: use a file trained with impasto train b-lora, "
            "or give the whole --prompt"
        )
    raise ConfigError(f"--content {named.path} {why}")


def _own_colours(contents: Sequence[NamedStyle], keep: float) -> list[NamedStyle]:
    """Return the content files' own style blocks: colours belong to style, but identity may need them (Sec. 5)."""
    return [replace(named, role=STYLE, scale=keep) for named in contents] if keep else []


def blended(styles: Sequence[NamedStyle], towards: float) -> list[NamedStyle]:
    """Return two styles with weights from (1, 0) at `towards` = 0 to (0, 1) at 1, times their own scales."""
    first, second = styles
    return [replace(first, scale=first.scale * (1 - towards)), replace(second, scale=second.scale * towards)]


def scaled(styles: Sequence[NamedStyle], options: MixOptions) -> list[NamedStyle]:
    """Return the styles with scales read as asked: linear, or squared as the official script does."""
    if not options.reference_scale:
        return list(styles)
    return [replace(named, scale=named.scale**2) for named in styles]


def _write_strip(panels: Sequence[Path]) -> Path:
    target = panels[0].with_name(f"{panels[0].stem}-strip.png")
    write_png(target, in_a_row([read_picture(path).image for path in panels]))
    return target
