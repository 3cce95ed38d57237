"""Draw prompts with a base, whatever is attached to it: the core of generate, stylize, samples and the demo."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import groupby

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from impasto.adapters.patch import patched
from impasto.core.finite import require_finite
from impasto.core.rng import generator, noise_for
from impasto.data.images import to_image, to_tensor
from impasto.diffusion.branches import TEXT, UNCONDITIONAL
from impasto.diffusion.sampling import Start, begin, denoise
from impasto.generation.auxiliary_branches import AuxiliaryBranches, Reference, inverted, recorded, teachers
from impasto.generation.denoiser import BranchedDenoiser, BranchInputs, Hook
from impasto.generation.previews import Preview, Previews
from impasto.generation.prompts import Words
from impasto.generation.requests import Guides, ImageRequest, SamplingParams
from impasto.generation.validation import check_draw
from impasto.models.conditioning import Conditioning, Geometry
from impasto.models.control import Control
from impasto.models.controlled import controlled
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.samplers import new_scheduler


def draw(
    base: LatentDiffusion,
    requests: Sequence[ImageRequest],
    params: SamplingParams,
    control: Control | None = None,
    *,
    reference: Reference | None = None,
    hook: Hook | None = None,
) -> Iterator[tuple[ImageRequest, Image.Image]]:
    """Yield (request, picture), in order.

    Args:
        base: Left as it was between any two pictures. What is attached to it stays until the last: words are encoded
            once.
        requests: The pictures that are wanted.
        params: How they are drawn.
        control: See `Guides`, as for what follows.
        reference: A reference of its own for a control that looks at one.
        hook: A ControlNet.

    Raises:
        ConfigError: Requests, parameters and control do not go together; told before anything is drawn.
    """
    for shown in draw_with_previews(base, requests, params, Guides(control, reference, hook)):
        if not isinstance(shown, Preview):
            yield shown


def draw_with_previews(
    base: LatentDiffusion,
    requests: Sequence[ImageRequest],
    params: SamplingParams,
    guides: Guides,
    previews: Previews | None = None,
) -> Generator[tuple[ImageRequest, Image.Image] | Preview]:
    """Yield what `draw` yields and, before the pictures of a batch, previews of them.

    While a caller holds a preview, what the batch needs is installed in the base: close the generator when leaving
    early.
    """
    control, reference = guides.control, guides.reference
    check_draw(base, requests, params, control, reference)
    drawing = _Drawing(base, params, guides, previews)
    shares_first = control is not None and control.needs_reference and reference is None
    leading = list(requests[:1]) if shares_first else []
    is_first = True
    for following in drawing.batches(requests[len(leading) :], max(params.batch - len(leading), 1)):
        chunk = [*leading, *following]
        pictures = yield from drawing.batch(chunk)
        pairs = list(zip(chunk, pictures, strict=True))
        yield from pairs if is_first else pairs[len(leading) :]
        is_first = False


class _Drawing:
    """How the batches of one call are drawn."""

    def __init__(
        self, base: LatentDiffusion, params: SamplingParams, guides: Guides, previews: Previews | None
    ) -> None:
        self._base, self._params, self._previews = base, params, previews
        self._control, self._reference, self._hook = guides.control, guides.reference, guides.hook
        self._changes = guides.changes
        self._words = Words(base, params)
        self._geometry = Geometry.whole(params.height, params.width)
        self._inverted = None if self._reference is None else self._invert(self._reference)

    @torch.no_grad()
    def _invert(self, reference: Reference) -> Tensor:
        base, params = self._base, self._params
        scheduler = new_scheduler(base.pipe.scheduler, params.sampler)
        scheduler.set_timesteps(params.steps, device=base.device)
        told = self._words.even({TEXT: self._words.prompt(reference.prompt), UNCONDITIONAL: self._words.empty()})
        return inverted(base, reference, told[TEXT], told[UNCONDITIONAL], scheduler.timesteps, self._geometry)

    def batches(self, requests: Sequence[ImageRequest], width: int) -> Iterator[list[ImageRequest]]:
        """Yield the requests, at most `width` at once, those together whose words take equally many windows."""
        for _, alike in groupby(requests, self._words.num_windows):
            rest = list(alike)
            for first in range(0, len(rest), width):
                yield rest[first : first + width]

    @torch.no_grad()
    def batch(self, requests: Sequence[ImageRequest]) -> Generator[Preview, None, list[Image.Image]]:
        """Yield previews; returns the pictures of `requests`, drawn at once."""
        base, params, guidance = self._base, self._params, self._params.guidance()
        rngs = [generator(request.seed) for request in requests]
        noise = noise_for(rngs, base.latent_shape(params.height, params.width)).to(base.device, base.dtype)
        scheduler = new_scheduler(base.pipe.scheduler, params.sampler)
        start = begin(scheduler, params.steps, noise, _start_latents(base, requests), params.strength)
        words = self._words.branches(requests)
        beside = self._auxiliary_branches(requests, start, rngs, words)
        images = {TEXT: [each.images for each in requests], UNCONDITIONAL: [each.negative_images for each in requests]}
        inputs = BranchInputs(self._words.even(words | dict(beside.words)), images, beside.rows, self._hook)
        has_images = any(each.is_styled for each in requests)
        is_controlled = self._control is not None or self._hook is not None or has_images
        forward = BranchedDenoiser(base, inputs, self._geometry, is_controlled=is_controlled)
        latents = start.latents
        deciding = controlled(base, self._control or Control()) if is_controlled else nullcontext()
        with patched(base.networks(), [(self._changes, 1.0)]), deciding:
            for denoised in denoise(scheduler, forward, start, guidance=guidance, rngs=rngs, auxiliary=beside.runs):
                latents = denoised.latents
                if self._previews is not None:
                    yield from self._previews.of(base, requests, denoised)
        for request, each in zip(requests, latents, strict=True):
            what = f"the picture of {request.prompt!r} with seed {request.seed}"
            require_finite(
                each, what, "lower the scales of styles and references or the guidance, or try --precision fp32"
            )
        return [to_image(picture) for picture in base.decode(latents)]

    def _auxiliary_branches(
        self,
        requests: Sequence[ImageRequest],
        start: Start,
        rngs: Sequence[torch.Generator],
        words: Mapping[str, Conditioning],
    ) -> AuxiliaryBranches:
        guidance, control = self._params.guidance(), self._control
        if control is not None and control.teacher:
            keys = [_but_for_style(request, self._params) for request in requests]
            return teachers(keys, start.latents, rngs, words, guidance, control.teacher)
        if self._reference is not None and self._inverted is not None:
            words_of = {TEXT: self._words.prompt(self._reference.prompt), UNCONDITIONAL: self._words.nothing()}
            latents = self._inverted[-len(start.timesteps) :]  # a start picture skips the first ones
            return recorded(latents, words_of, guidance, len(requests))
        return AuxiliaryBranches({}, {}, {})


def _but_for_style(request: ImageRequest, params: SamplingParams) -> Hashable:
    words = request.prompt, tuple(sorted(request.per_block.items()))
    return words, params.negative_words(is_styled=request.is_styled), request.seed, id(request.start)


def _start_latents(base: LatentDiffusion, requests: Sequence[ImageRequest]) -> Float[Tensor, "given c h w"] | None:
    starts = [request.start for request in requests if request.start is not None]
    if not starts:
        return None
    mean, _ = base.encode_images(torch.stack([to_tensor(start) for start in starts]))
    return mean.to(base.dtype)
