"""What a user says of a base, where it says something wrong or is to decode with another autoencoder."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict

from impasto.core.config import Config
from impasto.core.paths import FileOrName

PredictionName: TypeAlias = Literal["auto", "epsilon", "v"]
"""What a user may say of a base's prediction; auto believes the base."""
ZeroSnr: TypeAlias = Literal["auto", "yes", "no"]
"""Whether the last timestep is pure noise (arXiv:2305.08891); auto believes the base."""


class Overrides(TypedDict, total=False):
    """Keywords of `open_base`.

    Attributes:
        prediction: What the base predicts: "auto", "epsilon" or "v".
        zero_snr: Whether its last timestep is pure noise: "auto", "yes" or "no".
        vae: Another autoencoder, or None.
    """

    prediction: PredictionName
    zero_snr: ZeroSnr
    vae: str | None


class BaseFacts(Config):
    """Options of everything that opens a base."""

    prediction: PredictionName = "auto"
    """What the base predicts, where it says something wrong; auto believes it."""
    zero_snr: ZeroSnr = "auto"
    """Whether the base's last timestep is pure noise (zero terminal SNR); auto believes it."""
    vae: FileOrName | None = None
    """Another autoencoder of the same latents: a diffusers folder, a .safetensors file, or a hub name."""

    def overrides(self) -> Overrides:
        """Return them as keywords of `open_base`."""
        return {"prediction": self.prediction, "zero_snr": self.zero_snr, "vae": self.vae}

    def overridden(self) -> dict[str, str]:
        """Return those that override something, by name."""
        given = {"prediction": self.prediction, "zero_snr": self.zero_snr, "vae": self.vae}
        return {name: value for name, value in given.items() if value is not None and value != "auto"}
