"""Make a negative style picture: what the reference shows, along its edges, without its style.

Guidance away from it (`impasto transfer --negative-style FILE`) cancels what both pictures share and leaves the style
(StyleStudio, arXiv:2412.08503). A Canny ControlNet draws the edges of the reference from words that name no style.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from PIL import Image
from pydantic import Field

from impasto.core.errors import ConfigError
from impasto.core.events import Event
from impasto.core.grammar import with_article
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFile
from impasto.data.edges import CANNY
from impasto.data.images import read_picture
from impasto.features._pocket_subjects import SUBJECTS, SubjectJudge
from impasto.generation.canny_controlnet import Colours, Edges, follow, named_controlnet
from impasto.generation.options import DrawOptions
from impasto.generation.requests import Guides, ImageRequest
from impasto.generation.text_to_image import Guided, Job, draw_job, opened_for, sampling_params_of, seeds_of
from impasto.generation.transfer_options import AUTO
from impasto.image_prompts.reference_squares import fit_note, reference_squares
from impasto.models.source import POCKET, Source, find_base


@grouped(
    first="reference prompt controlnet",
    pictures="reference edges edges_in",
    drawing="prompt controlnet conditioning_scale",
)
class NegativeStyleOptions(DrawOptions):
    """Draw what a reference shows without its style, to steer away from with impasto transfer --negative-style FILE."""

    reference: Path
    """The picture whose style is wanted."""
    prompt: str = ""
    """What the reference shows, without its style: "a lighthouse at the sea"; auto: pocket's own encoders guess."""
    controlnet: FileOrName = ""
    """Canny ControlNet, a folder or hub name; by default the base's own, controlnet/ in its folder."""
    conditioning_scale: float = Field(default=0.5, gt=0, le=2)
    """How strictly the edges are followed."""
    edges: tuple[int, int] = CANNY
    """Lower and upper threshold of the edges."""
    edges_in: Colours = "auto"
    """Where edges are looked for; auto is grey as published ControlNets were trained, and colour on pocket."""
    out: OutputFile = Path("negative.png")
    """The picture to write."""


def negative_style(options: NegativeStyleOptions) -> Generator[Event]:
    """Yield a plan, then one `Generated` for every picture.

    Raises:
        ConfigError: The base has no ControlNet and none is named, or there are no words.
        DataError: The reference cannot be read.
    """
    source = find_base(options.base)
    instead = ", or use impasto transfer --negative-style auto, which needs none"
    controlnet = named_controlnet(options.controlnet, options.base, source, instead)
    picture = read_picture(options.reference)
    prompt, guess = _prompt(options, source, picture.image)
    opened = opened_for(options)
    base = opened.base
    square = reference_squares(picture.image, "pad")[0].resize((base.resolution,) * 2, Image.Resampling.LANCZOS)
    edges = Edges(controlnet, options.conditioning_scale, options.edges, options.edges_in)
    followed = follow(edges, square, base, source, str(options.reference))
    rows = (("reference", str(options.reference)), *followed.rows)
    facts = {"reference": options.reference.name} | followed.facts
    requests = [ImageRequest(prompt, seed) for seed in seeds_of(options)]
    guided = Guided(Guides(hook=followed.hook), rows, [facts] * len(requests))
    notes = tuple(note for note in (*picture.notes, fit_note(picture.image, "pad"), guess) if note)
    params = sampling_params_of(options, base.resolution, base.resolution, 1.0)
    yield from draw_job(Job(options, opened, (), params, notes, guided=guided), requests)


def _prompt(options: NegativeStyleOptions, source: Source, image: Image.Image) -> tuple[str, str]:
    """Return the words to draw, and a note if they were guessed."""
    if not options.prompt:
        raise ConfigError("--prompt is missing: say what the reference shows, without its style")
    if options.prompt != AUTO:
        return options.prompt, ""
    if source.recipe != POCKET:
        raise ConfigError(f"--prompt auto is for pocket, base {options.base} has no towers that could tell: write one")
    words = guessed(image)
    return words, f"pocket's encoders guess {words!r}; they are mostly wrong about unknown styles: check it"


def guessed(image: Image.Image) -> str:
    """Return words for what pocket's own towers see: the likeliest of `SUBJECTS`, with its article."""
    from impasto.features.pocket import PocketFeatures

    return with_article(SUBJECTS[SubjectJudge(PocketFeatures()).found([image])[0]])
