"""Words for pictures that have no caption of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impasto.captioning.captioner import Caption
from impasto.captioning.file_names import words_of
from impasto.captioning.find_captioner import find_captioner
from impasto.captioning.known_words import knows_words
from impasto.captioning.shared_background import without_shared_background
from impasto.captioning.source import CaptionSource
from impasto.core.shell import command
from impasto.data.captions import caption_of
from impasto.data.images import PictureFile
from impasto.models.open import choose_device
from impasto.models.source import POCKET

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Filled:
    """Words for the pictures of a stream.

    Attributes:
        words: By picture file; pictures without any are left out.
        source: How a plan calls where they come from.
        notes: What the user should know.
        warning: What will go wrong without words, and the ways out; or empty.
    """

    words: dict[Path, str] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()
    warning: str = ""


def fill(stream: str, pictures: Sequence[PictureFile], asked: CaptionSource, base: str, device: str) -> Filled:
    """Return a caption for each picture: the one beside it, else from its name, else written by a captioner.

    Names are taken where half of the pictures without a file have one that says something.

    Args:
        stream: Whose pictures they are, for notes.
        pictures: Checked.
        asked: Where words may come from.
        base: As the user named it.
        device: For a captioner.
    """
    given = {each.path: words for each in pictures if (words := caption_of(each.path))}
    left = [each for each in pictures if each.path not in given]
    if not left:
        return Filled(given, "from .txt files")
    if given:
        told = (
            f"{stream}: {len(given)} of {len(pictures)} pictures have a caption; the others get the style words alone"
        )
        return Filled(given, "from .txt files", (told,))
    if asked in ("auto", "names"):
        named = from_names(left, base)
        if 2 * len(named) >= len(left):
            return _suggested(stream, named, "from file names", "taken from file names", len(left))
    if asked in ("auto", "base"):
        written = _written(left, base, device)
        if written is not None:
            captions, who, doubtful = written
            how = f"written by {who}"
            return _suggested(stream, captions, how, how, len(left), doubtful)
    return Filled(warning=_warning(stream, left[0].path.parent))


def _suggested(stream: str, captions: dict[Path, str], source: str, how: str, count: int, doubtful: str = "") -> Filled:
    words, shared = without_shared_background(captions)
    notes = [_told(stream, how, words, count) + doubtful]
    if shared:
        notes.append(
            f"{stream}: all of these pictures are {shared}, so it belongs to the style and captions leave it out: "
            "prompts that name no background get it"
        )
    return Filled(words, source, tuple(notes))


def from_names(pictures: Sequence[PictureFile], base: str) -> dict[Path, str]:
    """Return captions for the pictures whose names say something that the base knows, by file."""
    fits = knows_words(base)
    named = {each: words for each in pictures if (words := words_of(each.path.stem, fits))}
    if base != POCKET:
        return {each.path: words for each, words in named.items()}
    from impasto.captioning.pocket_captioner import on_background

    return {each.path: on_background(words, each.read()) for each, words in named.items()}


def _written(pictures: Sequence[PictureFile], base: str, device: str) -> tuple[dict[Path, str], str, str] | None:
    captioner = find_captioner(base, choose_device(device))
    if captioner is None:
        return None
    captions: dict[Path, Caption] = {each.path: captioner.describe([each.read()])[0] for each in pictures}
    rated = sorted((each.sureness, path.name) for path, each in captions.items() if each.sureness is not None)
    unsure = f"; least sure: {', '.join(name for _, name in rated[:_SHOWN])}" if rated else ""
    writing = command("impasto", "caption", pictures[0].path.parent)
    doubtful = f"{unsure}; {writing} writes them down to be corrected"
    return {path: each.words for path, each in captions.items()}, captioner.name, doubtful


def _told(stream: str, how: str, words: dict[Path, str], count: int) -> str:
    shown = ", ".join(f"{path.name} {text!r}" for path, text in list(words.items())[:_SHOWN])
    more = "" if len(words) <= _SHOWN else ", ..."
    return f"{stream}: captions of {len(words)} of {count} pictures are {how}: {shown}{more}"


def _warning(stream: str, folder: Path) -> str:
    writing = command("impasto", "caption", folder)
    return (
        f"none of the pictures of {stream} has a caption: the style will swallow what the pictures show, and "
        f"prompts will lose their subjects. Two ways out: {writing}, or name the files after what they "
        "show, such as red-fox.png"
    )
