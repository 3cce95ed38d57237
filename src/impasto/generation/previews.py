"""How pictures will look, while they are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from PIL import Image

from impasto.core.errors import ConfigError
from impasto.core.events import Previewed
from impasto.data.images import to_image
from impasto.data.png import write_png
from impasto.diffusion.sampling import Denoised
from impasto.diffusion.step import Step
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.preview import LatentColours
from impasto.reporting.grids import in_a_row

if TYPE_CHECKING:
    from impasto.generation.requests import ImageRequest, SamplingParams

_NAME = "preview.png"


@dataclass(frozen=True, slots=True)
class Preview:
    """What the pictures of a batch are expected to become.

    Attributes:
        requests: The requests of the batch, in order.
        step: After which step.
        images: One of each request, a pixel for each latent.
    """

    requests: tuple[ImageRequest, ...]
    step: Step
    images: tuple[Image.Image, ...]


@dataclass(frozen=True, slots=True)
class Previews:
    """When previews are made, and how.

    Attributes:
        every: Steps between two; none is made of the last step, whose pictures follow.
        colours: The map from the base's latents to colours.
    """

    every: int
    colours: LatentColours

    def of(self, base: LatentDiffusion, requests: Sequence[ImageRequest], denoised: Denoised) -> Iterator[Preview]:
        """Yield the preview that is due after a step, or nothing."""
        done = denoised.step.index + 1
        if done % self.every == 0 and done < denoised.step.count:
            pictures = self.colours(denoised.x_0(base.process))
            yield Preview(tuple(requests), denoised.step, tuple(to_image(picture) for picture in pictures))


class PreviewFile:
    """`preview.png` beside the pictures. Use as a context manager: what was written goes, however the block ends.

    Args:
        targets: Where the pictures will be written.
    """

    def __init__(self, targets: Sequence[Path]) -> None:
        self._target = targets[0].with_name(_NAME)
        self._is_taken = self._target in targets or self._target.exists()
        self._is_written = False

    def check(self, every: int, params: SamplingParams) -> None:
        """Raise `ConfigError` if previews every so many steps would never be made, or a file is there already."""
        steps = int(params.steps * params.strength)
        if every >= steps:
            raise ConfigError(f"--preview-every {every} has no effect on {steps} steps: give at most {steps - 1}")
        if self._is_taken:
            raise ConfigError(
                f"--preview-every writes {self._target} and removes it at the end, but that is a file of yours: "
                "name another --out, or move it"
            )

    def __enter__(self) -> PreviewFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_written:
            with suppress(OSError):
                self._target.unlink(missing_ok=True)

    def write(self, preview: Preview) -> Previewed:
        """Show all pictures of a preview side by side."""
        self._is_written = True
        write_png(self._target, in_a_row(preview.images))
        return Previewed(self._target, preview.step.index + 1, preview.step.count)
