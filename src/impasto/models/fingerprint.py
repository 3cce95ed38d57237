"""Tell bases apart: by the shapes of their weights, and by a short numeric signature of their values.

A hash of all bytes would call the fp16 and the fp32 file of one checkpoint two models; the signature is compared with
a tolerance that rounding stays below and another checkpoint does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

_SAMPLED = 24
_TOLERANCE = 0.004


class Fingerprint(BaseModel):
    """What a style file remembers of its base.

    Attributes:
        architecture: SHA-256 of all weight names and shapes, shortened.
        signature: Mean absolute value of evenly chosen weight matrices.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    signature: tuple[float, ...]

    def matches(self, other: Fingerprint) -> bool:
        """Return whether both are the same base up to rounding."""
        if self.architecture != other.architecture or len(self.signature) != len(other.signature):
            return False
        pairs = zip(self.signature, other.signature, strict=True)
        return all(abs(mine - theirs) <= _TOLERANCE * max(abs(mine), abs(theirs), 1e-8) for mine, theirs in pairs)


def fingerprint_of(networks: Mapping[str, nn.Module]) -> Fingerprint:
    """Return the fingerprint of the networks, in the order of their names."""
    weights: dict[str, Tensor] = {}
    for name in sorted(networks):
        weights |= {f"{name}.{key}": value for key, value in networks[name].state_dict().items()}
    listing = "\n".join(f"{name} {tuple(value.shape)}" for name, value in weights.items())
    matrices = [value for value in weights.values() if value.ndim >= 2 and value.is_floating_point()]
    chosen = matrices[:: max(1, len(matrices) // _SAMPLED)][:_SAMPLED]
    with torch.no_grad():
        # in double precision, so that not even the last digit depends on how many threads add up
        signature = tuple(round(float(value.cpu().double().abs().mean()), 8) for value in chosen)
    return Fingerprint(architecture=hashlib.sha256(listing.encode()).hexdigest()[:16], signature=signature)
