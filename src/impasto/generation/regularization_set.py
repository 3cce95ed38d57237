"""Make a folder of auxiliary pictures: taken from a folder or a shipped pack, or drawn by the base."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image
from pydantic import Field, model_validator

from impasto.core.errors import ConfigError, DataError, ResourceError
from impasto.core.events import Event, Generated, Planned, Progress
from impasto.core.option_groups import grouped
from impasto.core.paths import FileOrName, OutputFolder, without_folders
from impasto.data.captions import caption_of
from impasto.data.duplicates import THRESHOLD, distinct, small_copy
from impasto.data.images import read_picture
from impasto.data.packs import PREFIX, pictures_of
from impasto.generation.draw import draw
from impasto.generation.requests import ImageRequest, SamplingParams
from impasto.models.checks.base_facts import BaseFacts
from impasto.models.open import open_base
from impasto.models.source import POCKET

_TRIES = 3
"""How many pictures are drawn at most, as a multiple of those that are wanted."""
_PORTRAITS = (
    *("portrait of a young woman, digital painting", "portrait of an old man, digital painting"),
    *("illustration of a person, digital painting", "full body illustration of a man, digital painting"),
    *("portrait of a girl, digital painting", "illustration of a woman with her hands raised, digital painting"),
    *("portrait of a boy, digital painting", "illustration of two people, digital painting"),
)
_PORTRAITS_OF_POCKET = (
    *("a woman on a white background", "an old man on a beige background", "a girl on a blue background"),
    *("a man on a yellow background", "a boy on a white background", "a police officer on a green background"),
    *("a princess on a pink background", "an old woman on a white background"),
)


@grouped(
    pictures="images num threshold",
    drawing="prompt base steps guidance_scale seed prediction zero_snr vae",
    machine="device",
    run="out",
)
class AuxOptions(BaseFacts):
    """Make a set of auxiliary pictures (Aux), which keep the word "style" from drifting.

    What the StyleForge paper found best for realism, Midjourney-like pictures and anime: portraits of people in digital
    painting, about 20, because people are where failures show. Pictures that the base draws for the word "style" alone
    are a worse choice: Stable Diffusion takes it for fashion and draws clothes, which pulls what is learnt the wrong
    way. So without --images, the base draws portraits.
    """

    out: OutputFolder
    """The folder to make; it must not exist yet."""
    images: FileOrName | None = None
    """Take pictures from this folder, or pack:NAME for the auxiliary pictures of a shipped pack."""
    prompt: tuple[str, ...] = ()
    """Without --images: what the base draws, in turn; repeat the flag. By default portraits of people."""
    num: int | None = Field(default=None, ge=1, le=10_000)
    """How many pictures; 20 drawn ones unless given, or all of a folder."""
    threshold: float = Field(default=THRESHOLD, ge=0, le=1)
    """Two pictures count as one when their copies of 16 x 16 pixels differ by less (root mean square, 0 to 1)."""
    base: FileOrName = POCKET
    """Without --images: pocket, a diffusers folder, a .safetensors checkpoint, or a hub name."""
    steps: int = Field(default=30, ge=1, le=1000)
    """Without --images: steps of the sampler."""
    guidance_scale: float = Field(default=7.0, ge=1)
    """Without --images: how strictly to follow the words."""
    seed: int = Field(default=0, ge=0, le=2**62)
    """Without --images: picture i is drawn with seed SEED + i."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""

    @model_validator(mode="after")
    def _options_have_an_effect(self) -> AuxOptions:
        drawing = {"prompt", "base", "steps", "guidance_scale", "seed", "device"} | set(BaseFacts.model_fields)
        given = [name for name in sorted(drawing) if getattr(self, name) != type(self).model_fields[name].default]
        if self.images is not None and given:
            raise ValueError(f"{given[0]} has no effect with --images, which draws nothing: leave one of them out")
        return self


