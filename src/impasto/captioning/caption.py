"""Write captions beside pictures that have none."""

from __future__ import annotations

from collections.abc import Generator

from impasto.captioning.captioner import Caption
from impasto.captioning.fill import from_names
from impasto.captioning.find_captioner import AUTO, needed_captioner
from impasto.captioning.options import CaptionOptions
from impasto.core.events import Event, Generated, Noted, Planned
from impasto.core.files import write_text
from impasto.data.captions import caption_file, caption_of
from impasto.data.images import PictureFile, check_picture, list_pictures
from impasto.models.open import choose_device


def caption(options: CaptionOptions) -> Generator[Event]:
    """Yield what will be written, then one `Generated` for each caption; the least sure first.

    Raises:
        ConfigError: Names say nothing, and there is no captioner.
        DataError: There is no picture, or a caption cannot be read.
    """
    found = [check_picture(path) for path in dict.fromkeys(list_pictures(options.source, "DIR"))]
    left = [picture for picture in found if caption_of(picture.path) is None]
    if not left:
        yield Noted(f"all {len(found)} pictures have a caption: nothing is written")
        return
    written, by = _words_for(left, options)
    order = sorted(written, key=lambda each: (written[each].sureness or 0.0, each.path.name))
    rows = [(each.path.name, _shown(written[each])) for each in order]
    notes = [f"{len(found) - len(left)} pictures have a caption, which stays"] if len(left) < len(found) else []
    missing = [each.path.name for each in left if each not in written]
    if missing:
        notes.append(
            f"the names of {len(missing)} pictures say nothing, so nothing is written: {', '.join(missing[:3])}"
        )
    yield Planned((("captions", by), *rows), tuple(notes))
    for each in () if options.dry_run else order:
        target = caption_file(each.path)
        write_text(target, written[each].words + "\n")
        yield Generated(target, written[each].words, 0)


def _words_for(pictures: list[PictureFile], options: CaptionOptions) -> tuple[dict[PictureFile, Caption], str]:
    """Return a caption for each picture that gets one, and where they come from."""
    if options.captioner == AUTO:
        named = from_names(pictures, options.base)
        if 2 * len(named) >= len(pictures):
            return {each: Caption(named[each.path]) for each in pictures if each.path in named}, "from file names"
    captioner = needed_captioner(options.base, choose_device(options.device), options.captioner)
    return {each: captioner.describe([each.read()])[0] for each in pictures}, f"by {captioner.name}, least sure first"


def _shown(caption: Caption) -> str:
    return caption.words if caption.sureness is None else f"{caption.words}  ({caption.sureness:.0%} sure)"
