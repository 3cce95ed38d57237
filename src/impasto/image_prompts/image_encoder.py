"""The network that sees reference pictures: a CLIP vision encoder with its preparation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import torch
from jaxtyping import Float
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from impasto.core.errors import ConfigError, ResourceError, first_line
from impasto.image_prompts.image_preparation import Preparation, preparation_of
from impasto.models.loading import quiet_loading

PREPARATION_FILE = "preprocessor_config.json"
_KNOWN = {
    ("embeds", 1024): " (OpenCLIP ViT-H/14)",
    ("embeds", 1280): " (OpenCLIP ViT-bigG/14)",
    ("states", 1280): " (OpenCLIP ViT-H/14)",
    ("states", 1664): " (OpenCLIP ViT-bigG/14)",
}


@dataclass(frozen=True, slots=True)
class Widths:
    """What an encoder gives.

    Attributes:
        embeds: Width of its projected embedding.
        states: Width of its hidden states.
    """

    embeds: int
    states: int

    def of(self, features: str) -> int:
        """Return the width of "embeds" or "states"."""
        return self.embeds if features == "embeds" else self.states


def describe(features: str, width: int) -> str:
    """Return features of a width as messages call them, with the encoder that is known to give them."""
    what = "image embeddings" if features == "embeds" else "hidden states"
    return f"{what} of width {width}{_KNOWN.get((features, width), '')}"


class HasSettings(Protocol):
    """A feature extractor of transformers."""

    def to_dict(self) -> Mapping[str, object]:
        """Return its settings."""


class ImageEncoder:
    """An image encoder.

    Args:
        name: Where it is from, for messages.
        network: Frozen; on the device and in the precision that it shall compute in.
        preparation: How pictures are resized and normalised for it.
    """

    def __init__(self, name: str, network: CLIPVisionModelWithProjection, preparation: Preparation) -> None:
        self.name = name
        self.preparation = preparation
        self._network = network.eval().requires_grad_(False)
        self.widths = widths_of(network.config)

    @torch.no_grad()
    def read(self, pictures: Sequence[Image.Image], features: str) -> Tensor:
        """Return features of square pictures: embeds (pictures, width) or states (pictures, places, width)."""
        return self.read_pixels(self.preparation.pixels(pictures), features)

    @torch.no_grad()
    def read_pixels(self, pixels: Float[Tensor, "pictures 3 side side"], features: str) -> Tensor:
        """Return features of prepared pictures. States are those before the last layer."""
        pixels = pixels.to(self._network.device, self._network.dtype)
        if features == "embeds":
            embeds: Tensor = self._network(pixel_values=pixels).image_embeds
            return embeds
        states: Tensor = self._network(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
        return states

    def read_nothing(self, features: str) -> Tensor:
        """Return the features of one picture of zeros after preparation, which is a plain grey."""
        side = self.preparation.crop
        return self.read_pixels(torch.zeros(1, 3, side, side), features)


def widths_of(config: CLIPVisionConfig) -> Widths:
    """Return the widths that an encoder's configuration states."""
    return Widths(int(config.projection_dim), int(config.hidden_size))


def encoder_of_base(network: CLIPVisionModelWithProjection, extractor: HasSettings | None) -> ImageEncoder:
    """Return the encoder that a base brings, as a pipeline of diffusers holds it."""
    settings = {} if extractor is None else extractor.to_dict()
    side = cast(int, network.config.image_size)
    return ImageEncoder("of the base", network, preparation_of(settings, side, "the base's feature_extractor"))


def read_widths(checkpoint: str) -> Widths:
    """Return the widths of the encoder in a folder or on the hub, without its weights.

    Raises:
        ResourceError: It is not there.
    """
    try:
        with quiet_loading():
            return widths_of(CLIPVisionConfig.from_pretrained(checkpoint))
    except (OSError, ValueError, TypeError) as error:
        raise _not_loaded(checkpoint, error) from error


def load_encoder(checkpoint: str, *, device: torch.device, dtype: torch.dtype) -> ImageEncoder:
    """Return the encoder in a folder or on the hub, safetensors only.

    Raises:
        ResourceError: It is not there, is damaged, or lacks weights.
        ConfigError: Its preparation cannot be followed.
    """
    try:
        with quiet_loading():
            loaded: object = CLIPVisionModelWithProjection.from_pretrained(
                checkpoint, dtype=dtype, use_safetensors=True, output_loading_info=True
            )
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise _not_loaded(checkpoint, error) from error
    network, report = cast("tuple[CLIPVisionModelWithProjection, dict[str, set[str]]]", loaded)
    if missing := sorted(report["missing_keys"]):
        raise ResourceError(
            f"image encoder {checkpoint} lacks {len(missing)} weights, {missing[0]} for one: take a whole "
            "CLIPVisionModelWithProjection"
        )
    settings, where = _settings_of(Path(checkpoint))
    preparation = preparation_of(settings, cast(int, network.config.image_size), where)
    network.to(device)  # type: ignore[arg-type]  # transformers wraps to() without its self
    return ImageEncoder(checkpoint, network, preparation)


def _settings_of(folder: Path) -> tuple[Mapping[str, object], str]:
    """Return the settings of the feature extractor in the encoder's folder or beside it, and their name."""
    for path in (folder / PREPARATION_FILE, folder.parent / "feature_extractor" / PREPARATION_FILE):
        if path.is_file():
            try:
                settings = json.loads(path.read_text("utf-8"))
            except ValueError as error:
                raise ConfigError(f"{path} is damaged (not JSON): download it again") from error
            if not isinstance(settings, dict):
                raise ConfigError(f"{path} is damaged (no table): download it again")
            return settings, str(path)
    return {}, f"image encoder {folder}"


def _not_loaded(checkpoint: str, error: Exception) -> ResourceError:
    return ResourceError(
        f"image encoder {checkpoint} could not be loaded ({first_line(error)}): name the folder or hub name of a "
        "CLIPVisionModelWithProjection with .safetensors weights"
    )