def make_aux(options: AuxOptions) -> Generator[Event]:
    """Yield the plan and progress, then one `Generated` for the folder.

    Raises:
        ConfigError: The folder exists already.
        DataError: Too few pictures differ from each other.
    """
    if options.out.exists():
        raise ConfigError(f"--out {options.out} exists already: choose another folder, or remove that one")
    found: list[tuple[Image.Image | Path, str | None]] = []
    if options.images is not None:
        looked_at = yield from _taken(options, found)
    else:
        looked_at = yield from _drawn(options, found)
    _write(options, found, looked_at)
    yield Generated(options.out, "", 0)


def _taken(options: AuxOptions, found: list[tuple[Image.Image | Path, str | None]]) -> Generator[Event, None, int]:
    paths = pictures_of(str(options.images), "aux", "--images")
    small: list[Image.Image] = []
    for index, path in enumerate(paths):
        small.append(small_copy(read_picture(path).image))
        yield Progress("reading pictures", index + 1, len(paths))
    kept = distinct(small, options.threshold)
    if len(kept) < (options.num or 1):
        raise DataError(
            f"--images {options.images} holds {len(kept)} pictures that differ by --threshold {options.threshold:g}, "
            f"--num {options.num} are wanted: add pictures, or ask for fewer"
        )
    found += [(paths[index], caption_of(paths[index])) for index in kept[: options.num]]
    return len(paths)


def _drawn(options: AuxOptions, into: list[tuple[Image.Image | Path, str | None]]) -> Generator[Event, None, int]:
    base = open_base(options.base, device=options.device, **options.overrides())
    prompts = options.prompt or (_PORTRAITS_OF_POCKET if options.base == POCKET else _PORTRAITS)
    wanted = options.num or 20
    yield Planned((("base", options.base), *(("prompt", each) for each in prompts), ("pictures", str(wanted))))
    params = SamplingParams(options.steps, options.guidance_scale, base.resolution, base.resolution)
    requests = [ImageRequest(prompts[i % len(prompts)], options.seed + i) for i in range(_TRIES * wanted)]
    done = 0
    found: list[tuple[Image.Image, str | None]] = []
    for first in range(0, len(requests), params.batch):
        for request, image in draw(base, requests[first : first + params.batch], params):
            found.append((image, request.prompt))
            done += 1
        kept = distinct([image for image, _ in found], options.threshold)
        found[:] = [found[index] for index in kept][:wanted]
        yield Progress("drawing auxiliary pictures", len(found), wanted)
        if len(found) == wanted:
            into += found
            return done
    raise DataError(
        f"only {len(found)} of {done} drawn pictures differ by --threshold {options.threshold:g}, {wanted} are wanted: "
        "give more kinds of --prompt, ask for fewer with --num, or lower --threshold"
    )


def _write(options: AuxOptions, found: Sequence[tuple[Image.Image | Path, str | None]], looked_at: int) -> None:
    """Fill a folder beside the target, then rename it: a failure leaves nothing behind."""
    staging = options.out.with_name(f".{options.out.name}.part")
    try:
        shutil.rmtree(staging, ignore_errors=True)  # of a process that was killed
        staging.mkdir(parents=True)
        for index, (given, caption) in enumerate(found):
            image = read_picture(given).image if isinstance(given, Path) else given  # one after the other
            image.save(staging / f"{index:03d}.png", format="PNG")
            if caption:
                (staging / f"{index:03d}.txt").write_text(f"{caption}\n", "utf-8")
        (staging / "aux.json").write_text(json.dumps(_facts(options, len(found), looked_at), indent=2) + "\n", "utf-8")
        staging.replace(options.out)
    except OSError as error:
        raise ResourceError(f"cannot write {options.out}: {(error.strerror or str(error)).lower()}") from error
    finally:
        with suppress(OSError):
            shutil.rmtree(staging)


def _facts(options: AuxOptions, kept: int, looked_at: int) -> dict[str, object]:
    facts: dict[str, object] = {"pictures": kept, "looked_at": looked_at, "threshold": options.threshold}
    if options.images is not None:
        is_pack = options.images.startswith(PREFIX)
        return facts | {"source": options.images if is_pack else Path(options.images).name}
    drawing: dict[str, object] = {
        "steps": options.steps,
        "guidance_scale": options.guidance_scale,
        "seed": options.seed,
    }
    return facts | {"source": f"drawn by {without_folders(options.base)}"} | drawing
