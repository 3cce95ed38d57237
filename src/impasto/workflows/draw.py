"""Draw prompts with a base, whatever is attached to it: the core of generate, stylize, samples and the demo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from impasto.base.conditioning import Conditioning, Geometry, joined
from impasto.base.latent_diffusion import LatentDiffusion
from impasto.base.samplers import Sampler, new_scheduler
from impasto.core.rng import generator, noise_for
from impasto.data.images import to_image, to_tensor
from impasto.diffusion.sampling import begin, denoise
from impasto.diffusion.step import Step


@dataclass(frozen=True, slots=True)
class Request:
    """One picture that is wanted.

    Attributes:
        prompt: The words.
        seed: Fixes the picture, whatever else is in its batch.
        start: A picture to start from (SDEdit), or None.
        per_block: Other words for single blocks of the UNet, by the block's path.
    """

    prompt: str
    seed: int
    start: Image.Image | None = None
    per_block: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are drawn.

    Attributes:
        steps: Steps of the sampler.
        guidance_scale: Classifier-free guidance.
        height: In pixels.
        width: In pixels.
        negative_prompt: What to steer away from.
        strength: With a start picture: how much of it is redrawn, from 0 (nothing) to 1 (all).
        sampler: Which one.
        batch: Pictures drawn at once; changes speed and memory, not the pictures.
    """

    steps: int
    guidance_scale: float
    height: int
    width: int
    negative_prompt: str | None = None
    strength: float = 1.0
    sampler: Sampler = "dpm++"
    batch: int = 4


def draw(base: LatentDiffusion, requests: Sequence[Request], look: Look) -> Iterator[tuple[Request, Image.Image]]:
    """Yield (request, picture), in order."""
    for first in range(0, len(requests), look.batch):
        chunk = requests[first : first + look.batch]
        pictures = _draw_batch(base, chunk, look)
        yield from zip(chunk, pictures, strict=True)


@torch.no_grad()
def _draw_batch(base: LatentDiffusion, requests: Sequence[Request], look: Look) -> list[Image.Image]:
    rngs = [generator(request.seed) for request in requests]
    shape = base.latent_shape(look.height, look.width)
    noise = noise_for(rngs, shape).to(base.device, base.dtype)
    scheduler = new_scheduler(base.pipe.scheduler, look.sampler)
    start = begin(scheduler, look.steps, noise, _start_latents(base, requests), look.strength)
    words = {
        "unconditional": base.encode_nothing(len(requests), look.negative_prompt),
        "text": _encode(base, requests),
    }
    geometry = [Geometry.whole(look.height, look.width)] * len(requests)

    def predict(x_t: Tensor, step: Step, branches: tuple[str, ...]) -> Mapping[str, Tensor]:
        return _predict_branches(base, x_t, step, {name: words[name] for name in branches}, geometry)

    latents = start.latents
    for denoised in denoise(scheduler, predict, start, guidance_scale=look.guidance_scale, rngs=rngs):
        latents = denoised.latents
    return [to_image(picture) for picture in base.decode(latents)]


def _encode(base: LatentDiffusion, requests: Sequence[Request]) -> Conditioning:
    encoded = base.encode_prompts([request.prompt for request in requests])
    blocks = dict.fromkeys(block for request in requests for block in request.per_block)
    per_block = {
        block: base.encode_prompts([request.per_block.get(block, request.prompt) for request in requests]).states
        for block in blocks
    }
    return replace(encoded, per_block=per_block)


def _start_latents(base: LatentDiffusion, requests: Sequence[Request]) -> Tensor | None:
    starts = [request.start for request in requests if request.start is not None]
    if not starts:
        return None
    mean, _ = base.encode_images(torch.stack([to_tensor(start) for start in starts]))
    return mean.to(base.dtype)


def _predict_branches(
    base: LatentDiffusion,
    x_t: Float[Tensor, "batch c h w"],
    step: Step,
    words: Mapping[str, Conditioning],
    geometry: list[Geometry],
) -> dict[str, Tensor]:
    """Return the prediction of each named branch, all computed in one pass."""
    count, branches = len(x_t), len(words)
    timesteps = torch.full((count * branches,), step.timestep, device=x_t.device)
    if step.timestep.is_integer():
        timesteps = timesteps.long()
    predicted = base.predict(
        x_t.repeat(branches, 1, 1, 1), timesteps, joined(list(words.values())), geometry * branches
    )
    return dict(zip(words, torch.split(predicted, count), strict=True))
