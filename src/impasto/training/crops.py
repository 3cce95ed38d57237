"""How the pictures of a run are cut: middle squares, or aspect-ratio buckets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from impasto.core.errors import ConfigError
from impasto.data.buckets import bucket_sizes, nearest_bucket
from impasto.data.encode import Cuts
from impasto.data.images import PictureFile
from impasto.data.streams import STYLE, kind_of
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.training.configs.data import DataConfig
from impasto.training.plan import side_of

_STEP = 64  # pixels, as SDXL's buckets are; a base with smaller pictures takes an eighth of its side


def cuts_of(
    options: DataConfig, base: LatentDiffusion, pictures: Mapping[str, Sequence[PictureFile]]
) -> dict[str, Cuts]:
    """Return how the pictures of each stream are cut.

    With --buckets every style picture goes to its own bucket, and the other streams, which share batches with it, are
    cut to every bucket that style pictures are in.

    Raises:
        ConfigError: All style pictures are square: buckets would have no effect.
    """
    side = side_of(options, base)
    if not options.buckets:
        return dict.fromkeys(pictures, lambda _: [(side, side)])
    sizes = bucket_sizes(side, bucket_step(base, side))
    shown = [picture for stream, each in pictures.items() if kind_of(stream) == STYLE for picture in each]
    used = sorted({nearest_bucket(picture.height, picture.width, sizes) for picture in shown})
    if used == [(side, side)]:
        raise ConfigError("--buckets has no effect: all style pictures are square, or nearly; leave it out")

    def own(picture: PictureFile) -> list[tuple[int, int]]:
        return [nearest_bucket(picture.height, picture.width, sizes)]

    def all_used(_: PictureFile) -> list[tuple[int, int]]:
        return used

    return {stream: own if kind_of(stream) == STYLE else all_used for stream in pictures}


def bucket_step(base: LatentDiffusion, side: int) -> int:
    """Return what the sides of buckets are multiples of: what the network halves without a rest."""
    halved = base.factor * base.latent_multiple
    return int(max(halved, min(_STEP, side // 8 // halved * halved)))
