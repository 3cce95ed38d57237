"""What runs beside the pictures of a batch: teachers, and a reference that was inverted."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from impasto.core.errors import ConfigError
from impasto.data.images import to_tensor
from impasto.diffusion.branches import REFERENCE, TEACHER, auxiliary_branch
from impasto.diffusion.guidance import Guidance, classifier_free
from impasto.diffusion.inversion import invert
from impasto.diffusion.noise_process import VariancePreserving
from impasto.diffusion.sampling import AuxiliaryBranch, Recorded
from impasto.models.conditioning import Conditioning, Geometry, joined
from impasto.models.latent_diffusion import LatentDiffusion


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture whose style others are to share.

    Attributes:
        picture: A picture of the size that is drawn.
        prompt: What it shows, with its style: "a lighthouse, oil painting".
        guidance_scale: Classifier-free guidance of its inversion; 1 for none.
        offset: Part of the steps, from 0 to 1, for which the reference waits for the pictures: it begins with the
            latents that this part leads to, as StyleAligned does with 5 of 50.
    """

    picture: Image.Image
    prompt: str
    guidance_scale: float = 2.0
    offset: float = 0.1


@dataclass(frozen=True, slots=True)
class AuxiliaryBranches:
    """Auxiliary branches of a batch, and what their branches are told.

    Attributes:
        runs: For the loop, by name.
        words: Encoded prompts of their branches.
        rows: For each auxiliary branch, which of its rows belongs to each picture.
    """

    runs: Mapping[str, AuxiliaryBranch | Recorded]
    words: Mapping[str, Conditioning]
    rows: Mapping[str, Sequence[int]]


def teachers(
    keys: Sequence[Hashable],
    latents: Float[Tensor, "batch c h w"],
    rngs: Sequence[torch.Generator],
    words: Mapping[str, Conditioning],
    guidance: Guidance,
    until: float,
) -> AuxiliaryBranches:
    """Return one teacher for all pictures with the same key; it begins where they begin.

    Args:
        keys: What makes two pictures the same but for their style: words, seed, start.
        latents: Where each picture begins.
        rngs: The generator of each picture's noise.
        words: Encoded prompts by branch.
        guidance: Guidance scales of the pictures that are wanted.
        until: For which part of the run the teachers stay.
    """
    firsts = list(dict.fromkeys(keys.index(key) for key in keys))
    plain = guidance.plain()
    twins = [_twin(rngs[first]) for first in firsts]
    run = AuxiliaryBranch(latents[torch.tensor(firsts, device=latents.device)], plain, twins, until)
    words_of = {auxiliary_branch(TEACHER, branch): words[branch].rows(firsts) for branch in plain.branches()}
    return AuxiliaryBranches({TEACHER: run}, words_of, {TEACHER: [firsts.index(keys.index(key)) for key in keys]})


def _twin(rng: torch.Generator) -> torch.Generator:
    """Return a generator that will draw the same numbers."""
    twin = torch.Generator(rng.device)
    twin.set_state(rng.get_state())
    return twin


def inverted(
    base: LatentDiffusion,
    reference: Reference,
    words: Conditioning,
    empty: Conditioning,
    timesteps: Tensor,
    geometry: Geometry,
) -> Float[Tensor, "steps 1 c h w"]:
    """Return what the network is shown of the reference at every timestep, by DDIM inversion.

    Args:
        base: Which inverts.
        reference: A picture of the size that is drawn, and its words.
        words: Its encoded prompt.
        empty: The encoded empty prompt, for guidance.
        timesteps: Falling.
        geometry: Size and crop of the pictures that are wanted, in pixels.
    """
    mean, _ = base.encode_images(to_tensor(reference.picture)[None])
    is_guided = reference.guidance_scale > 1
    told = joined([empty, words]) if is_guided else words

    def predict(x_t: Tensor, timestep: float) -> Tensor:
        at = torch.full((len(told),), timestep, device=x_t.device)
        rows = x_t.expand(len(told), -1, -1, -1)
        predicted = base.predict(rows, at.long() if timestep.is_integer() else at, told, [geometry] * len(told))
        return classifier_free(predicted[:1], predicted[1:], reference.guidance_scale) if is_guided else predicted

    process = base.process
    if not isinstance(process, VariancePreserving):
        raise ConfigError("a reference picture cannot be inverted on this base, which has no table of noise levels")
    found = invert(mean.to(base.dtype), timesteps, process.schedule, process.prediction, predict)
    return found[_waiting(len(found), reference.offset)]


def _waiting(steps: int, offset: float) -> list[int]:
    """Return which of the inverted latents each step is shown: those of the offset, then the next until it is past."""
    first = int(steps * offset)
    return [min(first if step == 0 else max(first + 1, step), steps - 1) for step in range(steps)]


def recorded(
    inputs: Float[Tensor, "steps 1 c h w"], words_of: Mapping[str, Conditioning], guidance: Guidance, pictures: int
) -> AuxiliaryBranches:
    """Return the reference as an auxiliary branch of all `pictures`.

    Args:
        inputs: From `inverted`.
        words_of: What its branches are told, one row each: what it shows, and nothing.
        guidance: Guidance scales of the pictures that are wanted.
        pictures: How many look at it.
    """
    plain = guidance.plain()
    words = {auxiliary_branch(REFERENCE, branch): words_of[branch] for branch in plain.branches()}
    return AuxiliaryBranches({REFERENCE: Recorded(inputs, plain)}, words, {REFERENCE: [0] * pictures})
