"""From the pictures of a run to its examples: auxiliary pictures that the base draws, and encoding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from impasto.core.errors import DataError
from impasto.core.events import Event, Progress
from impasto.data.encode import Cuts, encode_examples
from impasto.data.images import PictureFile, check_picture
from impasto.data.png import write_png
from impasto.data.streams import Example
from impasto.data.wordings import wordings_of
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.methods._protocol import Method
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.model import BaseModel
from impasto.models.source import POCKET
from impasto.registry.recipes import guidance_for
from impasto.training.configs.data import DataConfig
from impasto.training.dataset import Gathered, picture_hashes
from impasto.training.options import TrainOptions
from impasto.training.plan import side_of

_SAMPLE_LOOK_STEPS = 20


def sample_look(options: TrainOptions, base: LatentDiffusion) -> SamplingParams:
    """Return how samples and auxiliary pictures are drawn."""
    side = side_of(options, base)
    kind = POCKET if options.base == POCKET else base.family
    return SamplingParams(_SAMPLE_LOOK_STEPS, guidance_for(kind), side, side)


@dataclass(frozen=True, slots=True)
class GeneratedStream:
    """A stream whose pictures the base draws.

    Attributes:
        stream: Its name.
        place: Which of the drawn streams it is, from 0: no two begin with the same seed.
        folder: Where the pictures go.
    """

    stream: str
    place: int
    folder: Path


def generated_streams(gathered: Gathered, folder: Path) -> list[GeneratedStream]:
    """Return the streams that have a source and no pictures yet, in folders below `folder`."""
    streams = [stream for stream in gathered.source if stream not in gathered.pictures]
    return [GeneratedStream(stream, place, folder.joinpath(*stream.split(":"))) for place, stream in enumerate(streams)]


def draw_aux(
    options: TrainOptions,
    method: Method,
    base: LatentDiffusion,
    drawn: GeneratedStream,
    into: dict[str, tuple[PictureFile, ...]],
) -> Iterator[Event]:
    """Draw the auxiliary pictures of a stream and put them into `into`."""
    words, count = method.prompts()[drawn.stream], options.aux_count()
    requests = [ImageRequest(words, options.seed + drawn.place * count + index) for index in range(count)]
    paths = aux_paths(options, drawn.folder)
    for index, (path, (_, image)) in enumerate(
        zip(paths, draw(base, requests, sample_look(options, base)), strict=True)
    ):
        write_png(path, image)
        yield Progress("drawing auxiliary pictures", index + 1, count)
    into[drawn.stream] = tuple(check_picture(path) for path in paths)


def aux_paths(options: DataConfig, folder: Path) -> list[Path]:
    """Return where the auxiliary pictures of a run are."""
    return [folder / f"{index:03d}.png" for index in range(options.aux_count())]


def drawn_before(options: DataConfig, drawn: GeneratedStream, hashes: object) -> tuple[PictureFile, ...] | None:
    """Return the auxiliary pictures of a run that is resumed, or None if they are not as they were."""
    try:
        found = tuple(check_picture(path) for path in aux_paths(options, drawn.folder))
    except DataError:
        return None
    return found if picture_hashes({drawn.stream: found})[drawn.stream] == hashes else None


@dataclass(frozen=True, slots=True)
class Shown:
    """How the pictures of a run are shown.

    Attributes:
        cuts: What sizes each stream's pictures are cut to.
        captions: Of the pictures that have one, by file.
    """

    cuts: Mapping[str, Cuts]
    captions: Mapping[Path, str]


def encode_streams(
    base: BaseModel,
    options: DataConfig,
    method: Method,
    pictures: Mapping[str, Sequence[PictureFile]],
    how: Shown,
    into: dict[str, list[Example]],
) -> Iterator[Event]:
    """Encode the pictures of every stream, cut and called as `how` says, and put the examples into `into`."""
    copies = 2 if options.flips else 1
    total = sum(copies * len(each) * len(how.cuts[stream](each[0])) for stream, each in pictures.items())
    done = 0
    for stream, each in pictures.items():
        into[stream] = []
        for example in encode_examples(
            base,
            each,
            cuts=how.cuts[stream],
            words=method.prompts()[stream],
            captions=how.captions,
            with_flips=options.flips,
        ):
            wordings = wordings_of(
                example.caption,
                method.prompts()[stream],
                dropout=options.caption_dropout,
                shuffle=options.shuffle_tags,
            )
            into[stream].append(replace(example, wordings=wordings))
            done += 1
            yield Progress("encoding pictures", done, total)
