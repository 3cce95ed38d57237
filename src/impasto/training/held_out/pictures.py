"""Held-out pictures: found in a folder or taken from the style pictures, and never those that training shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from impasto.core.errors import DataError
from impasto.core.rng import generator
from impasto.data.duplicates import THRESHOLD, copies_of, differences
from impasto.data.images import PictureFile, check_picture
from impasto.data.packs import pictures_of
from impasto.data.streams import STYLE, kind_of
from impasto.training.configs.keeping import FEWEST_HELD_OUT, KeepingConfig

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Divided:
    """Pictures of a run.

    Attributes:
        shown: What training shows, by stream.
        held_out: What it never shows; none where nothing is measured.
    """

    shown: dict[str, tuple[PictureFile, ...]]
    held_out: tuple[PictureFile, ...]


def divided(options: KeepingConfig, pictures: Mapping[str, tuple[PictureFile, ...]], seed: int) -> Divided:
    """Return the pictures that training shows and those that are held out.

    Args:
        options: Whether and how pictures are held out.
        pictures: Of all streams.
        seed: Decides which style pictures are taken.

    Raises:
        DataError: There are too few, or training would show a held-out picture, or nearly the same one.
    """
    shown = dict(pictures)
    if options.held_out is not None:
        paths = pictures_of(options.held_out, "reference", "--held-out")
        held_out = tuple(check_picture(path) for path in paths)
        if len(held_out) < FEWEST_HELD_OUT:
            raise DataError(
                f"--held-out {options.held_out} holds {len(held_out)} pictures: at least {FEWEST_HELD_OUT} are needed, "
                "eight or more are better"
            )
    elif options.hold_out is not None:
        held_out = _taken(options.hold_out, shown, seed)
    else:
        return Divided(shown, ())
    _refuse_shown(held_out, [each for part in shown.values() for each in part])
    return Divided(shown, held_out)


def _taken(count: int, shown: dict[str, tuple[PictureFile, ...]], seed: int) -> tuple[PictureFile, ...]:
    """Take pictures from the style's streams, in turn; `shown` loses them."""
    streams = [stream for stream in shown if kind_of(stream) == STYLE]
    most = sum(len(shown[stream]) for stream in streams) - len(streams)
    if count > most:
        raise DataError(
            f"--hold-out {count} leaves too few style pictures to learn from: at most {most} of them can be held out"
        )
    rng = generator(seed)
    left = {stream: torch.randperm(len(shown[stream]), generator=rng).tolist() for stream in streams}
    chosen: list[PictureFile] = []
    while len(chosen) < count:
        stream = max(streams, key=lambda each: len(left[each]))
        chosen.append(shown[stream][left[stream].pop()])
    for stream in streams:
        shown[stream] = tuple(shown[stream][index] for index in sorted(left[stream]))
    return tuple(chosen)


def _refuse_shown(held_out: Sequence[PictureFile], shown: Sequence[PictureFile]) -> None:
    """Raise `DataError` where a held-out picture is a training picture too, byte for byte or nearly."""
    by_digest = {each.digest: each for each in shown}
    found = [(each, by_digest[each.digest]) for each in held_out if each.digest in by_digest]
    if not found:
        copies = [copies_of(each.read() for each in pictures) for pictures in (held_out, shown)]
        near = (differences(*copies) < THRESHOLD).nonzero().tolist()
        found = [(held_out[row], shown[column]) for row, column in near]
    if found:
        names = ", ".join(f"{each.path.name} is {other.path.name}" for each, other in found[:_NAMED])
        more = f" and {len(found) - _NAMED} more" if found[_NAMED:] else ""
        raise DataError(
            f"training shows held-out pictures, or nearly the same ones ({names}{more}): take them out of one of the "
            "two, or the step that copies best would be kept"
        )
