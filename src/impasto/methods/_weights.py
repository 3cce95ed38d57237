"""What methods share that learn the weights of denoiser and text encoders, all of them or in low rank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

import torch
from pydantic import Field, model_validator

from impasto.adapters.full_weights import FullWeights
from impasto.adapters.learnable import CompositeLearnable, Learnable
from impasto.adapters.low_rank import LowRank
from impasto.adapters.new_tokens import NewTokens, NewWord
from impasto.core import config
from impasto.models.latent_diffusion import LatentDiffusion

DEFAULT_RANK = 16


class WeightSettings(config.Config):
    """What can be chosen about the weights that learn."""

    learn: Literal["full", "lora"] = "full"
    """All weights, as in the paper, or low-rank adapters, for small machines and small files."""
    rank: int | None = Field(default=None, ge=1, le=4096)
    """Rank of the adapters with --learn lora; 16 unless given."""
    alpha: float | None = Field(default=None, gt=0)
    """α with --learn lora: what is learnt counts α / r; r unless given."""
    learn_text: bool = True
    """Learn the text encoders too, as the paper does."""

    @model_validator(mode="after")
    def _rank_has_an_effect(self) -> Self:
        for name, value in (("rank", self.rank), ("alpha", self.alpha)):
            if self.learn == "full" and value is not None:
                raise ValueError(f"{name} has no effect with --learn full: leave it out, or use --learn lora")
        return self


def learnable_weights(
    settings: WeightSettings, base: LatentDiffusion, rng: torch.Generator, new_words: Sequence[NewWord] = ()
) -> Learnable:
    """Return denoiser and text encoders, in full or low rank, and the new words if there are any."""
    networks, targets = base.networks(), base.targets(text=settings.learn_text)
    parts: list[Learnable] = []
    if settings.learn == "full":
        parts.append(FullWeights(networks, list(targets)))
    else:
        parts.append(LowRank(networks, targets, settings.rank or DEFAULT_RANK, rng, alpha=settings.alpha))
    if new_words:
        parts.append(NewTokens(base, new_words))
    return CompositeLearnable(parts)
