"""The pictures of a run: gathered from folders, each opened and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from impasto.captioning.fill import fill
from impasto.core.errors import ConfigError
from impasto.data.captions import found_beside
from impasto.data.images import PictureFile, check_picture
from impasto.data.packs import PREFIX
from impasto.data.streams import AUX, STYLE, concepts_of, kind_and_concept, kind_of
from impasto.methods._protocol import Method
from impasto.training.concepts import Asked, picture_paths
from impasto.training.held_out.pictures import divided
from impasto.training.options import TrainOptions

_FEW = 3


@dataclass(frozen=True, slots=True)
class Gathered:
    """The pictures of a run.

    Attributes:
        pictures: The pictures of each stream, without their pixels.
        source: Where each stream comes from, in words.
        notes: What the user should know.
        held_out: Pictures that are never shown, or none.
        captions: Of the pictures that are shown with one, by file.
        caption_source: Where those of a stream come from, in words; streams without any are left out.
        warnings: What will go wrong.
    """

    pictures: Mapping[str, tuple[PictureFile, ...]]
    source: Mapping[str, str]
    notes: tuple[str, ...]
    held_out: tuple[PictureFile, ...] = ()
    captions: Mapping[Path, str] = field(default_factory=dict)
    caption_source: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def gather(options: TrainOptions, method: Method) -> Gathered:
    """Return the pictures of every stream that has a folder; each file is opened and checked.

    A stream whose pictures are to be drawn by the base is left out; so is Aux when there is none.
    """
    streams = method.prompts()
    has_aux = AUX in kinds_of(streams)
    if not has_aux and (options.aux_images is not None or options.aux == "generate"):
        is_dual = "prior_weight" in type(method.settings).model_fields
        why = "--prior-weight 0: leave them out, or raise it" if is_dual else f"{method.name}: leave them out"
        raise ConfigError(f"auxiliary pictures have no effect with {why}")
    folders = [Asked(STYLE, options.style_images, "--style-images", options.concepts_csv)]
    if has_aux and options.aux_images is not None:
        folders.append(Asked(AUX, options.aux_images, "--aux-images"))
    pictures: dict[str, tuple[PictureFile, ...]] = {}
    source: dict[str, str] = {}
    notes: list[str] = []
    for asked in folders:
        found = picture_paths(asked, concepts_of(streams), options.base)
        notes += found.notes
        for stream, paths in found.paths.items():
            pictures[stream] = tuple(check_picture(path) for path in paths)
            source[stream] = asked.label()
            notes += _notes_on(stream, pictures[stream], method.num_pictures)
            if not options.shows_captions(stream):
                notes += _notes_on_unused_captions(stream, paths, asked)
    division = divided(options, pictures, options.seed)
    notes += _notes_on_shared(division.shown)
    if options.aux == "generate":
        source |= _drawn_by_the_base(streams)
    elif has_aux and options.aux_images is None:
        notes.append("no auxiliary pictures (--aux-images DIR or --aux generate): λ = 0, only the style is shown")
    return _with_captions(Gathered(division.shown, source, tuple(notes), division.held_out), options)


def _with_captions(gathered: Gathered, options: TrainOptions) -> Gathered:
    captions: dict[Path, str] = {}
    sources: dict[str, str] = {}
    notes, warnings = [*gathered.notes], []
    for stream, pictures in gathered.pictures.items():
        if not options.shows_captions(stream):
            continue
        found = fill(stream, pictures, options.caption_source, options.base, options.device)
        captions |= found.words
        notes += found.notes
        if found.words:
            sources[stream] = found.source
        if found.warning:
            warnings.append(found.warning)
    if gathered.held_out:  # they are asked for in words, whatever training shows
        found = fill("held out", gathered.held_out, options.caption_source, options.base, options.device)
        captions |= found.words
        notes += found.notes
    return replace(gathered, captions=captions, caption_source=sources, notes=tuple(notes), warnings=tuple(warnings))


def _drawn_by_the_base(streams: Mapping[str, str]) -> dict[str, str]:
    aux = {stream: words for stream, words in streams.items() if kind_of(stream) == AUX}
    return {stream: f"the base itself, drawn with the prompt {words!r}" for stream, words in aux.items()}


def kinds_of(streams: Iterable[str]) -> set[str]:
    """Return which kinds of streams there are: "style", and "aux" or not."""
    return {kind_of(stream) for stream in streams}


def concept_words(method: Method) -> dict[str, str]:
    """Return the words of each part of a divided style; nothing for undivided ones."""
    parts = {kind_and_concept(stream): words for stream, words in method.prompts().items()}
    return {concept: words for (kind, concept), words in parts.items() if kind == STYLE and concept}


def _notes_on(stream: str, pictures: tuple[PictureFile, ...], recommended: tuple[int, int]) -> list[str]:
    notes = [f"{picture.path.name}: {note}" for picture in pictures for note in picture.notes]
    if len(notes) > 4:
        notes = [*notes[:3], f"... and {len(notes) - 3} more such notes"]
    if kind_of(stream) == STYLE and len(pictures) < min(_FEW, recommended[0]):
        notes.append(
            f"only {len(pictures)} style picture(s), the paper uses {recommended[0]}-{recommended[1]}: "
            "expect copies, not a style"
        )
    return notes


def _notes_on_unused_captions(stream: str, paths: list[Path], asked: Asked) -> list[str]:
    if asked.kind != STYLE or asked.given.startswith(PREFIX):  # Aux and packs are meant to be shown so
        return []
    found = sum(found_beside(path) is not None for path in paths)
    told = f"{stream}: {found} of {len(paths)} pictures have a caption that is not shown: --captions shows it"
    return [told] if found else []


def _notes_on_shared(pictures: Mapping[str, tuple[PictureFile, ...]]) -> list[str]:
    """Return a note where the same pictures are to show the style and what the style is not."""
    hashes = picture_hashes(pictures)
    style, aux = (
        {each for stream, found in hashes.items() if kind_of(stream) == kind for each in found} for kind in (STYLE, AUX)
    )
    if not style & aux:
        return []
    shared = f"{len(style & aux)} of {len(aux)} auxiliary pictures are style pictures too"
    return [f"{shared}, so the style works against itself: --aux-images should show other styles, see impasto aux"]


def picture_hashes(gathered: Mapping[str, tuple[PictureFile, ...]]) -> dict[str, list[str]]:
    """Return the SHA-256 of each picture file, shortened, by stream."""
    return {stream: [picture.digest[:16] for picture in pictures] for stream, pictures in gathered.items()}
