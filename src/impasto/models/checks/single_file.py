"""What the header of a checkpoint file says, before its weights are read."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from impasto.core.errors import ConfigError, UnsafeFile
from impasto.core.paths import is_safetensors

_MAX_HEADER = 100_000_000
_FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"
_CONFIGURATIONS = {
    "sd15": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "sdxl": "stabilityai/stable-diffusion-xl-base-1.0",
}


@dataclass(frozen=True, slots=True)
class CheckpointHeader:
    """What a checkpoint file says of itself.

    Attributes:
        family: "sd15" or "sdxl".
        predicts_v: Whether it has the key `v_pred`, as trainers mark such files.
        has_zero_snr: Whether it has the key `ztsnr`.
        in_channels: Channels that its denoiser reads.
    """

    family: str
    predicts_v: bool
    has_zero_snr: bool
    in_channels: int


def configuration_of(family: str) -> str:
    """Return the hub name whose configuration diffusers fetches for a checkpoint of a family."""
    return _CONFIGURATIONS[family]


def read_checkpoint_header(path: Path) -> CheckpointHeader:
    """Return what the header of a checkpoint says.

    Raises:
        UnsafeFile: It is no safetensors file.
        ConfigError: It is of no family that is supported, or for another task.
    """
    if not is_safetensors(path):
        raise UnsafeFile(f"base {path} may be a pickle, which can run code: convert it to .safetensors first")
    names = _names(path)
    if any(name.startswith("conditioner.embedders.") for name in names):
        family = "sdxl"
    elif any(name.startswith("cond_stage_model.") for name in names):
        family = "sd15"
    else:
        raise ConfigError(
            f"base {path} is neither an SD 1.5 nor an SDXL checkpoint: it has no text encoder of these families"
        )
    channels = _channels(names, path)
    if channels != 4:
        raise ConfigError(
            f"base {path} takes {channels} channels instead of 4: it is an inpainting model or one that is shown a "
            "picture; use a text-to-image base"
        )
    return CheckpointHeader(family, "v_pred" in names, "ztsnr" in names, channels)


def _channels(names: dict[str, object], path: Path) -> int:
    layer = names.get(_FIRST_LAYER)
    shape = layer.get("shape") if isinstance(layer, dict) else None
    if not isinstance(shape, list) or len(shape) != 4 or not isinstance(shape[1], int):
        raise ConfigError(f"base {path} has no UNet: it is not a whole checkpoint")
    return shape[1]


def _names(path: Path) -> dict[str, object]:
    with path.open("rb") as stream:
        head = stream.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else _MAX_HEADER
        if length >= _MAX_HEADER:
            raise UnsafeFile(f"base {path} is not a safetensors file: its header is damaged")
        header = stream.read(length)
    try:
        names: object = json.loads(header)
    except ValueError as error:
        raise UnsafeFile(f"base {path} is not a safetensors file: its header is damaged") from error
    if not isinstance(names, dict):
        raise UnsafeFile(f"base {path} is not a safetensors file: its header is damaged")
    return cast("dict[str, object]", names)
