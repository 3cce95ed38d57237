"""Options of drawing in the style of reference pictures, and what does not go together among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from impasto.core.errors import ConfigError
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName
from impasto.data.images import list_pictures
from impasto.generation.options import StyledOptions
from impasto.generation.requests import EmptyPrompt

PLAIN, AUTO = "plain", "auto"
DEFAULT_CONTROL = "style_studio"
DEFAULT_STRENGTH = 0.6
DEFAULT_CONDITIONING = 0.5
DEFAULT_WITHOUT = 0.5


@grouped(
    first="reference prompt adapter adapter_scale height width",
    pictures="reference fit join mask negative_style start structure height width",
    drawing="prompt adapter encoder adapter_scale without without_scale style_guidance_scale empty_prompt together "
    "reference_prompt inversion_guidance inversion_offset strength controlnet conditioning_scale edges",
)
class TransferOptions(StyledOptions):
    """Draw what the words say in the style of a picture, of several pictures together, or of each in a folder."""

    reference: tuple[FileOrName, ...] = ()
    """The picture, as FILE or FILE:WEIGHT; several make one style together; a folder: every picture is a style."""
    prompt: tuple[str, ...] = Field(min_length=1)
    """What to draw; repeat the flag for several prompts."""
    adapter: FileOrName = ""
    """Image prompt adapter, a .safetensors file or ip-adapter, ip-adapter-vit-h, ip-adapter-plus, ip-adapter-sd15 or
    ip-adapter-plus-sd15 from the hub; by default the base's own, ip_adapter/ in its folder."""
    encoder: FileOrName = ""
    """Image encoder that the adapter was trained with; by default that of the base, or one beside the adapter."""
    adapter_scale: float = Field(default=1.0, gt=0, le=10)
    """Weight of the picture beside the words."""
    fit: Literal["pad", "tile"] = "pad"
    """What happens to references that are no squares: padded by their mirror image, or seen as several squares."""
    join: Literal["mean", "concat"] = "mean"
    """How several references become one style: weighted mean of their tokens, or all of them side by side."""
    mask: tuple[Path, ...] = ()
    """Where each reference applies: a picture of the size to draw, white inside; one flag for each reference."""
    without: str = ""
    """What the reference shows, in words: taken off what the adapter reads of it; for adapters of global features."""
    without_scale: float | None = Field(default=None, gt=0, le=2)
    """With --without: how much of it is taken off, 0.5 by default; InstantStyle's authors use 0.5 to 0.8."""
    negative_style: FileOrName = ""
    """A picture to steer away from, or auto, which makes it from the reference itself (CleanStyle)."""
    style_guidance_scale: float | None = Field(default=None, ge=0)
    """A guidance scale of its own for the style; by default that of the words."""
    empty_prompt: EmptyPrompt = "auto"
    """Without a negative prompt: steer away from the empty prompt encoded, or from what the base was trained with
    (zeros on many SDXL bases); auto: encoded, but base with style_aligned."""
    together: bool = False
    """Without a reference: all prompts in one style, that of the first picture (style_aligned)."""
    reference_prompt: str = ""
    """For style_aligned: what the reference shows, and its style."""
    inversion_guidance: float | None = Field(default=None, ge=1, le=20)
    """For style_aligned: guidance of the reference's inversion by its prompt, 2 by default; 1 for none."""
    inversion_offset: float | None = Field(default=None, ge=0, lt=1)
    """For style_aligned: for which part of the steps the reference waits for the pictures, 0.1 by default."""
    start: Path | None = None
    """Redraw this picture, cut to the size that is drawn."""
    strength: float | None = Field(default=None, gt=0, le=1)
    """With --start: how much is redrawn, 0.6 by default; small values keep the picture."""
    structure: Path | None = None
    """Draw along the edges of this picture, cut to the size that is drawn (Canny ControlNet)."""
    controlnet: FileOrName = ""
    """With --structure: ControlNet, a folder or hub name; by default the base's own, controlnet/ in its folder."""
    conditioning_scale: float | None = Field(default=None, gt=0, le=2)
    """With --structure: how strictly the edges are followed, 0.5 by default."""
    edges: tuple[int, int] | None = None
    """With --structure: lower and upper threshold of the edges, 100 and 200 by default."""
    height: int | None = Field(default=None, ge=8, le=8192)
    """In pixels; by default the base's own size."""
    width: int | None = Field(default=None, ge=8, le=8192)
    """In pixels; by default the base's own size."""


