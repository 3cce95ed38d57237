"""What methods that learn by denoising share: noise a batch, predict it in one pass, and split errors by stream."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from impasto.core.device import to_device
from impasto.core.rng import generator, noise_for
from impasto.data.streams import AUX, Batch, kind_of
from impasto.diffusion.losses import squared_error, weighted_sum
from impasto.diffusion.noise_process import Levels
from impasto.diffusion.timesteps import DrawLevels, as_trained
from impasto.models.conditioning import joined
from impasto.models.model import BaseModel


@dataclass(frozen=True, slots=True)
class NoisedBatch:
    """A batch of all streams after one forward pass; rows are in the order of the streams.

    Attributes:
        x_0: Clean latents.
        epsilon: The noise that was added.
        x_t: Noised latents.
        levels: Of noise, in the unit of the base's process.
        predicted: The network's output.
        counts: Rows of each stream, by its name.
    """

    x_0: Float[Tensor, "batch c h w"]
    epsilon: Float[Tensor, "batch c h w"]
    x_t: Float[Tensor, "batch c h w"]
    levels: Levels
    predicted: Float[Tensor, "batch c h w"]
    counts: dict[str, int]

    def errors(self, base: BaseModel) -> Float[Tensor, " batch"]:
        """Return the squared error of what the base predicts, one value a row, weighted as the run says."""
        target = base.process.target(self.x_0, self.epsilon, self.levels)
        weights = base.objective.weights(base.process, self.levels)
        return _weighted(squared_error(self.predicted, target), weights)

    def errors_of_x_0(self, base: BaseModel) -> Float[Tensor, " batch"]:
        """Return the squared error of the clean latents that the prediction implies, one value a row; likewise."""
        implied = base.process.to_x_0(self.x_t, self.predicted.float(), self.levels)
        weights = base.objective.weights_of_x_0(base.process, self.levels)
        return _weighted(squared_error(implied, self.x_0), weights)

    def by_stream(self, errors: Float[Tensor, " batch"]) -> dict[str, Float[Tensor, ""]]:
        """Return the mean of `errors` over the rows of each stream."""
        parts = torch.split(errors, list(self.counts.values()))
        return {name: part.mean() for name, part in zip(self.counts, parts, strict=True)}


def _weighted(errors: Float[Tensor, " batch"], weights: Float[Tensor, " batch"] | None) -> Float[Tensor, " batch"]:
    return errors if weights is None else errors * weights


def denoise_batch(
    base: BaseModel, batch: Batch, rng: torch.Generator, draw_levels: DrawLevels = as_trained
) -> NoisedBatch:
    """Return the network's answer to a noised batch; the rows of all streams go through it together.

    Noise and level of a row come from its own seed, and from `rng` where rows have none.
    """
    parts = list(batch.values())
    x_0 = torch.cat([part.x_0 for part in parts])
    rngs = [generator(seed) for part in parts for seed in part.seeds]
    if rngs:
        noise = noise_for(rngs, (x_0.shape[1], x_0.shape[2], x_0.shape[3]))
        drawn = torch.cat([draw_levels(base.process, 1, each) for each in rngs])
    else:
        noise = torch.randn(x_0.shape, generator=rng)
        drawn = draw_levels(base.process, len(x_0), rng)
    noise = base.objective.offset(noise, rngs, rng)
    epsilon, levels = to_device(noise, x_0.device), to_device(drawn, x_0.device)
    x_t = base.process.add_noise(x_0, epsilon, levels)
    conditioning = joined([base.encode_prompts(part.prompts) for part in parts])
    geometry = [each for part in parts for each in part.geometry]
    predicted = base.predict(x_t, base.process.to_timesteps(levels), conditioning, geometry)
    counts = {name: len(part.x_0) for name, part in batch.items()}
    return NoisedBatch(x_0, epsilon, x_t, levels, predicted, counts)


def style_and_prior(
    base: BaseModel, batch: Batch, rng: torch.Generator, prior_weight: float
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """Return L(style) + λ L(aux) and both terms; all rows go through the network together.

    E ||ε - ε_θ(x_t, c)||² + λ E ||ε - ε_θ(x'_t', c_prior)||²     arXiv:2208.12242, Eq. 2, in its ε form
    """
    denoised = denoise_batch(base, batch, rng)
    terms = denoised.by_stream(denoised.errors(base))
    weights = {name: prior_weight if kind_of(name) == AUX else 1.0 for name in terms}
    return weighted_sum(terms, weights), terms
