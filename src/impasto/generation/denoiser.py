"""One forward pass for all named branches of a batch: the `predict` that the denoising loop asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.diffusion.branches import Branches, side_by_side
from impasto.diffusion.step import Step
from impasto.models.conditioning import Conditioning, Geometry, joined
from impasto.models.forward_context import ForwardContext, Residuals, ShownImages
from impasto.models.image_tokens import ImageTokens, joined_tokens
from impasto.models.latent_diffusion import LatentDiffusion

Hook: TypeAlias = Callable[[Tensor, Tensor, Conditioning, Sequence[Geometry]], Residuals]
"""A ControlNet: maps (x_t, timesteps, conditioning, geometry) of all rows to what is added to the denoiser."""


@dataclass(frozen=True, slots=True)
class BranchInputs:
    """What the branches of a batch are told.

    Attributes:
        words: Encoded prompts by branch.
        images: Style pictures of each row, by branch; branches that are not named see none.
        auxiliary: For each auxiliary branch, which of its rows belongs to each picture.
        hook: A ControlNet, or None.
    """

    words: Mapping[str, Conditioning]
    images: Mapping[str, Sequence[tuple[ImageTokens, ...]]] = field(default_factory=dict)
    auxiliary: Mapping[str, Sequence[int]] = field(default_factory=dict)
    hook: Hook | None = None


@dataclass(frozen=True, slots=True)
class _Layout:
    """A batch with a given set of branches."""

    branches: Branches
    words: Conditioning
    shown: tuple[ShownImages, ...]


class BranchedDenoiser:
    """The network over named branches; what does not change from step to step is put together once."""

    def __init__(self, base: LatentDiffusion, beside: BranchInputs, geometry: Geometry, *, is_controlled: bool) -> None:
        self._base, self._running, self._geometry, self._is_controlled = base, beside, geometry, is_controlled
        self._layouts: dict[tuple[str, ...], _Layout] = {}

    def __call__(self, inputs: Mapping[str, Float[Tensor, "batch c h w"]], step: Step) -> dict[str, Tensor]:
        """Return the prediction of each named branch, all computed in one pass."""
        names = tuple(inputs)
        if names not in self._layouts:
            self._layouts[names] = self._lay_out({name: len(x_t) for name, x_t in inputs.items()})
        layout = self._layouts[names]
        x_t = torch.cat(list(inputs.values()))
        timesteps = torch.full((len(x_t),), step.timestep, device=x_t.device)
        if step.timestep.is_integer():
            timesteps = timesteps.long()
        geometry = [self._geometry] * len(x_t)
        context = None
        if self._is_controlled:
            hook = self._running.hook
            residuals = None if hook is None else hook(x_t, timesteps, layout.words, geometry)
            context = ForwardContext(step, layout.branches, layout.shown, residuals)
        predicted = self._base.predict(x_t, timesteps, layout.words, geometry, context)
        counts = [len(rows) for rows in layout.branches.rows.values()]
        return dict(zip(names, torch.split(predicted, counts), strict=True))

    def _lay_out(self, counts: Mapping[str, int]) -> _Layout:
        branches = side_by_side(counts, self._running.auxiliary, self._base.device)
        nothing: Sequence[tuple[ImageTokens, ...]] = ()
        images = [
            each for name, count in counts.items() for each in (self._running.images.get(name, nothing) or [()] * count)
        ]
        words = joined([self._running.words[name] for name in counts])
        return _Layout(branches, words, grouped(images, self._base.device))


def grouped(images: Sequence[tuple[ImageTokens, ...]], device: torch.device | None = None) -> tuple[ShownImages, ...]:
    """Return the rows that are shown anything, those together that are shown the same kind of thing.

    Args:
        images: What each row is shown; every `ImageTokens` has one row.
        device: Where the rows are.
    """
    groups: list[list[int]] = []
    for row, own in enumerate(images):
        if not own:
            continue
        for group in groups:
            if _alike(images[group[0]], own):
                group.append(row)
                break
        else:
            groups.append([row])
    return tuple(_together(images, group, device) for group in groups)


def _alike(first: Sequence[ImageTokens], second: Sequence[ImageTokens]) -> bool:
    return len(first) == len(second) and all(a.fits(b) for a, b in zip(first, second, strict=True))


def _together(images: Sequence[tuple[ImageTokens, ...]], rows: list[int], device: torch.device | None) -> ShownImages:
    pictures = tuple(joined_tokens([images[row][place] for row in rows]) for place in range(len(images[rows[0]])))
    are_neighbours = rows == list(range(rows[0], rows[-1] + 1))
    where: range | Tensor = range(rows[0], rows[-1] + 1) if are_neighbours else torch.tensor(rows, device=device)
    return ShownImages(where, pictures)