@dataclass(frozen=True, slots=True)
class NamedReference:
    """A reference as the user named it.

    Attributes:
        path: Its file.
        weight: Among several; None when the user gave none.
    """

    path: Path
    weight: float | None


def read_references(options: TransferOptions) -> list[list[NamedReference]]:
    """Return the styles to draw in, each with its pictures: one style, or one for every picture in a folder.

    Raises:
        DataError: There is no such folder, or no picture in it.
        ConfigError: A weight is no number, or folders and pictures are mixed.
    """
    given = [_parsed(each) for each in options.reference]
    folders = [each.path for each in given if each.path.is_dir()]
    if not folders:
        return [given]
    if len(given) > 1 or given[0].weight is not None:
        raise ConfigError(f"reference {folders[0]} is a folder, whose pictures are styles of their own: give it alone")
    return [[NamedReference(path, None)] for path in list_pictures(folders[0], "reference")]


def is_sheet(options: TransferOptions) -> bool:
    """Return whether the references are a folder, so that a sheet is drawn at the end."""
    return len(options.reference) == 1 and Path(options.reference[0]).is_dir()


def num_pictures(options: TransferOptions) -> int:
    """Return how many pictures will be written, a sheet among them."""
    pictures = len(read_references(options)) * len(options.prompt) * options.num_images
    return pictures + is_sheet(options)


def _parsed(given: str) -> NamedReference:
    if Path(given).exists():
        return NamedReference(Path(given), None)
    path, colon, number = given.rpartition(":")
    if not colon or not Path(path).exists():
        return NamedReference(Path(given), None)
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight) or weight < 0:
        raise ConfigError(f"reference {given}: weight {number!r} is no number of at least 0, write FILE or {path}:0.5")
    return NamedReference(Path(path), weight)


def check_shares(options: TransferOptions, adain: float, weights: Sequence[float | None]) -> None:
    """Raise `ConfigError` where the shares of words and style are not between none and all.

    Args:
        options: What the command was given.
        adain: Strength of cross-modal AdaIN, 0 where there is none.
        weights: Of the pictures that make one style; None where the user gave none.
    """
    if len(weights) == 1 and weights[0] is not None and not options.mask:
        raise ConfigError(
            f"weight {weights[0]:g} has no effect on a single reference: weights are shares among several; "
            f"leave it out, or use --adapter-scale {weights[0]:g}"
        )
    heaviest = max((1.0 if each is None or not options.mask else each for each in weights), default=1.0)
    if (share := adain * options.adapter_scale * heaviest) > 1:
        raise ConfigError(
            f"--adain {adain:g} x --adapter-scale {options.adapter_scale:g} x weight {heaviest:g} = {share:g}: "
            "more than all of the words' statistics cannot be replaced; "
            "lower one of them, or use --mix adain_sum or sum"
        )


def check_transfer(options: TransferOptions, control: str, references: int) -> None:
    """Raise `ConfigError` where options contradict each other or have no effect.

    Args:
        options: What the command was given.
        control: Name of the control, or "plain".
        references: How many pictures make one style.
    """
    wrong = _wrong_references(options, references) | _wrong_alone(options)
    wrong |= (
        _wrong_when_aligned(options, references) if control == "style_aligned" else _wrong_elsewhere(options, control)
    )
    for message, is_wrong in wrong.items():
        if is_wrong:
            raise ConfigError(message)


