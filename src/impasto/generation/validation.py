"""What does not go together is told before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from impasto.core.errors import ConfigError
from impasto.generation.auxiliary_branches import Reference
from impasto.models.control import Control
from impasto.models.controlled import check_image
from impasto.models.latent_diffusion import LatentDiffusion
from impasto.models.samplers import check_steps

if TYPE_CHECKING:
    from impasto.generation.requests import ImageRequest, SamplingParams


def check_draw(
    base: LatentDiffusion,
    requests: Sequence[ImageRequest],
    params: SamplingParams,
    control: Control | None,
    reference: Reference | None,
) -> None:
    """Raise `ConfigError` when requests, look, control and reference do not go together."""
    check_steps(base.pipe.scheduler, params.sampler, params.steps)
    has_images = any(request.images for request in requests)
    if control is not None:
        control.check(base)
        _check_control(control, len(requests), has_images=has_images, has_reference=reference is not None)
    if reference is not None:
        _check_reference(reference, control, params)
    if params.style_guidance_scale is not None and not has_images:
        raise ConfigError(
            f"style_guidance_scale = {params.style_guidance_scale} has no effect: give a style picture, or leave it out"
        )
    _check_images(base, requests)


def _check_control(control: Control, requests: int, *, has_images: bool, has_reference: bool) -> None:
    if control.needs_images and not has_images:
        raise ConfigError("the control has nothing to work on: give a style picture to at least one request")
    if control.needs_reference and not has_reference and requests == 1:
        raise ConfigError("one picture has none to share its style with: give a reference, or several requests")


def _check_reference(reference: Reference, control: Control | None, params: SamplingParams) -> None:
    if control is None or not control.needs_reference:
        raise ConfigError("the reference has no effect: draw with a control that looks at one, such as style_aligned")
    if reference.picture.size != (params.width, params.height):
        wide, high = reference.picture.size
        raise ConfigError(
            f"the reference is {wide}x{high} and {params.width}x{params.height} is drawn: cut or resize it to that size"
        )


def _check_images(base: LatentDiffusion, requests: Sequence[ImageRequest]) -> None:
    images = [image for request in requests for image in (*request.images, *request.negative_images)]
    for image in {(id(each.projections), each.tokens.shape[-1]): each for each in images}.values():
        check_image(image, base)
    for image in images:
        if len(image.tokens) != 1:
            raise ConfigError(
                f"an image prompt has {len(image.tokens)} rows of tokens: a request takes one row of each"
            )
    for request in requests:
        for image, negative in zip(request.images, request.negative_images, strict=False):
            if torch.equal(image.tokens, negative.tokens):
                raise ConfigError(
                    f"the negative style picture of {request.prompt!r} equals its style picture, so guidance would "
                    "cancel the style: give another one"
                )