def _wrong_references(options: TransferOptions, references: int) -> dict[str, bool]:
    """Return what does not go with the references, or with there being none."""
    masks, is_joined = len(options.mask), options.join == "concat"
    return {
        "the reference is missing: name a picture, or draw several prompts --together": not (
            options.reference or options.together
        ),
        "--together takes its style from the first picture: leave the reference out, or --together": bool(
            options.reference and options.together
        ),
        f"--mask is given {masks} times for {references} references: give one for each": masks not in {0, references},
        "--mask has no effect on a folder's pictures as styles of their own: leave it out": bool(
            masks and is_sheet(options)
        ),
        "--join concat has no effect with --mask, which keeps references apart: leave it out": bool(
            masks and is_joined
        ),
        "--join concat has no effect with one reference: leave it out": is_joined and references == 1 and not masks,
        f"--out {options.out} is one picture, a folder of references makes a sheet too: name a folder": bool(
            is_sheet(options) and options.is_one_file
        ),
        f"--num-images {options.num_images}: the sheet of a folder shows one seed, leave it out": is_sheet(options)
        and options.num_images > 1,
    }


def _wrong_alone(options: TransferOptions) -> dict[str, bool]:
    """Return what has no effect without another option, or with it."""
    no_structure = options.structure is None
    return {
        "--strength has no effect without --start: leave it out": options.strength is not None and not options.start,
        f"--controlnet {options.controlnet} has no effect without --structure FILE: leave it out": bool(
            options.controlnet and no_structure
        ),
        "--conditioning-scale has no effect without --structure FILE: leave it out": bool(
            options.conditioning_scale and no_structure
        ),
        "--edges has no effect without --structure FILE: leave it out": bool(options.edges and no_structure),
        "--without-scale has no effect without --without WORDS: leave it out": bool(
            options.without_scale and not options.without
        ),
        f"--empty-prompt {options.empty_prompt} has no effect with --negative-prompt: leave one out": bool(
            options.empty_prompt != "auto" and options.negative_prompt is not None
        ),
        "--negative-style has no effect without guidance: give a --guidance-scale above 1": bool(
            options.negative_style and options.guidance_scale <= 1
        ),
    }


def _wrong_elsewhere(options: TransferOptions, control: str) -> dict[str, bool]:
    """Return what is for style_aligned alone."""
    given = _of_inversion(options)
    wrong = {f"{flag} has no effect with {control}: it is for style_aligned": is_on for flag, is_on in given.items()}
    together = f"--together is drawn with style_aligned, not with {control}: leave --control out"
    return wrong | {together: options.together}


def _of_inversion(options: TransferOptions) -> dict[str, bool]:
    """Return, by flag, whether what says how a reference is inverted is given."""
    return {
        "--reference-prompt": bool(options.reference_prompt),
        "--inversion-guidance": options.inversion_guidance is not None,
        "--inversion-offset": options.inversion_offset is not None,
    }


def _wrong_when_aligned(options: TransferOptions, references: int) -> dict[str, bool]:
    """Return what style_aligned, which looks at one picture and has no adapter, cannot use."""
    adapters = {
        "--adapter": options.adapter,
        "--encoder": options.encoder,
        "--mask": options.mask,
        "--without": options.without,
        "--negative-style": options.negative_style,
        "--style-guidance-scale": options.style_guidance_scale is not None,
        "--adapter-scale": options.adapter_scale != 1,
        "--fit": options.fit != "pad",
    }
    wrong = {f"{flag} has no effect with style_aligned: leave it out": bool(given) for flag, given in adapters.items()}
    if options.together:
        return wrong | _wrong_when_together(options)
    one = f"style_aligned looks at one reference, not {references}: give one picture"
    folder = "style_aligned looks at one reference, not at a folder: give one picture"
    return wrong | {one: references != 1, folder: is_sheet(options)}


def _wrong_when_together(options: TransferOptions) -> dict[str, bool]:
    """Return what has no effect without a given reference."""
    given = _of_inversion(options)
    wrong = {f"{flag} has no effect with --together, which has no picture: leave it out": given[flag] for flag in given}
    pictures = len(options.prompt) * options.num_images
    few = "--together draws one picture, which has none to share its style with: give several --prompt"
    return wrong | {few: pictures < 2}
